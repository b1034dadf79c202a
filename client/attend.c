/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A loop of two steps: under the lock, do whatever can be done now, and find out what to wait for; without it, wait.
 * Nothing under the lock waits, and all that concerns the connection happens there, so that a thread that has been
 * replaced notices it before it does harm.
 */

#include "client/attend.h"

#include <errno.h>
#include <poll.h>

#include "client/carry.h"
#include "client/helper.h"
#include "client/recorder.h"
#include "client/resync.h"

/* ms between looks at a server that is behind. */
#define LOOK_FIRST 1
#define LOOK_GAP 20
#define LOOK_MAX 100

static struct tt_alloc_recorder *const recorder = &tt_alloc_recorder;

struct attendance {
    unsigned number;
    bool has_begun;
    struct tt_alloc_resync resync;
    bool has_asked; /* for a larger ring, whose answer is then the only frame to be expected */
    bool is_answered;
    struct tt_alloc_producer next; /* the larger ring, until it is taken into use */
    bool is_next_ready;
    int look; /* ms until the next look */
    struct pollfd polls[2];
    int timeout;
};

static void look_again(struct attendance *a, int least)
{
    if (a->look < least)
        a->look = least;
    a->timeout = a->look;
    a->look = a->look * 2 < LOOK_MAX ? a->look * 2 : LOOK_MAX;
}

/* ---- Under the lock ---- */

/* The old ring's last record sends the server to the new one. */
static void switch_rings(struct attendance *a)
{
    const struct tt_alloc_record record = {.type = TT_ALLOC_RING_SWITCH, .device_id = TT_ALLOC_ALL_DEVICES};

    if (!tt_alloc_producer_has_room(&recorder->ring)) {
        look_again(a, LOOK_FIRST);
        return;
    }
    tt_alloc_carry_record(&record);
    tt_alloc_producer_close(&recorder->ring);
    recorder->ring = a->next;
    a->next = (struct tt_alloc_producer){0};
    tt_alloc_producer_tell_made(&recorder->ring, recorder->made);
}

static void ask_for_larger_ring(struct attendance *a)
{
    const struct tt_alloc_ring_message request = {
        .type = TT_ALLOC_RING_REQUEST, .device_id = TT_ALLOC_ALL_DEVICES, .slots = TT_ALLOC_RING_SLOTS_MAX};

    a->has_asked = tt_alloc_carry_frame(&request) == 0;
}

static void tend_ring(struct attendance *a)
{
    if (a->is_next_ready && a->next.memory != NULL)
        switch_rings(a);
    else if (!a->has_asked && recorder->wakes >= TT_ALLOC_WAKES_UNTIL_GROWTH &&
             recorder->ring.slots < TT_ALLOC_RING_SLOTS_MAX)
        ask_for_larger_ring(a);
}

/* Whether the server has taken all that was sent. */
static bool is_drained(void)
{
    struct pollfd pollfd = {.fd = recorder->link.fd, .events = POLLOUT};

    if (recorder->carrier == TT_ALLOC_BY_RING)
        return tt_alloc_producer_room(&recorder->ring) == recorder->ring.slots;
    return recorder->link.rest_size == 0 && poll(&pollfd, 1, 0) == 1;
}

static void start_telling(struct attendance *a)
{
    a->resync = (struct tt_alloc_resync){0};
    tt_alloc_helper_set_busy(true);
    tt_alloc_recorder_set_state(TT_ALLOC_TELLING);
}

/* An older server cannot be told again: it would count every buffer twice. */
static void tend_gap(struct attendance *a)
{
    tt_alloc_helper_set_busy(false);
    if (!is_drained())
        look_again(a, LOOK_GAP);
    else if (recorder->carrier == TT_ALLOC_BY_FRAMES)
        tt_alloc_recorder_set_state(TT_ALLOC_STEADY);
    else
        start_telling(a);
}

