/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The way of a report: lock, count, write into the ring, put into the window, unlock. Whatever is not the common case
 * is out of line. Nothing is torn down at exit, because other threads and exit handlers may still report.
 */

#include "client/recorder.h"

#include <errno.h>
#include <pthread.h>

#include "client/carry.h"
#include "client/clock.h"
#include "client/helper.h"
#include "client/process.h"

#define NO_REGION 254 /* what a senseless buffer_type becomes, so that it cannot be taken for CB or KERNEL */

struct tt_alloc_recorder tt_alloc_recorder = {.link = {.fd = -1}};

static struct tt_alloc_recorder *const recorder = &tt_alloc_recorder;

uint32_t tt_alloc_tick(uint64_t ns)
{
    return (uint32_t)(ns >> TT_ALLOC_TICK_SHIFT);
}

/* ---- The ledger ---- */

/* When a record was made, of which only the tick is kept. The same tick is always the same time, or of two buffers the
 * older could seem to be the younger. A thread that was held up on its way to the lock has an older `now` than records
 * of others that are in the window already. */
static uint64_t time_of(const struct tt_alloc_record *record, uint64_t now)
{
    uint64_t ticks = now >> TT_ALLOC_TICK_SHIFT;
    int32_t age = (int32_t)((uint32_t)ticks - record->tick);

    return age < 0 || (uint64_t)age < ticks ? (ticks - (uint64_t)age) << TT_ALLOC_TICK_SHIFT : 0;
}

/* What the ledger refuses, the server refuses too. But one that has no memory left forgets: the server does not, before
 * the next resync, and then it shall know that this one does not tell everything. */
static int apply(const struct tt_alloc_record *record, uint64_t now, struct ledger_change *ret)
{
    struct ledger *ledger = recorder->ledger;
    int r = -ENOMEM;

    if (record->type == TT_ALLOC_FREE)
        return ledger == NULL
                   ? r
                   : ledger_release(ledger, record->device_id, record->buffer_type, record->buffer_id, now, ret);
    if (ledger != NULL)
        r = ledger_allocate(ledger, record->device_id, record->buffer_type, record->buffer_id, record->size, now, ret);
    recorder->forgotten += r == -ENOMEM;
    return r;
}

static void prefetch_window(const struct ledger *ledger, unsigned count)
{
    uint32_t hashes[TT_ALLOC_WINDOW];

    for (unsigned i = 0; i < count; i++)
        hashes[i] = ledger_prefetch(ledger, recorder->window[i].device_id, recorder->window[i].buffer_id);
    for (unsigned i = 0; i < count; i++)
        ledger_prefetch_record(ledger, hashes[i]);
}

static void flush(uint64_t now)
{
    struct ledger_change change;
    unsigned count = recorder->waiting;

    recorder->waiting = 0;
    if (recorder->ledger != NULL && ledger_is_large(recorder->ledger))
        prefetch_window(recorder->ledger, count);
    for (unsigned i = 0; i < count; i++)
        (void)apply(&recorder->window[i], time_of(&recorder->window[i], now), &change);
}

struct ledger *tt_alloc_recorder_ledger(void)
{
    if (recorder->waiting > 0)
        flush(tt_alloc_clock_now());
    return recorder->ledger;
}

static inline void apply_later(const struct tt_alloc_record *record, uint64_t now)
{
    tt_alloc_record_copy(&recorder->window[recorder->waiting++], record);
    if (recorder->waiting == TT_ALLOC_WINDOW)
        flush(now);
}

/* Which region a free means we know better than a server that is in the middle of a resync, or was told of several
 * buffers with one id by a resync, in another order than that of their births. */
static void apply_exactly(struct tt_alloc_record *record, uint64_t now)
{
    struct ledger_change change;

    (void)tt_alloc_recorder_ledger();
    if (apply(record, time_of(record, now), &change) < 0)
        return;
    if (record->type == TT_ALLOC_FREE && change.effect != LEDGER_UNKNOWN)
        record->buffer_type = change.region;
}

/* ---- A report ---- */

static inline bool is_allocation(uint8_t type)
{
    return type == TT_ALLOC_ALLOC || type == TT_ALLOC_CB_ALLOC || type == TT_ALLOC_KERNEL_LOAD;
}

static inline uint8_t region_of(struct tt_alloc_report report)
{
    if (report.type > TT_ALLOC_FREE)
        return report.type <= TT_ALLOC_CB_FREE ? TT_ALLOC_CB : TT_ALLOC_KERNEL;
    if (report.buffer_type < TT_ALLOC_CB || report.buffer_type == TT_ALLOC_REGION_UNKNOWN)
        return report.buffer_type;
    return NO_REGION;
}

static inline struct tt_alloc_record make_record(struct tt_alloc_report report, uint64_t now)
{
    bool is_new = is_allocation(report.type);

    return (struct tt_alloc_record){
        .buffer_id = report.buffer_id,
        .size = is_new ? report.size : 0,
        .device_id = report.device_id,
        .tick = tt_alloc_tick(now),
        .type = is_new ? TT_ALLOC_ALLOC : TT_ALLOC_FREE,
        .buffer_type = region_of(report),
    };
}

