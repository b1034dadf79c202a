/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Ring and frames, and what is done when they are full. A wake-up is a frame like any other: it is sent behind the
 * records that it is for, and if the socket is full, the server has not yet looked at an earlier one.
 */

#include "client/carry.h"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "client/clock.h"
#include "client/helper.h"
#include "client/resync.h"

static struct tt_alloc_recorder *const recorder = &tt_alloc_recorder;

/* Nothing of what follows is lost: the next server is told all of it. */
static void lose_connection(void)
{
    tt_alloc_recorder_set_state(TT_ALLOC_ABSENT);
    tt_alloc_helper_kick();
}

int tt_alloc_carry_frame(const void *frame)
{
    int r = tt_alloc_link_send(&recorder->link, frame);

    if (r < 0 && r != -EAGAIN)
        lose_connection();
    else if (recorder->link.rest_size > 0)
        tt_alloc_helper_kick();
    return r;
}

static void send_wake(void)
{
    const struct tt_alloc_ring_message wake = {.type = TT_ALLOC_RING_WAKE, .device_id = TT_ALLOC_ALL_DEVICES};

    (void)tt_alloc_carry_frame(&wake);
}

void tt_alloc_carry_wake(void)
{
    send_wake();
    recorder->wakes++;
    if (recorder->wakes == TT_ALLOC_WAKES_UNTIL_GROWTH && recorder->ring.slots < TT_ALLOC_RING_SLOTS_MAX)
        tt_alloc_helper_kick();
}

void tt_alloc_carry_record(const struct tt_alloc_record *record)
{
    if (tt_alloc_producer_put(&recorder->ring, record))
        tt_alloc_carry_wake();
}

/* A ring says itself how much was made. Of what did not fit into a socket the server would know nothing, and if the
 * process died in the gap, it would say for certain what is not so: hence the resync that ends the gap begins with it.
 */
static void announce_gap(void)
{
    if (recorder->carrier != TT_ALLOC_BY_RECORDS)
        return;

    const struct tt_alloc_records begin = tt_alloc_resync_make_begin();
    (void)tt_alloc_link_send_beyond(&recorder->link, &begin);
}

static void open_gap(void)
{
    recorder->lost++;
    announce_gap();
    tt_alloc_recorder_set_state(TT_ALLOC_GAP);
    tt_alloc_helper_kick();
}

static uint64_t exact_now(void)
{
    return tt_alloc_clock_read(CLOCK_MONOTONIC);
}

static void nap(void)
{
    const struct timespec time = {.tv_nsec = 50000};

    nanosleep(&time, NULL);
}

static bool wait_for_room(void)
{
    uint64_t deadline = exact_now() + recorder->full_wait_ms * TT_ALLOC_MS;

    send_wake();
    while (recorder->state != TT_ALLOC_ABSENT && exact_now() < deadline) {
        nap();
        if (tt_alloc_producer_has_room(&recorder->ring))
            return true;
    }
    return false;
}

static void carry_by_ring(const struct tt_alloc_record *record)
{
    if (tt_alloc_producer_has_room(&recorder->ring) || wait_for_room())
        tt_alloc_carry_record(record);
    else if (recorder->state != TT_ALLOC_ABSENT)
        open_gap();
}

static int wait_for_socket(uint64_t deadline)
{
    struct pollfd pollfd = {.fd = recorder->link.fd, .events = POLLOUT};
    uint64_t now = exact_now();

    if (now >= deadline)
        return -ETIMEDOUT;
    return poll(&pollfd, 1, (int)((deadline - now + TT_ALLOC_MS - 1) / TT_ALLOC_MS)) < 0 ? -errno : 0;
}

static void carry_by_frame(const void *frame)
{
    uint64_t deadline = 0;
    int r;

    while ((r = tt_alloc_carry_frame(frame)) == -EAGAIN) {
        if (deadline == 0)
            deadline = exact_now() + recorder->full_wait_ms * TT_ALLOC_MS;
        if (wait_for_socket(deadline) == -ETIMEDOUT) {
            open_gap();
            return;
        }
    }
}

static struct tt_alloc_message make_frame(const struct tt_alloc_report *report, const struct tt_alloc_record *record)
{
    bool has_region = report->type == TT_ALLOC_ALLOC || report->type == TT_ALLOC_FREE;

    return (struct tt_alloc_message){
        .head = {.type = report->type,
                 .device_id = report->device_id,
                 .size = report->size,
                 .buffer_type = has_region ? record->buffer_type : report->buffer_type,
                 .process_id = getpid(),
                 .buffer_id = report->buffer_id,
                 .timestamp = tt_alloc_clock_wall()},
    };
}

void tt_alloc_carry(const struct tt_alloc_report *report, const struct tt_alloc_record *record)
{
    if (recorder->carrier == TT_ALLOC_BY_RING) {
        carry_by_ring(record);
    } else {
        struct tt_alloc_message frame = make_frame(report, record);

        carry_by_frame(&frame);
    }
}