static void tend_telling(struct attendance *a)
{
    int r = tt_alloc_resync_step(&a->resync);

    if (recorder->state != TT_ALLOC_TELLING || r > 0) {
        a->timeout = 0;
        a->look = LOOK_FIRST;
    } else if (r == 0) {
        tt_alloc_recorder_set_state(TT_ALLOC_STEADY);
        tt_alloc_helper_set_busy(false);
        a->look = LOOK_FIRST;
    } else {
        look_again(a, LOOK_FIRST);
    }
}

static int describe(void)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < recorder->descriptions.count; i++)
        r = tt_alloc_carry_frame(&recorder->descriptions.record[i]);
    if (r == 0)
        recorder->must_describe = false;
    return r;
}

/* What did not fit into the socket. */
static short tend_socket(void)
{
    if (recorder->link.rest_size > 0)
        (void)tt_alloc_link_send_rest(&recorder->link);
    if (recorder->must_describe)
        (void)describe();
    return recorder->link.rest_size > 0 || recorder->must_describe ? POLLOUT : 0;
}

/* BEGIN is told in the same moment in which reports begin to go to the server. */
static void tend(struct attendance *a)
{
    short events = tend_socket();

    if (!a->has_begun)
        start_telling(a);
    a->has_begun = true;
    a->timeout = tt_alloc_helper_longest_wait();
    if (recorder->state == TT_ALLOC_GAP)
        tend_gap(a);
    if (recorder->state >= TT_ALLOC_TELLING && recorder->carrier == TT_ALLOC_BY_RING)
        tend_ring(a);
    if (recorder->state == TT_ALLOC_TELLING)
        tend_telling(a);
    a->polls[0] = (struct pollfd){.fd = recorder->link.fd, .events = (short)(POLLIN | events)};
    a->polls[1] = (struct pollfd){.fd = tt_alloc_helper_sleeper(), .events = POLLIN};
}

/* All that can arrive is a ring that was asked for, and the end. (A server that was taken for an older one because it
 * was slow says WELCOME: it is worth to begin again.) */
static int receive(struct attendance *a)
{
    char byte;
    int r;

    if (a->has_asked && !a->is_answered) {
        r = tt_alloc_link_receive_ring(&recorder->link, &a->next);
        if (r == -EAGAIN)
            return 0;
        a->is_answered = true;
        return r == -EBADF || r == -ECONNRESET || r == -EPROTO ? r : 0;
    }
    ssize_t n = tt_alloc_link_receive(&recorder->link, &byte, 1);
    if (n < 0)
        return n == -EAGAIN ? 0 : (int)n;
    return -EPROTO;
}

/* ---- The loop ---- */

/* Of the larger ring, which takes too long for the lock. Without memory for it the first one has to do. */
static void make_next_ready(struct attendance *a)
{
    if (tt_alloc_producer_populate(&a->next) < 0)
        tt_alloc_producer_close(&a->next);
    a->is_next_ready = true;
}

static void wait_for_events(struct attendance *a)
{
    if (a->next.memory != NULL && !a->is_next_ready)
        make_next_ready(a);
    else if (poll(a->polls, 2, a->timeout) < 0)
        a->polls[0].revents = 0;
}

static int look(struct attendance *a)
{
    if (tt_alloc_helper_take_kick() < 0 || !tt_alloc_link_is_ours(&recorder->link))
        return -EBADF;
    if ((a->polls[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        return receive(a);
    return 0;
}

static int turn(struct attendance *a)
{
    int r;

    if (!tt_alloc_helper_enter(a->number))
        return -ESTALE;
    r = look(a);
    if (r == 0)
        tend(a);
    if (r == 0 && recorder->state == TT_ALLOC_ABSENT)
        r = -EPIPE;
    tt_alloc_recorder_leave();
    return r;
}

int tt_alloc_attend(unsigned number)
{
    struct attendance a = {.number = number, .look = LOOK_FIRST};
    int r;

    while ((r = turn(&a)) == 0)
        wait_for_events(&a);
    tt_alloc_producer_close(&a.next);
    return r;
}
