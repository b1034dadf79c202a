/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A process that only does what processes do, allocate and free, has a change: a mask of what differs, and that. One
 * that uses a region for the first time, opens a device or becomes another program is rare, and is kept whole.
 */

#include "smi/live/past_row.h"

#define MILLISECOND UINT64_C(1000000)
#define IDLE_STEP (500 * MILLISECOND) /* less is the time that the question took */

enum row_part {
    ROW_BUFFERS = 1 << 0,
    ROW_LOST = 1 << 1,
    ROW_INEXACT = 1 << 2,
    ROW_IDLE = 1 << 3,
    ROW_USAGE = 1 << 4,
};

enum usage_part {
    USAGE_BYTES = 1 << 0,
    USAGE_BUFFERS = 1 << 1,
    USAGE_PEAK = 1 << 2,
    USAGE_ALLOCATIONS = 1 << 3,
    USAGE_FREES = 1 << 4,
    USAGE_IDLE = 1 << 5,
};

static bool idle_differs(uint64_t now_time, uint64_t now, uint64_t before_time, uint64_t before)
{
    uint64_t now_since = now_time - now, before_since = before_time - before;

    return now_since - before_since >= IDLE_STEP &&
           before_since - now_since >= IDLE_STEP; /* one of them wraps around */
}

static unsigned compare_usage(struct past_row now, struct past_row before, size_t i)
{
    const struct tt_alloc_usage *left = &now.row->facts.usage[i], *right = &before.row->facts.usage[i];

    return (left->bytes != right->bytes ? USAGE_BYTES : 0) | (left->buffers != right->buffers ? USAGE_BUFFERS : 0) |
           (left->peak_bytes != right->peak_bytes ? USAGE_PEAK : 0) |
           (left->allocations != right->allocations ? USAGE_ALLOCATIONS : 0) |
           (left->frees != right->frees ? USAGE_FREES : 0) |
           (idle_differs(now.time, left->idle, before.time, right->idle) ? USAGE_IDLE : 0);
}

static bool any_usage_differs(struct past_row now, struct past_row before)
{
    for (size_t i = 0; i < now.row->facts.usage_count; i++) {
        if (compare_usage(now, before, i))
            return true;
    }
    return false;
}

static unsigned compare_rows(struct past_row now, struct past_row before)
{
    const struct tt_alloc_process *left = &now.row->facts, *right = &before.row->facts;

    if (now.row->tracking == TRACKING_EXITED)
        return 0;
    return (left->buffers != right->buffers ? ROW_BUFFERS : 0) | (left->lost != right->lost ? ROW_LOST : 0) |
           (left->inexact != right->inexact ? ROW_INEXACT : 0) |
           (idle_differs(now.time, left->idle, before.time, right->idle) ? ROW_IDLE : 0) |
           (any_usage_differs(now, before) ? ROW_USAGE : 0);
}

bool past_row_differs(struct past_row now, struct past_row before)
{
    return compare_rows(now, before) != 0;
}

static void put_usage(struct bytes_out *out, const struct tt_alloc_usage *from, const struct tt_alloc_usage *to,
                      unsigned parts)
{
    bytes_put(out, parts);
    if (parts & USAGE_BYTES)
        bytes_put_step(out, from->bytes, to->bytes);
    if (parts & USAGE_BUFFERS)
        bytes_put_step(out, from->buffers, to->buffers);
    if (parts & USAGE_PEAK)
        bytes_put_step(out, from->peak_bytes, to->peak_bytes);
    if (parts & USAGE_ALLOCATIONS)
        bytes_put_step(out, from->allocations, to->allocations);
    if (parts & USAGE_FREES)
        bytes_put_step(out, from->frees, to->frees);
    if (parts & USAGE_IDLE)
        bytes_put(out, to->idle / MILLISECOND);
}

/* Idle times are moments here. */
static void get_usage(struct bytes_in *in, struct tt_alloc_usage *usage, uint64_t time)
{
    unsigned parts = (unsigned)bytes_get(in);

    if (parts & USAGE_BYTES)
        usage->bytes = bytes_get_step(in, usage->bytes);
    if (parts & USAGE_BUFFERS)
        usage->buffers = bytes_get_step(in, usage->buffers);
    if (parts & USAGE_PEAK)
        usage->peak_bytes = bytes_get_step(in, usage->peak_bytes);
    if (parts & USAGE_ALLOCATIONS)
        usage->allocations = bytes_get_step(in, usage->allocations);
    if (parts & USAGE_FREES)
        usage->frees = bytes_get_step(in, usage->frees);
    if (parts & USAGE_IDLE)
        usage->idle = time - bytes_get(in) * MILLISECOND;
}

/* Each with its place, counted from the one before; 0 is the end. */
static void put_usages(struct bytes_out *out, struct past_row now, struct past_row before)
{
    size_t next = 0;

    for (size_t i = 0; i < now.row->facts.usage_count; i++) {
        unsigned parts = compare_usage(now, before, i);

        if (!parts)
            continue;
        bytes_put(out, i + 1 - next);
        put_usage(out, &now.row->facts.usage[i], &before.row->facts.usage[i], parts);
        next = i + 1;
    }
    bytes_put(out, 0);
}

void past_row_put_change(struct bytes_out *out, struct past_row now, struct past_row before)
{
    unsigned parts = compare_rows(now, before);

    bytes_put(out, parts);
    if (parts & ROW_BUFFERS)
        bytes_put_step(out, now.row->facts.buffers, before.row->facts.buffers);
    if (parts & ROW_LOST)
        bytes_put_step(out, now.row->facts.lost, before.row->facts.lost);
    if (parts & ROW_IDLE)
        bytes_put(out, before.row->facts.idle / MILLISECOND);
    if (parts & ROW_USAGE)
        put_usages(out, now, before);
}

void past_row_get_change(struct bytes_in *in, struct process_row *row, uint64_t before_time)
{
    unsigned parts = (unsigned)bytes_get(in);
    size_t next = 0;

    row->facts.inexact ^= (parts & ROW_INEXACT) != 0;
    if (parts & ROW_BUFFERS)
        row->facts.buffers = bytes_get_step(in, row->facts.buffers);
    if (parts & ROW_LOST)
        row->facts.lost = bytes_get_step(in, row->facts.lost);
    if (parts & ROW_IDLE)
        row->facts.idle = before_time - bytes_get(in) * MILLISECOND;
    for (uint64_t step; (parts & ROW_USAGE) && (step = bytes_get(in)) != 0; next += step)
        get_usage(in, &row->made[next + step - 1], before_time);
}
