/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Back from the table of now, frame after frame. A picture needs that only while somebody looks at the past.
 */

#include "smi/live/past_frame.h"
#include "smi/sample/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NEAR (SECOND / 2) /* a sample is taken for one of a moment that was so little before it */

/* A table on its way back. */
struct table {
    struct process_row **rows;
    size_t count;
    struct past_memory *memory;
};

static int begin(const struct snapshot *now, struct table *table)
{
    struct past_rows rows = {0};
    struct process_row *copies;
    int r = past_rows_make(now, &rows);

    if (r < 0)
        return r;
    copies = past_memory_take(&table->memory, rows.count * sizeof(*copies));
    table->rows = calloc(rows.count + 1, sizeof(struct process_row *));
    r = copies && table->rows ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < rows.count; i++) {
        table->rows[i] = &copies[i];
        r = past_row_copy(rows.list[i], now->time, &table->memory, &copies[i]);
    }
    table->count = rows.count;
    past_rows_clear(&rows);
    return r;
}

static int add_row(struct bytes_in *in, uint64_t time, struct table *table, struct process_row **ret)
{
    struct process_row *row = past_memory_take(&table->memory, sizeof(*row));
    int r = row ? past_row_get(in, time, &table->memory, row) : -ENOMEM;

    if (r == 0)
        *ret = row;
    return r;
}

/* The rows of then come in the same order as those of now. */
static int undo_steps(const struct past_frame *frame, struct table *table, struct process_row **rows, size_t *count)
{
    struct bytes_in in = {frame->bytes, frame->bytes + frame->size};
    size_t next = 0;
    int r = 0;

    while (r == 0 && in.at < in.end) {
        uint64_t step = bytes_get(&in);
        size_t length = step / PAST_STEPS;
        enum past_step kind = step % PAST_STEPS;

        if (kind == PAST_CHANGE)
            past_row_get_change(&in, table->rows[next], frame->time);
        if (kind == PAST_ADD)
            r = add_row(&in, frame->time, table, &rows[*count]);
        else if (kind != PAST_DROP)
            memcpy(&rows[*count], &table->rows[next], length * sizeof(struct process_row *));
        *count += kind != PAST_DROP ? length : 0;
        next += kind != PAST_ADD ? length : 0;
    }
    if (r < 0)
        return r;
    memcpy(&rows[*count], &table->rows[next], (table->count - next) * sizeof(struct process_row *));
    *count += table->count - next;
    return 0;
}

static int undo(const struct past_frame *frame, struct table *table)
{
    struct process_row **rows = calloc(frame->count + 1, sizeof(struct process_row *));
    size_t count = 0;
    int r;

    if (!rows)
        return -ENOMEM;
    r = undo_steps(frame, table, rows, &count);
    free(table->rows);
    table->rows = rows;
    table->count = count;
    assert(r < 0 || count == frame->count);
    return r;
}

/* Living and left, as the present sample has them; copies, because the table goes further back. */
static int hand_out(struct table *table, const struct filter *filter, struct past_table *ret)
{
    struct snapshot *snapshot = &ret->snapshot;
    struct process_row *copies = past_memory_take(&table->memory, table->count * sizeof(*copies));
    const struct process_row **rows = past_memory_take(&table->memory, table->count * sizeof(*rows));
    size_t living = 0;
    int r = copies && rows ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < table->count; i++) { /* the living come first */
        r = past_row_copy(table->rows[i], snapshot->time, &table->memory, &copies[i]);
        rows[i] = &copies[i];
        living += copies[i].tracking != TRACKING_EXITED;
    }
    if (r < 0)
        return r;
    snapshot->processes = rows;
    snapshot->process_count = living;
    snapshot->leaks = rows + living;
    snapshot->leak_count = table->count - living;
    sort_processes(snapshot->processes, snapshot->process_count, filter);
    sort_processes(snapshot->leaks, snapshot->leak_count, filter);
    return growth_note(&ret->growth, snapshot);
}

static const struct past_frame *find(const struct past *past, uint64_t time)
{
    const struct past_frame *frame = past->newest;

    while (frame && frame->time > time + NEAR)
        frame = frame->older;
    return frame;
}

/* From the frame after which the table is, or from now. */
static int go_back(const struct past *past, const struct past_frame **at, const struct past_frame *end,
                   struct table *table)
{
    int r = 0;

    while (r == 0 && *at != end) {
        *at = *at ? (*at)->older : past->newest;
        r = undo(*at, table);
    }
    return r;
}

/* The view of now goes by readings of every fifth second; of the minute it needs the first, of who is younger any. */
static int read_growth(const struct past *past, const struct past_frame *at, struct table *table, struct growth *growth)
{
    static const uint64_t before[] = {6, 20, 40, 60};
    const uint64_t time = at->time;
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof(before) / sizeof(before[0]); i++) {
        const struct past_frame *end = find(past, time - before[i] * SECOND);

        if (!end)
            break;
        if (end == at)
            continue;
        r = go_back(past, &at, end, table);
        if (r == 0)
            growth_note_before(growth, (const struct process_row *const *)table->rows, table->count, at->time);
    }
    return r;
}

static int read_back(const struct past *past, const struct past_frame *end, const struct snapshot *now,
                     const struct filter *filter, struct past_table *ret)
{
    struct past_table result = {.snapshot = *now};
    const struct past_frame *at = NULL;
    struct table table = {0};
    int r = begin(now, &table);

    if (r == 0)
        r = go_back(past, &at, end, &table);
    result.snapshot.time = end->time;
    result.snapshot.coverage = end->coverage;
    if (r == 0)
        r = hand_out(&table, filter, &result);
    if (r == 0)
        r = read_growth(past, at, &table, &result.growth);
    free(table.rows);
    result.memory = table.memory;
    if (r < 0)
        past_table_clear(&result);
    else
        *ret = result;
    return r;
}

int past_read(const struct past *past, const struct snapshot *now, const struct filter *filter, uint64_t time,
              struct past_table *ret)
{
    const struct past_frame *end = find(past, time);

    if (now->time <= time + NEAR) { /* nothing has come since; no step of the view is as short */
        *ret = (struct past_table){.snapshot = *now};
        return 0;
    }
    return end ? read_back(past, end, now, filter, ret) : -ENOENT;
}

void past_table_clear(struct past_table *table)
{
    growth_clear(&table->growth);
    past_memory_free(table->memory);
    *table = (struct past_table){0};
}
