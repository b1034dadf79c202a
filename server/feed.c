/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Records are applied in the order in which they were written: first all of a ring up to RING_SWITCH, then the next
 * ring. Lost reports are found by arithmetic: `made` is read, and then tail. If all up to this tail is applied, then
 * what made counts and is neither among the applied nor known to be lost is lost now: it would have stood before tail.
 */

#include "server/feed.h"

#include <errno.h>

#include "server/clock.h"
#include "server/feed_private.h"

#define BATCH 16
#define GIVE_BACK_AFTER 256

#define SAME_CLOCK 512          /* ticks: a HELLO may have been read so late (4 s) */
#define LATER 0xff000000U       /* ticks before the anchor, as a number without sign: from here up it is behind it */
#define ANCHOR_TICKS (1U << 23) /* so long an anchor holds (19 h): half of what LATER leaves */
#define ANCHOR_ERROR (2 * NSEC_PER_SEC) /* the host has slept */

/* ---- Time ---- */

/* Of the clock that reporters use. Ours proper counts on while the host sleeps, and differs more with every sleep. */
static uint32_t tick_now(void)
{
    return (uint32_t)(clock_read(CLOCK_MONOTONIC_COARSE) >> TT_ALLOC_TICK_SHIFT);
}

/* A reporter in a time namespace has a clock that is off by anything. A small difference is only the time that HELLO
 * was on its way, and would make everything look younger than it is. */
void feed_set_clock(struct feed *feed, uint32_t hello_tick)
{
    uint32_t difference = tick_now() - hello_tick;

    feed->clock = difference + SAME_CLOCK < 2 * SAME_CLOCK ? 0 : difference;
}

static uint64_t ns_of(uint32_t ticks)
{
    return (uint64_t)ticks << TT_ALLOC_TICK_SHIFT;
}

/*
 * Ticks are translated by an anchor, a pair of times that were the same once, and not by the time of each turn: the
 * same tick must always mean the same time, or of two buffers the older could seem to be the younger.
 */
static void set_anchor(struct feed *feed, uint64_t now)
{
    uint32_t tick = tick_now();
    uint64_t expected = feed->anchor_time + ns_of(tick - feed->anchor_tick);
    uint64_t error = expected > now ? expected - now : now - expected;

    if (tick - feed->anchor_tick <= ANCHOR_TICKS && error <= ANCHOR_ERROR)
        return;
    feed->anchor_tick = tick;
    feed->anchor_time = now;
}

uint64_t feed_time_of(const struct feed *feed, const struct turn *turn, uint32_t tick)
{
    uint32_t before = feed->anchor_tick - (tick + feed->clock);
    uint64_t later;

    if (before < LATER)
        return ns_of(before) < feed->anchor_time ? feed->anchor_time - ns_of(before) : 0;
    later = feed->anchor_time + ns_of(-before);
    return later < turn->now ? later : turn->now;
}

/* ---- The books ---- */

void feed_count_report(struct feed *feed)
{
    feed->applied++;
}

void feed_continue(struct feed *feed, const struct feed *former)
{
    feed->is_known = former->is_known;
    feed->before = former->before;
    feed->applied += former->applied;
    feed->lost = former->lost;
}

int feed_settle(struct feed *feed, const struct turn *turn, uint64_t made)
{
    uint64_t missing;

    if (!feed->is_known || made <= feed_accounted(feed))
        return 0;
    missing = made - feed_accounted(feed);
    if (missing > FEED_AHEAD_LIMIT)
        return -EPROTO;
    feed->lost += missing;
    registry_lose(turn->registry, turn->process, missing);
    return 0;
}

/* ---- Records ---- */

/* From harmless to grave. */
static int gravity(int error)
{
    switch (error) {
    case -ENOMEM:
        return 4;
    case -EDQUOT:
        return 3;
    case -EFBIG:
        return 2;
    default:
        return error < 0;
    }
}

static void note_refusal(struct feed *feed, int error)
{
    if (error != -EPROTO && gravity(error) > gravity(feed->refusal))
        feed->refusal = error;
}

static inline int apply(struct feed *feed, const struct turn *turn, const struct tt_alloc_record *record)
{
    int error;

    switch (record->type) {
    case TT_ALLOC_ALLOC:
        feed->applied++;
        error = registry_allocate(turn->registry, turn->process, record->device_id, record->buffer_type,
                                  record->buffer_id, record->size, feed_time_of(feed, turn, record->tick));
        break;
    case TT_ALLOC_FREE:
        feed->applied++;
        error = registry_release(turn->registry, turn->process, record->device_id, record->buffer_type,
                                 record->buffer_id, feed_time_of(feed, turn, record->tick));
        break;
    default:
        error = feed_apply_resync(feed, turn, record);
        break;
    }
    if (error < 0)
        note_refusal(feed, error);
    return error;
}