static void prepare(void)
{
    recorder->orphan = ledger_free(recorder->orphan);
    if (recorder->ledger == NULL)
        (void)ledger_new(&recorder->ledger, NULL);
    if (!tt_alloc_helper_is_started())
        tt_alloc_helper_start();
}

/* Nobody waits here but in tt_alloc_carry(). */
static __attribute__((noinline)) void report_slowly(struct tt_alloc_report report, uint64_t now)
{
    struct tt_alloc_record record = make_record(report, now);
    int saved_errno = errno;
    int cancel_state;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    if (recorder->ledger == NULL || !tt_alloc_helper_is_started())
        prepare();
    if (recorder->state == TT_ALLOC_ABSENT || recorder->state == TT_ALLOC_GAP) {
        apply_later(&record, now);
        recorder->lost += recorder->state == TT_ALLOC_GAP;
    } else {
        apply_exactly(&record, now);
        tt_alloc_carry(&report, &record);
    }
    if (recorder->ring.memory != NULL)
        tt_alloc_producer_tell_made(&recorder->ring, recorder->made);
    pthread_setcancelstate(cancel_state, NULL);
    errno = saved_errno;
}

static __attribute__((noinline)) void wake_quietly(void)
{
    int saved_errno = errno;
    int cancel_state;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    tt_alloc_carry_wake();
    pthread_setcancelstate(cancel_state, NULL);
    errno = saved_errno;
}

/* A thread of the application may be the first of a new process. */
static inline void enter(void)
{
    if (tt_alloc_process_is_new())
        tt_alloc_process_take_over(tt_alloc_recorder_start_afresh);
    tt_alloc_lock_take(&recorder->lock);
}

/* Whether the server may be in doubt about a free without a region. */
static inline bool must_be_exact(uint8_t region)
{
    return region == TT_ALLOC_REGION_UNKNOWN && recorder->ledger != NULL && ledger_has_families(recorder->ledger);
}

/* The pieces of the report stay in registers. */
void tt_alloc_recorder_report(uint8_t type, int32_t device_id, uint64_t size, uint8_t buffer_type, uint64_t buffer_id)
{
    const struct tt_alloc_report report = {type, buffer_type, device_id, size, buffer_id};
    uint64_t now = tt_alloc_clock_now();
    struct tt_alloc_record record = make_record(report, now);

    enter();
    recorder->made++;
    if (__builtin_expect(recorder->is_quick, 1) && tt_alloc_producer_has_room(&recorder->ring) &&
        !must_be_exact(record.buffer_type)) {
        bool is_quarter = tt_alloc_producer_put(&recorder->ring, &record);

        tt_alloc_producer_tell_made(&recorder->ring, recorder->made);
        apply_later(&record, now);
        if (__builtin_expect(is_quarter, 0))
            wake_quietly();
    } else {
        report_slowly(report, now);
    }
    tt_alloc_lock_give(&recorder->lock);
}

/* ---- Descriptions and losses ---- */

/* The helper thread says them all when it connects, and once more if another came meanwhile. */
static void tell_description(const struct tt_alloc_device_record *description)
{
    if (recorder->state == TT_ALLOC_ABSENT) {
        recorder->must_describe = true;
        prepare();
    } else if (tt_alloc_carry_frame(description) == -EAGAIN) {
        recorder->must_describe = true;
        tt_alloc_helper_kick();
    }
}

int tt_alloc_recorder_describe(const struct tt_alloc_device_record *description)
{
    int saved_errno = errno;
    int cancel_state;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    enter();
    int r = tt_alloc_descriptions_keep(&recorder->descriptions, description);
    if (r == 0)
        tell_description(description);
    tt_alloc_lock_give(&recorder->lock);
    pthread_setcancelstate(cancel_state, NULL);
    errno = saved_errno;
    return r;
}

uint64_t tt_alloc_recorder_lost(void)
{
    enter();
    uint64_t lost = recorder->lost;
    tt_alloc_lock_give(&recorder->lock);
    return lost;
}

/* ---- For the helper thread ---- */

void tt_alloc_recorder_enter(void)
{
    tt_alloc_lock_take(&recorder->lock);
}

void tt_alloc_recorder_leave(void)
{
    tt_alloc_lock_give(&recorder->lock);
}

void tt_alloc_recorder_set_state(enum tt_alloc_state state)
{
    recorder->state = state;
    recorder->is_quick = state == TT_ALLOC_STEADY && recorder->carrier == TT_ALLOC_BY_RING;
}

void tt_alloc_recorder_disconnect(void)
{
    tt_alloc_recorder_set_state(TT_ALLOC_ABSENT);
    tt_alloc_producer_close(&recorder->ring);
    tt_alloc_link_close(&recorder->link);
    recorder->wakes = 0;
}
