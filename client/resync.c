/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The records of a resync, one after the other, and the three ways in which they travel. What is made but cannot be
 * sent is made again later, because until then it may have stopped to be true.
 */

#include "client/resync.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>

#include "client/carry.h"
#include "client/recorder.h"

/* For so long the lock may be held: about 5 us. */
#define RECORDS_PER_SLICE 256
#define FRAMES_PER_SLICE 32

/* Totals of a device: counts per region, then peaks of regions and pools. */
#define COUNTS TT_ALLOC_REGIONS
#define PEAKS (TT_ALLOC_REGIONS + TT_ALLOC_POOLS)

static struct tt_alloc_recorder *const recorder = &tt_alloc_recorder;

/* What the ledger forgot is counted but not told: so the server finds out that something is missing. */
static struct tt_alloc_record make_bound(uint8_t type)
{
    const struct ledger *ledger = tt_alloc_recorder_ledger();

    return (struct tt_alloc_record){
        .buffer_id = (ledger == NULL ? 0 : ledger_count(ledger)) + recorder->forgotten,
        .size = recorder->made,
        .device_id = TT_ALLOC_ALL_DEVICES,
        .type = type,
    };
}

struct tt_alloc_records tt_alloc_resync_make_begin(void)
{
    return (struct tt_alloc_records){
        .type = TT_ALLOC_RECORDS,
        .device_id = TT_ALLOC_ALL_DEVICES,
        .count = 1,
        .record = {make_bound(TT_ALLOC_RESYNC_BEGIN)},
    };
}

static bool next_buffer(struct tt_alloc_resync *resync, struct tt_alloc_record *ret)
{
    const struct ledger *ledger = tt_alloc_recorder_ledger();
    struct ledger_buffer buffer;

    if (ledger == NULL || !ledger_walk(ledger, &resync->cursor, NULL, &buffer))
        return false;
    *ret = (struct tt_alloc_record){
        .buffer_id = buffer.id,
        .size = buffer.size,
        .device_id = buffer.device->device_id,
        .tick = tt_alloc_tick(buffer.born),
        .type = TT_ALLOC_RESYNC_BUFFER,
        .buffer_type = buffer.region,
        .references = (uint16_t)buffer.references,
    };
    return true;
}

static struct tt_alloc_record make_counts(const struct ledger_device *device, unsigned region)
{
    return (struct tt_alloc_record){
        .buffer_id = device->usage.allocations[region],
        .size = device->usage.frees[region],
        .device_id = device->device_id,
        .type = TT_ALLOC_RESYNC_COUNTS,
        .buffer_type = (uint8_t)region,
    };
}

static struct tt_alloc_record make_peak(const struct ledger_device *device, unsigned index)
{
    bool is_pool = index >= TT_ALLOC_REGIONS;
    unsigned pool = index - TT_ALLOC_REGIONS;
    const struct usage_sum *sum = is_pool ? &device->usage.pool[pool] : &device->usage.region[index];

    return (struct tt_alloc_record){
        .buffer_id = usage_clamp(sum->peak),
        .device_id = device->device_id,
        .type = TT_ALLOC_RESYNC_PEAK,
        .buffer_type = (uint8_t)(is_pool ? TT_ALLOC_RECORD_POOL + pool : index),
    };
}

/* What was never used is 0 at the server too. */
static bool next_total(struct tt_alloc_resync *resync, struct tt_alloc_record *ret)
{
    struct ledger *ledger = tt_alloc_recorder_ledger();

    for (; ledger != NULL && resync->device < ledger_device_count(ledger); resync->device++, resync->total = 0) {
        const struct ledger_device *device = ledger_device(ledger, resync->device);

        while (resync->total < COUNTS + PEAKS) {
            unsigned total = resync->total++;

            *ret = total < COUNTS ? make_counts(device, total) : make_peak(device, total - COUNTS);
            if (ret->buffer_id != 0 || ret->size != 0)
                return true;
        }
    }
    return false;
}

