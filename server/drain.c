/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A list of sessions that owe something, worked off in turns of a quarter of a millisecond while the loop goes on
 * turning, and the questions that wait for it. A corrupt ring may be noticed anywhere, but its session is closed only
 * from a slice, where nobody holds a pointer to it.
 */

#include "server/drain.h"

#include <assert.h>

#include "server/clock.h"
#include "server/pace.h"
#include "server/reporting.h"
#include "server/server.h"
#include "server/session.h"

/* What may be done at once in a turn of the loop, all sessions together, in records: a fraction of a millisecond. */
#define AT_ONCE 2048
#define LOOK_PRICE 4  /* of a look at a ring */
#define END_PRICE 512 /* of the end of a session */

#define QUESTIONS_A_ROUND 4 /* of one user */
#define RECORDS_A_STEP 256
#define SLOTS_A_STEP 1024 /* of a sweep */

static struct session *first_of(const struct list *queue)
{
    return LIST_ENTRY(queue->next, struct session, intake.behind_link);
}

static bool owes(const struct session *session)
{
    return session->intake.is_corrupt || session->intake.owed > 0;
}

static bool is_sweeping(const struct drain *drain)
{
    return !list_is_empty(&drain->server->registry.sweeping);
}

/* A timer that is always due runs once per turn of the loop, beside whatever else happened in it. */
static void run_soon(struct drain *drain)
{
    if (ev_is_active(&drain->slice))
        return;
    ev_timer_set(&drain->slice, 0., 1e-9);
    ev_timer_start(drain->server->loop, &drain->slice);
}

static void put_behind(struct drain *drain, struct session *session)
{
    if (list_is_empty(&session->intake.behind_link))
        list_append(owes(session) ? &drain->behind : &drain->ending, &session->intake.behind_link);
    run_soon(drain);
}

void drain_sweep(struct drain *drain)
{
    if (is_sweeping(drain))
        run_soon(drain);
}

/* ---- The allowance ---- */

static size_t allowance(struct drain *drain)
{
    unsigned turn = ev_iteration(drain->server->loop);

    if (drain->turn != turn) {
        drain->turn = turn;
        drain->allowance = AT_ONCE;
    }
    return drain->allowance;
}

static void spend(struct drain *drain, size_t price)
{
    drain->allowance = allowance(drain) > price ? drain->allowance - price : 0;
}

/* ---- Taking in ---- */

/* If nothing came, nothing is there, whatever was seen before. */
static uint64_t rest(uint64_t owed, size_t taken)
{
    return taken > 0 && taken < owed ? owed - taken : 0;
}

/* Also where nothing waits: that is when losses are found out. Returns how many records were taken. */
static size_t take(struct session *session, size_t limit)
{
    struct intake *intake = &session->intake;
    size_t taken = 0;

    if (intake->is_corrupt || !session->feed.ring)
        return 0;
    if (feed_drain(&session->feed, &session->server->registry, session->process, limit, clock_now(), &taken) < 0)
        intake->is_corrupt = true;
    intake->owed = rest(intake->owed, taken);
    intake->awaited = rest(intake->awaited, taken);
    if (session->feed.refusal < 0)
        reporting_tell_refusal(session, session->feed.refusal);
    session->feed.refusal = 0;
    session_charge_rings(session);
    registry_look_again(&session->server->registry, session->process, clock_now());
    hardware_attend(&session->server->hardware);
    drain_sweep(&session->server->drain);
    return taken;
}

static void take_at_once(struct drain *drain, struct session *session)
{
    size_t limit = allowance(drain);

    if (session->intake.owed < limit)
        limit = (size_t)session->intake.owed;
    if (limit > 0)
        spend(drain, take(session, limit));
}

static void look(struct session *session)
{
    session->intake.owed = feed_pending(&session->feed);
    if (session->intake.owed == 0)
        take(session, 0);
}

bool drain_session(struct drain *drain, struct session *session)
{
    look(session);
    take_at_once(drain, session);
    if (!owes(session))
        return true;
    put_behind(drain, session);
    return false;
}

bool drain_at_end(struct drain *drain, struct session *session)
{
    bool is_affordable = allowance(drain) >= END_PRICE;

    if (!drain_session(drain, session))
        return false;
    spend(drain, END_PRICE);
    if (!is_affordable)
        put_behind(drain, session);
    return is_affordable;
}

bool drain_is_closing(const struct drain *drain)
{
    return !list_is_empty(&drain->ending);
}

void drain_wholly(struct session *session)
{
    look(session);
    while (session->intake.owed > 0 && !session->intake.is_corrupt)
        take(session, RECORDS_A_STEP);
}

/* ---- Questions ---- */

/* Whether what waits in all rings may be taken in at once. */
static bool is_little(struct drain *drain)
{
    uint64_t all = 0;

    list_for_each (link, &drain->rings) {
        struct session *session = LIST_ENTRY(link, struct session, intake.ring_link);

        look(session);
        spend(drain, LOOK_PRICE);
        all += session->intake.owed;
        if (session->intake.is_corrupt || all > allowance(drain) || allowance(drain) == 0)
            return false;
    }
    return true;
}

static void take_all(struct drain *drain)
{
    list_for_each (link, &drain->rings) {
        struct session *session = LIST_ENTRY(link, struct session, intake.ring_link);

        take_at_once(drain, session);
        if (owes(session))
            put_behind(drain, session);
    }
}

