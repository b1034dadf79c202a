/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_protocol */

/*
 * All interleavings of a small ring. Client and server are reduced to the steps that the other can see: write a record,
 * publish tail, send a wake-up, read it, read tail, copy, publish head. From every state that can be reached each of
 * them may go next, until there is no new state. In none of them may
 *
 *   - the server sleep without a wake-up on its way while a quarter or more is unread and the client rests, or while
 *     the client waits for room or for the end of a gap;
 *   - the server copy a record that is not the one it expects.
 *
 * The same search must find what is wrong with rules that are almost right: so it can.
 *
 * What is assumed: a wake-up that was sent after tail was published is read after it, which system calls guarantee, and
 * what is published with release is seen with acquire. Memory is otherwise as in one thread.
 */

#include "tests/unit/fixture.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define REPORTS 14
#define STATES_LOG2 21

enum step {
    CHECK, /* for room */
    WRITE,
    PUBLISH,
    WAKE,
    NEXT,      /* report */
    WAKE_FULL, /* there was no room */
    WAIT,
};

enum look {
    ASLEEP, /* until the socket has something to read */
    READ,
    LOOK, /* at tail */
    COPY,
    GIVE_BACK,
    LOOK_FIRST, /* of a wrong rule */
};

struct rules {
    unsigned slots;
    unsigned queue; /* wake-ups that find room in the socket */
    bool reads_one; /* wake-up at a time, not all there are */
    enum step order[5];
    bool looks_before_reading;
    bool gives_back_before_copying;
    bool wakes_by_half;
    bool wakes_by_head;
    bool ignores_head;
};

struct state {
    uint8_t step;    /* of the client: position in order, or WAKE_FULL, WAIT */
    uint8_t made;    /* reports done */
    uint8_t written; /* records */
    uint8_t tail;
    uint8_t has_gap;
    uint8_t queued; /* wake-ups in the socket */
    uint8_t look;   /* of the server */
    uint8_t seen;   /* of tail */
    uint8_t taken;
    uint8_t head;
};

struct search {
    const struct rules *rules;
    struct state *states; /* a hash table; made of all ones: empty */
    struct state *stack;
    size_t depth;
    size_t count;
    size_t stuck;
    size_t torn;
};

static const struct rules right = {.slots = 4, .queue = 1, .order = {CHECK, WRITE, PUBLISH, WAKE, NEXT}};

/* ---- States that were seen ---- */

static size_t hash(const struct state *state)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < sizeof(*state); i++)
        hash = (hash ^ ((const uint8_t *)state)[i]) * UINT64_C(0x100000001b3);
    return (size_t)(hash ^ hash >> 29);
}

/* Remembers a state, and puts it on the stack if it is new. */
static void visit(struct search *search, struct state state)
{
    const size_t mask = ((size_t)1 << STATES_LOG2) - 1;
    size_t place = hash(&state) & mask;

    while (search->states[place].step != UINT8_MAX) {
        if (memcmp(&search->states[place], &state, sizeof(state)) == 0)
            return;
        place = (place + 1) & mask;
    }
    assert_true(++search->count < mask / 2);
    search->states[place] = state;
    search->stack[search->depth++] = state;
}

/* ---- The client ---- */

static void send_wake(const struct rules *rules, struct state *state)
{
    if (state->queued < rules->queue)
        state->queued++;
}

static bool is_wake_due(const struct rules *rules, const struct state *state)
{
    unsigned quarter = rules->slots / 4;

    if (rules->wakes_by_head)
        return (unsigned)(state->tail - state->head) == quarter;
    return state->written % (rules->wakes_by_half ? 2 * quarter : quarter) == 0;
}

static bool has_room(const struct rules *rules, const struct state *state)
{
    return rules->ignores_head || (unsigned)(state->tail - state->head) < rules->slots;
}