/* Stores the next record; returns whether it is the last. */
static bool next(struct tt_alloc_resync *resync, struct tt_alloc_record *ret)
{
    if (resync->at == TT_ALLOC_RESYNC_AT_BEGIN) {
        *ret = make_bound(TT_ALLOC_RESYNC_BEGIN);
        resync->at = TT_ALLOC_RESYNC_AT_BUFFERS;
        return false;
    }
    if (resync->at == TT_ALLOC_RESYNC_AT_BUFFERS) {
        if (next_buffer(resync, ret))
            return false;
        resync->at = TT_ALLOC_RESYNC_AT_TOTALS;
    }
    if (next_total(resync, ret))
        return false;
    *ret = make_bound(TT_ALLOC_RESYNC_END);
    return true;
}

/* Half of the ring is the application's. */
static int step_by_ring(struct tt_alloc_resync *resync)
{
    struct tt_alloc_record record;
    uint64_t half = recorder->ring.slots / 2;
    uint64_t room = tt_alloc_producer_room(&recorder->ring);
    uint64_t budget = RECORDS_PER_SLICE;
    bool is_last = false;

    if (room <= half)
        return -EAGAIN;
    if (room - half < budget)
        budget = room - half;
    while (budget-- > 0 && !is_last) {
        is_last = next(resync, &record);
        tt_alloc_carry_record(&record);
    }
    tt_alloc_producer_tell_made(&recorder->ring, recorder->made);
    return is_last ? 0 : 1;
}

/* The kernel calls a socket writable when three quarters of it are free. */
static bool is_writable(void)
{
    struct pollfd pollfd = {.fd = recorder->link.fd, .events = POLLOUT};

    return poll(&pollfd, 1, 0) == 1;
}

static bool gather(struct tt_alloc_resync *resync, struct tt_alloc_records *ret)
{
    bool is_last = false;

    *ret = (struct tt_alloc_records){.type = TT_ALLOC_RECORDS, .device_id = TT_ALLOC_ALL_DEVICES};
    while (ret->count < TT_ALLOC_RECORDS_MAX && !is_last)
        is_last = next(resync, &ret->record[ret->count++]);
    return is_last;
}

static int step_by_records(struct tt_alloc_resync *resync)
{
    struct tt_alloc_records frame;
    bool is_last = false;

    if (!is_writable())
        return -EAGAIN;
    for (int i = 0; i < FRAMES_PER_SLICE && !is_last; i++) {
        struct tt_alloc_resync before = *resync;

        is_last = gather(resync, &frame);
        int r = tt_alloc_carry_frame(&frame);
        if (r < 0) {
            *resync = before;
            return r;
        }
    }
    return is_last ? 0 : 1;
}

static void tell_as_new(const struct tt_alloc_record *record)
{
    const uint8_t types[] = {[TT_ALLOC_CB] = TT_ALLOC_CB_ALLOC, [TT_ALLOC_KERNEL] = TT_ALLOC_KERNEL_LOAD};
    bool is_buffer = record->buffer_type < TT_ALLOC_CB;
    const struct tt_alloc_report report = {
        .type = is_buffer ? TT_ALLOC_ALLOC : types[record->buffer_type],
        .buffer_type = is_buffer ? record->buffer_type : 0,
        .device_id = record->device_id,
        .size = record->size,
        .buffer_id = record->buffer_id,
    };

    for (unsigned i = 0; i < record->references && recorder->state == TT_ALLOC_TELLING; i++)
        tt_alloc_carry(&report, record);
}

static int step_by_frames(struct tt_alloc_resync *resync)
{
    struct tt_alloc_record record;

    if (!is_writable())
        return -EAGAIN;
    for (int i = 0; i < FRAMES_PER_SLICE && recorder->state == TT_ALLOC_TELLING; i++) {
        if (!next_buffer(resync, &record))
            return 0;
        tell_as_new(&record);
    }
    return recorder->state == TT_ALLOC_TELLING ? 1 : -EAGAIN;
}

int tt_alloc_resync_step(struct tt_alloc_resync *resync)
{
    switch (recorder->carrier) {
    case TT_ALLOC_BY_RING:
        return step_by_ring(resync);
    case TT_ALLOC_BY_RECORDS:
        return step_by_records(resync);
    case TT_ALLOC_BY_FRAMES:
        break;
    }
    return step_by_frames(resync);
}