bool drain_for_question(struct drain *drain, struct session *session)
{
    bool is_free = list_is_empty(&drain->asking) && list_is_empty(&drain->next);

    if (is_free && is_little(drain)) {
        take_all(drain);
        return true;
    }
    list_append(&drain->next, &session->intake.asking_link);
    run_soon(drain);
    return false;
}

/* One question more of each user that has so many in the round. */
static void admit_questions(struct drain *drain, unsigned so_many)
{
    list_for_each (link, &drain->next) {
        struct user *user = LIST_ENTRY(link, struct session, intake.asking_link)->user;

        if (user->round != drain->round)
            user->round_questions = 0;
        user->round = drain->round;
        if (user->round_questions != so_many)
            continue;
        user->round_questions++;
        list_remove(link);
        list_append(&drain->asking, link);
    }
}

/* Users take turns, and none has more than a few questions in a round: who asks through many connections keeps himself
 * waiting and nobody else. */
static void begin_round(struct drain *drain)
{
    assert(drain->round_left == 0 && list_is_empty(&drain->asking));
    drain->round++;
    for (unsigned so_many = 0; so_many < QUESTIONS_A_ROUND; so_many++)
        admit_questions(drain, so_many);
    list_for_each (link, &drain->rings) {
        struct session *session = LIST_ENTRY(link, struct session, intake.ring_link);

        if (session->is_ending && !owes(session))
            continue; /* all that it reported was taken in */
        look(session);
        if (!owes(session))
            continue;
        session->intake.awaited = session->intake.owed;
        session->intake.is_in_round = true;
        drain->round_left++;
        put_behind(drain, session);
    }
}

static void leave_round(struct drain *drain, struct session *session)
{
    drain->round_left -= session->intake.is_in_round;
    session->intake.is_in_round = false;
}

/* The round is over. At least one, or those who report all the time would leave no time for it. */
static void answer(struct drain *drain, uint64_t stop)
{
    while (!list_is_empty(&drain->asking)) {
        struct session *session = LIST_ENTRY(drain->asking.next, struct session, intake.asking_link);

        list_remove(&session->intake.asking_link);
        session_resume(session);
        if (clock_now() >= stop)
            return;
    }
}

/* ---- Slices ---- */

static void step(struct drain *drain, struct session *session)
{
    if (session->intake.owed > 0)
        take(session, RECORDS_A_STEP);
    list_remove(&session->intake.behind_link);
    if (session->intake.is_corrupt) {
        session_cut_off(session);
        return;
    }
    if (session->intake.awaited == 0)
        leave_round(drain, session);
    if (owes(session))
        list_append(&drain->behind, &session->intake.behind_link);
    else
        session_drained(session);
}

static void sweep_step(struct drain *drain)
{
    struct registry *registry = &drain->server->registry;
    struct process *process = LIST_ENTRY(registry->sweeping.next, struct process, sweep_link);
    size_t slots = SLOTS_A_STEP;

    registry_sweep(registry, process, &slots);
}

/* Reports and sweeps in turn: neither has to wait for the other's end. */
static void work(struct drain *drain, uint64_t stop)
{
    while (!list_is_empty(&drain->behind) || is_sweeping(drain)) {
        if (!list_is_empty(&drain->behind))
            step(drain, first_of(&drain->behind));
        if (is_sweeping(drain))
            sweep_step(drain);
        if (clock_now() >= stop)
            return;
    }
}

static void close_some(struct drain *drain, uint64_t stop)
{
    while (!list_is_empty(&drain->ending) && clock_now() < stop)
        step(drain, first_of(&drain->ending));
}

static void on_slice(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct drain *drain = timer->data;
    uint64_t stop = clock_now() + PACE_SLICE;

    (void)events;
    if (drain->round_left == 0)
        answer(drain, stop);
    if (drain->round_left == 0 && list_is_empty(&drain->asking) && !list_is_empty(&drain->next))
        begin_round(drain);
    work(drain, stop);
    close_some(drain, clock_now() + PACE_SLICE);
    if (list_is_empty(&drain->behind) && list_is_empty(&drain->ending) && list_is_empty(&drain->asking) &&
        list_is_empty(&drain->next) && !is_sweeping(drain))
        ev_timer_stop(loop, timer);
}

/* ---- Members ---- */

void drain_init(struct drain *drain, struct server *server)
{
    *drain = (struct drain){.server = server};
    list_init(&drain->rings);
    list_init(&drain->behind);
    list_init(&drain->ending);
    list_init(&drain->asking);
    list_init(&drain->next);
    ev_timer_init(&drain->slice, on_slice, 0., 0.);
    drain->slice.data = drain;
}

void drain_done(struct drain *drain)
{
    if (drain->server)
        ev_timer_stop(drain->server->loop, &drain->slice);
}

void intake_init(struct intake *intake)
{
    *intake = (struct intake){0};
    list_init(&intake->ring_link);
    list_init(&intake->behind_link);
    list_init(&intake->asking_link);
}

void drain_add(struct drain *drain, struct session *session)
{
    if (list_is_empty(&session->intake.ring_link))
        list_append(&drain->rings, &session->intake.ring_link);
}

void drain_forget(struct drain *drain, struct session *session)
{
    leave_round(drain, session);
    list_remove(&session->intake.ring_link);
    list_remove(&session->intake.behind_link);
    list_remove(&session->intake.asking_link);
}