static struct turn turn_at(struct feed *feed, struct registry *registry, struct process *process, uint64_t now)
{
    set_anchor(feed, now);
    return (struct turn){.registry = registry, .process = process, .now = now};
}

int feed_apply(struct feed *feed, struct registry *registry, struct process *process,
               const struct tt_alloc_record *record, uint64_t now)
{
    struct turn turn = turn_at(feed, registry, process, now);

    return apply(feed, &turn, record);
}

/* ---- Rings ---- */

int feed_add_ring(struct feed *feed, uint64_t slots, int *ret_fd)
{
    if (feed->next)
        return -EBUSY;
    return ring_new(slots, feed->ring ? &feed->next : &feed->ring, ret_fd);
}

unsigned feed_ring_count(const struct feed *feed)
{
    return (feed->ring ? 1U : 0) + (feed->next ? 1U : 0);
}

size_t feed_ring_bytes(const struct feed *feed)
{
    return (feed->ring ? ring_bytes(feed->ring) : 0) + (feed->next ? ring_bytes(feed->next) : 0);
}

void feed_done(struct feed *feed, struct process *process)
{
    feed_call_off_resync(feed, process);
    ring_free(feed->ring);
    ring_free(feed->next);
    *feed = (struct feed){0};
}

/* A ring whose tail is wild has more than any ring can hold. */
static uint64_t pending(const struct ring *ring)
{
    uint64_t records = ring ? ring_pending(ring) : 0;

    return records <= TT_ALLOC_RING_SLOTS_MAX ? records : TT_ALLOC_RING_SLOTS_MAX + 1;
}

uint64_t feed_pending(const struct feed *feed)
{
    return pending(feed->ring) + pending(feed->next);
}

/* Told in the ring that the reporter writes to; it writes to the next one before we come to know. */
static uint64_t made_so_far(const struct feed *feed)
{
    uint64_t here = ring_made(feed->ring), there = feed->next ? ring_made(feed->next) : 0;

    return here > there ? here : there;
}

/* The reporter goes on in the next ring. It must have one, and nothing may stand behind that record. */
static int switch_rings(struct feed *feed)
{
    if (!feed->next || ring_pending(feed->ring) != 0)
        return -EPROTO;
    ring_free(feed->ring);
    feed->ring = feed->next;
    feed->next = NULL;
    return 0;
}

static void prefetch(const struct ledger *ledger, const struct tt_alloc_record *records, size_t count)
{
    uint32_t hashes[BATCH];

    if (!ledger_is_large(ledger))
        return;
    for (size_t i = 0; i < count; i++)
        hashes[i] = ledger_prefetch(ledger, records[i].device_id, records[i].buffer_id);
    for (size_t i = 0; i < count; i++)
        ledger_prefetch_record(ledger, hashes[i]);
}

static int apply_batch(struct feed *feed, const struct turn *turn, const struct tt_alloc_record *records, size_t count)
{
    prefetch(turn->process->ledger, records, count);
    for (size_t i = 0; i < count; i++) {
        if (records[i].type == TT_ALLOC_RING_SWITCH)
            return i + 1 == count ? switch_rings(feed) : -EPROTO;
        if (apply(feed, turn, &records[i]) == -EPROTO)
            return -EPROTO;
    }
    return 0;
}

static int take_records(struct feed *feed, const struct turn *turn, size_t limit, size_t *taken)
{
    struct tt_alloc_record batch[BATCH];
    size_t kept = 0;

    while (*taken < limit) {
        ssize_t got = ring_take(feed->ring, batch, limit - *taken < BATCH ? limit - *taken : BATCH);

        if (got <= 0)
            return (int)got;
        *taken += (size_t)got;
        kept += (size_t)got;
        if (apply_batch(feed, turn, batch, (size_t)got) < 0)
            return -EPROTO;
        if (kept >= GIVE_BACK_AFTER) {
            ring_give_back(feed->ring);
            kept = 0;
        }
    }
    return 0;
}

/* Only if nothing is left to be applied, or else that would be taken for lost. */
static int settle_if_empty(struct feed *feed, const struct turn *turn)
{
    uint64_t made = made_so_far(feed);

    return feed_pending(feed) == 0 ? feed_settle(feed, turn, made) : 0;
}

int feed_drain(struct feed *feed, struct registry *registry, struct process *process, size_t limit, uint64_t now,
               size_t *ret_taken)
{
    struct turn turn = turn_at(feed, registry, process, now);
    size_t taken = 0;
    int error = 0;

    if (feed->ring) {
        error = take_records(feed, &turn, limit, &taken);
        ring_give_back(feed->ring);
        if (error == 0)
            error = settle_if_empty(feed, &turn);
    }
    if (ret_taken)
        *ret_taken = taken;
    return error;
}