static enum step step_of(const struct rules *rules, const struct state *state)
{
    return state->step < 5 ? rules->order[state->step] : (enum step)state->step;
}

static void check_for_room(const struct rules *rules, struct state *state)
{
    if (state->has_gap)
        state->made++;
    else if (has_room(rules, state))
        state->step++;
    else
        state->step = WAKE_FULL;
}

/* The wait ends when there is room or when it has lasted too long. */
static void end_of_wait(struct search *search, struct state state)
{
    struct state later = state;

    if (has_room(search->rules, &state)) {
        later.step = 1;
        visit(search, later);
    }
    later = state;
    later.has_gap = 1;
    later.made++;
    later.step = 0;
    visit(search, later);
}

static void go_on_client(struct search *search, struct state state)
{
    const struct rules *rules = search->rules;
    enum step step = step_of(rules, &state);

    if (step == CHECK && state.made == REPORTS)
        return;
    if (step == WAIT) {
        end_of_wait(search, state);
        return;
    }
    if (step == CHECK) {
        check_for_room(rules, &state);
    } else if (step == WAKE_FULL) {
        send_wake(rules, &state);
        state.step = WAIT;
    } else if (step == NEXT) {
        state.made++;
        state.step = 0;
    } else {
        if (step == WRITE)
            state.written++;
        else if (step == PUBLISH)
            state.tail++;
        else if (is_wake_due(rules, &state))
            send_wake(rules, &state);
        state.step++;
    }
    visit(search, state);
}

/* The helper thread resyncs once the server has taken all there was. */
static void heal(struct search *search, struct state state)
{
    if (!state.has_gap || state.step != 0 || state.head != state.tail)
        return;
    state.has_gap = 0;
    visit(search, state);
}

/* ---- The server ---- */

/* What stands in the slot of record `number` is the last one written there. */
static bool is_there(const struct rules *rules, const struct state *state, unsigned number)
{
    return number < state->written && number + rules->slots >= state->written;
}

static void read_wakes(const struct rules *rules, struct state *state)
{
    state->queued = rules->reads_one && state->queued ? (uint8_t)(state->queued - 1) : 0;
}

static void look_at_tail(struct state *state, bool then_read)
{
    state->seen = state->tail;
    state->look = then_read ? READ : COPY;
}

static void copy(struct search *search, struct state *state)
{
    if (search->rules->gives_back_before_copying)
        state->head = state->seen;
    if (state->taken == state->seen) {
        state->look = GIVE_BACK;
        return;
    }
    search->torn += !is_there(search->rules, state, state->taken);
    state->taken++;
}

static void go_on_server(struct search *search, struct state state)
{
    const struct rules *rules = search->rules;

    switch ((enum look)state.look) {
    case ASLEEP:
        if (state.queued == 0)
            return;
        state.look = rules->looks_before_reading ? LOOK_FIRST : READ;
        break;
    case READ:
        read_wakes(rules, &state);
        state.look = rules->looks_before_reading ? COPY : LOOK;
        break;
    case LOOK:
        look_at_tail(&state, false);
        break;
    case LOOK_FIRST:
        look_at_tail(&state, true);
        break;
    case COPY:
        copy(search, &state);
        break;
    case GIVE_BACK:
        state.head = state.taken;
        state.look = ASLEEP;
        break;
    }
    visit(search, state);
}

/* Somebody asks something at any time: the server looks without having been woken. */
static void answer_question(struct search *search, struct state state)
{
    if (state.look != ASLEEP || search->rules->looks_before_reading)
        return;
    state.look = LOOK;
    visit(search, state);
}

/* ---- The search ---- */

/* Whether nobody will do anything about something that has to be done. */
static bool is_stuck(const struct rules *rules, const struct state *state)
{
    unsigned unread = (unsigned)(state->tail - state->head);

    if (state->look != ASLEEP || state->queued > 0)
        return false;
    if (state->step == WAIT)
        return !has_room(rules, state);
    if (state->step != 0)
        return false;
    return state->has_gap ? unread > 0 : unread >= rules->slots / 4;
}

