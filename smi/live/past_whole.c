/* SPDX-License-Identifier: Apache-2.0 */

/* A process that came, ended or became another, whole. Its command is kept as far as most screens are wide. */

#include "smi/live/past_row.h"

#include <errno.h>
#include <string.h>

#define MILLISECOND UINT64_C(1000000)
#define COMMAND_MOST 256 /* bytes */

static uint64_t pack_flags(const struct process_row *row)
{
    return (uint64_t)row->tracking | (uint64_t)row->has_uid << 2 | (uint64_t)row->is_complete << 3 |
           (uint64_t)row->has_peaks << 4 | (uint64_t)row->facts.inexact << 5 | (uint64_t)row->facts.forgotten << 6;
}

static void unpack_flags(uint64_t flags, struct process_row *row)
{
    row->tracking = (enum tracking)(flags & 3);
    row->has_uid = flags >> 2 & 1;
    row->is_complete = flags >> 3 & 1;
    row->has_peaks = flags >> 4 & 1;
    row->facts.inexact = flags >> 5 & 1;
    row->facts.forgotten = flags >> 6 & 1;
}

static void put_whole_usage(struct bytes_out *out, const struct tt_alloc_usage *usage)
{
    bytes_put(out, usage->index << 1 | usage->is_pool);
    bytes_put_step(out, 0, (uint64_t)usage->device);
    bytes_put_step(out, 0, (uint64_t)usage->logical_id);
    bytes_put(out, usage->bytes);
    bytes_put(out, usage->buffers);
    bytes_put(out, usage->peak_bytes);
    bytes_put(out, usage->allocations);
    bytes_put(out, usage->frees);
    bytes_put(out, usage->idle / MILLISECOND);
}

static void get_whole_usage(struct bytes_in *in, struct tt_alloc_usage *ret)
{
    uint64_t index = bytes_get(in);

    ret->index = (uint32_t)(index >> 1);
    ret->is_pool = index & 1;
    ret->device = (int32_t)bytes_get_step(in, 0);
    ret->logical_id = (int32_t)bytes_get_step(in, 0);
    ret->bytes = bytes_get(in);
    ret->buffers = bytes_get(in);
    ret->peak_bytes = bytes_get(in);
    ret->allocations = bytes_get(in);
    ret->frees = bytes_get(in);
    ret->idle = bytes_get(in) * MILLISECOND;
}

static void put_facts(struct bytes_out *out, const struct tt_alloc_process *facts)
{
    bytes_put_step(out, 0, (uint64_t)facts->pid);
    bytes_put(out, facts->uid);
    bytes_put(out, facts->serial);
    bytes_put(out, facts->start_time);
    bytes_put(out, facts->end_time);
    bytes_put(out, facts->age);
    bytes_put(out, facts->idle / MILLISECOND);
    bytes_put(out, facts->buffers);
    bytes_put(out, facts->lost);
}

static void get_facts(struct bytes_in *in, struct tt_alloc_process *ret)
{
    ret->pid = (int32_t)bytes_get_step(in, 0);
    ret->uid = (uint32_t)bytes_get(in);
    ret->serial = bytes_get(in);
    ret->start_time = bytes_get(in);
    ret->end_time = bytes_get(in);
    ret->age = bytes_get(in);
    ret->idle = bytes_get(in) * MILLISECOND;
    ret->buffers = bytes_get(in);
    ret->lost = bytes_get(in);
}

void past_row_put(struct bytes_out *out, const struct process_row *row)
{
    bytes_put(out, pack_flags(row));
    put_facts(out, &row->facts);
    bytes_put_text(out, row->facts.comm ? row->facts.comm : "", COMMAND_MOST);
    bytes_put_text(out, row->facts.command ? row->facts.command : "", COMMAND_MOST);
    bytes_put(out, row->held_count);
    for (size_t i = 0; i < row->held_count; i++)
        bytes_put_step(out, 0, (uint64_t)row->held[i]);
    bytes_put(out, row->facts.usage_count);
    for (size_t i = 0; i < row->facts.usage_count; i++)
        put_whole_usage(out, &row->facts.usage[i]);
}

static const char *get_text(struct bytes_in *in, struct past_memory **memory)
{
    size_t length;
    const uint8_t *bytes = bytes_get_text(in, &length);
    char *text = past_memory_take(memory, length + 1);

    if (!text)
        return NULL;
    memcpy(text, bytes, length);
    text[length] = '\0';
    return text;
}

static int get_held(struct bytes_in *in, struct past_memory **memory, struct process_row *row)
{
    size_t count = bytes_get(in);
    int32_t *held = past_memory_take(memory, count * sizeof(*held));

    if (!held)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        held[i] = (int32_t)bytes_get_step(in, 0);
    row->held = held;
    row->held_count = count;
    return 0;
}

static int get_usages(struct bytes_in *in, struct past_memory **memory, struct process_row *row)
{
    size_t count = bytes_get(in);

    row->made = past_memory_take(memory, count * sizeof(*row->made));
    if (!row->made)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        get_whole_usage(in, &row->made[i]);
    row->facts.usage = row->made;
    row->facts.usage_count = count;
    return 0;
}

int past_row_get(struct bytes_in *in, uint64_t time, struct past_memory **memory, struct process_row *ret)
{
    struct process_row row = {0};

    unpack_flags(bytes_get(in), &row);
    get_facts(in, &row.facts);
    row.facts.comm = get_text(in, memory);
    row.facts.command = get_text(in, memory);
    if (!row.facts.comm || !row.facts.command || get_held(in, memory, &row) < 0 || get_usages(in, memory, &row) < 0)
        return -ENOMEM;
    past_row_fix(&row, time);
    *ret = row;
    return 0;
}
