/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Rows by who they are, so that two tables can be laid side by side however their figures have them sorted.
 */

#include "smi/live/past_row.h"
#include "smi/sample/order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One that ended, and left something, is another row than when it lived. */
int past_row_compare(const struct process_row *left, const struct process_row *right)
{
    bool is_left_ended = left->tracking == TRACKING_EXITED, is_right_ended = right->tracking == TRACKING_EXITED;
    int order = COMPARE(is_left_ended, is_right_ended);

    if (order == 0)
        order = COMPARE(left->facts.pid, right->facts.pid);
    if (order == 0)
        order = COMPARE(left->facts.serial, right->facts.serial);
    if (order == 0)
        order = COMPARE(left->facts.start_time, right->facts.start_time);
    return order ? order : COMPARE(left->facts.end_time, right->facts.end_time);
}

static bool is_same_text(const char *left, const char *right)
{
    return left == right || (left && right && strcmp(left, right) == 0);
}

static bool has_same_usages(const struct tt_alloc_process *left, const struct tt_alloc_process *right)
{
    if (left->usage_count != right->usage_count)
        return false;
    for (size_t i = 0; i < left->usage_count; i++) {
        const struct tt_alloc_usage *one = &left->usage[i], *other = &right->usage[i];

        if (one->device != other->device || one->is_pool != other->is_pool || one->index != other->index ||
            one->logical_id != other->logical_id)
            return false;
    }
    return true;
}

static bool holds_same(const struct process_row *left, const struct process_row *right)
{
    return left->held_count == right->held_count &&
           (left->held_count == 0 || memcmp(left->held, right->held, left->held_count * sizeof(*left->held)) == 0);
}

bool past_row_is_like(const struct process_row *now, const struct process_row *before)
{
    return now->tracking == before->tracking && now->has_uid == before->has_uid &&
           now->is_complete == before->is_complete && now->has_peaks == before->has_peaks &&
           now->facts.uid == before->facts.uid && is_same_text(now->facts.comm, before->facts.comm) &&
           is_same_text(now->facts.command, before->facts.command) && holds_same(now, before) &&
           has_same_usages(&now->facts, &before->facts);
}

static int compare(const void *a, const void *b)
{
    return past_row_compare(*(const struct process_row *const *)a, *(const struct process_row *const *)b);
}

int past_rows_make(const struct snapshot *snapshot, struct past_rows *ret)
{
    size_t count = snapshot->process_count + snapshot->leak_count;
    const struct process_row **list = calloc(count + 1, sizeof(*list));

    if (!list)
        return -ENOMEM;
    if (snapshot->process_count > 0)
        memcpy(list, snapshot->processes, snapshot->process_count * sizeof(*list));
    if (snapshot->leak_count > 0)
        memcpy(list + snapshot->process_count, snapshot->leaks, snapshot->leak_count * sizeof(*list));
    qsort(list, count, sizeof(*list), compare);
    *ret = (struct past_rows){list, count, snapshot->time};
    return 0;
}

void past_rows_clear(struct past_rows *rows)
{
    free(rows->list);
    *rows = (struct past_rows){0};
}

void *past_memory_take(struct past_memory **memory, size_t size)
{
    struct past_memory *block = malloc(sizeof(*block) + size);

    if (!block)
        return NULL;
    block->next = *memory;
    *memory = block;
    return block->data;
}

void past_memory_free(struct past_memory *memory)
{
    while (memory) {
        struct past_memory *next = memory->next;

        free(memory);
        memory = next;
    }
}

int past_row_copy(const struct process_row *row, uint64_t time, struct past_memory **memory, struct process_row *ret)
{
    size_t size = row->facts.usage_count * sizeof(*row->made);
    struct tt_alloc_usage *usage = past_memory_take(memory, size);

    if (!usage)
        return -ENOMEM;
    if (size > 0)
        memcpy(usage, row->facts.usage, size);
    *ret = *row;
    ret->made = usage;
    ret->facts.usage = usage;
    past_row_fix(ret, time);
    return 0;
}

static uint64_t since(uint64_t time, uint64_t length)
{
    return time > length ? time - length : 0;
}

/* An ended process grows no older. */
void past_row_fix(struct process_row *row, uint64_t time)
{
    if (row->tracking == TRACKING_EXITED)
        return;
    row->facts.age = since(time, row->facts.age);
    row->facts.idle = since(time, row->facts.idle);
    for (size_t i = 0; i < row->facts.usage_count; i++)
        row->made[i].idle = since(time, row->made[i].idle);
}