/* Returns what is wrong: states that are stuck, and copies of wrong records. */
static size_t explore(const struct rules *rules, size_t *ret_states)
{
    const size_t room = (size_t)1 << STATES_LOG2;
    struct search search = {
        .rules = rules, .states = malloc(room * sizeof(struct state)), .stack = malloc(room * sizeof(struct state))};

    assert_true(search.states && search.stack);
    memset(search.states, 0xff, room * sizeof(struct state));
    visit(&search, (struct state){0});
    while (search.depth > 0) {
        struct state state = search.stack[--search.depth];

        search.stuck += is_stuck(rules, &state);
        go_on_client(&search, state);
        go_on_server(&search, state);
        heal(&search, state);
        answer_question(&search, state);
    }
    free(search.states);
    free(search.stack);
    *ret_states = search.count;
    return search.stuck + search.torn;
}

static void test_no_wake_up_is_lost(void **state)
{
    (void)state;
    for (unsigned slots = 4; slots <= 8; slots *= 2)
        for (unsigned queue = 1; queue <= 2; queue++)
            for (unsigned one = 0; one < 2; one++) {
                struct rules rules = right;
                size_t states;

                rules.slots = slots;
                rules.queue = queue;
                rules.reads_one = one;
                assert_int_equal(explore(&rules, &states), 0);
                assert_true(states > 1000);
            }
}

/* ---- Rules that are wrong, each of which has been thought right by somebody ---- */

static void assert_found(const struct rules *rules)
{
    struct rules variant = *rules;
    size_t states;

    assert_true(explore(&variant, &states) > 0);
    variant.slots = 8;
    assert_true(explore(&variant, &states) > 0);
}

static void test_a_wake_up_before_tail_is_published(void **state)
{
    struct rules rules = {.slots = 4, .queue = 1, .order = {CHECK, WRITE, WAKE, PUBLISH, NEXT}};

    (void)state;
    assert_found(&rules);
}

static void test_tail_published_before_the_record_is_written(void **state)
{
    struct rules rules = {.slots = 4, .queue = 1, .order = {CHECK, PUBLISH, WRITE, WAKE, NEXT}};

    (void)state;
    assert_found(&rules);
}

static void test_looking_before_reading_the_wake_up(void **state)
{
    struct rules rules = right;

    (void)state;
    rules.looks_before_reading = true;
    assert_found(&rules);
}

static void test_giving_back_before_copying(void **state)
{
    struct rules rules = right;

    (void)state;
    rules.gives_back_before_copying = true;
    assert_found(&rules);
}

static void test_waking_too_seldom(void **state)
{
    struct rules rules = right;

    (void)state;
    rules.wakes_by_half = true;
    assert_found(&rules);
}

/* Waking when just a quarter is unread: head may move on later and leave a quarter that nobody was woken for. */
static void test_waking_by_what_head_says(void **state)
{
    struct rules rules = right;

    (void)state;
    rules.wakes_by_head = true;
    assert_found(&rules);
}

static void test_not_waiting_for_head(void **state)
{
    struct rules rules = right;

    (void)state;
    rules.ignores_head = true;
    assert_found(&rules);
}

static void test_never_waking(void **state)
{
    struct rules rules = right;

    (void)state;
    rules.queue = 0;
    assert_found(&rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_no_wake_up_is_lost),
        FIXTURE(test_a_wake_up_before_tail_is_published),
        FIXTURE(test_tail_published_before_the_record_is_written),
        FIXTURE(test_looking_before_reading_the_wake_up),
        FIXTURE(test_giving_back_before_copying),
        FIXTURE(test_waking_too_seldom),
        FIXTURE(test_waking_by_what_head_says),
        FIXTURE(test_not_waiting_for_head),
        FIXTURE(test_never_waking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
