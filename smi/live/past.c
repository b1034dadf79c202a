/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Frames, the newest first, each with what has to be done to the table after it to have that of its own time.
 */

#include "smi/live/past_frame.h"
#include "smi/sample/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void put_step(struct bytes_out *out, enum past_step step, size_t count)
{
    if (count > 0)
        bytes_put(out, count * PAST_STEPS + step);
}

/* Both tables have this row, or one of them has it. */
static void put_row(struct bytes_out *out, size_t *kept, struct past_row now, struct past_row before)
{
    bool is_change = now.row && before.row && past_row_is_like(now.row, before.row);

    if (is_change && !past_row_differs(now, before)) {
        ++*kept;
        return;
    }
    put_step(out, PAST_KEEP, *kept);
    *kept = 0;
    if (is_change) {
        put_step(out, PAST_CHANGE, 1);
        past_row_put_change(out, now, before);
        return;
    }
    put_step(out, PAST_DROP, now.row != NULL);
    put_step(out, PAST_ADD, before.row != NULL);
    if (before.row)
        past_row_put(out, before.row);
}

static void put_rows(struct bytes_out *out, const struct past_rows *now, const struct past_rows *before)
{
    size_t kept = 0;

    for (size_t i = 0, j = 0; i < now->count || j < before->count;) {
        int order = i == now->count ? 1 : j == before->count ? -1 : past_row_compare(now->list[i], before->list[j]);

        put_row(out, &kept, (struct past_row){order <= 0 ? now->list[i] : NULL, now->time},
                (struct past_row){order >= 0 ? before->list[j] : NULL, before->time});
        i += order <= 0;
        j += order >= 0;
    }
}

static int write_difference(const struct snapshot *before, const struct snapshot *now, struct bytes_out *out)
{
    struct past_rows rows_now = {0}, rows_before = {0};
    int r = past_rows_make(now, &rows_now);

    if (r == 0)
        r = past_rows_make(before, &rows_before);
    if (r == 0)
        put_rows(out, &rows_now, &rows_before);
    past_rows_clear(&rows_now);
    past_rows_clear(&rows_before);
    return r == 0 ? out->error : r;
}

static void drop_oldest(struct past *past)
{
    struct past_frame *frame = past->oldest;

    past->oldest = frame->newer;
    if (frame->newer)
        frame->newer->older = NULL;
    else
        past->newest = NULL;
    past->bytes -= sizeof(*frame) + frame->size;
    free(frame);
}

static int add_frame(struct past *past, const struct snapshot *before, const struct bytes_out *out)
{
    struct past_frame *frame = malloc(sizeof(*frame) + out->size);

    if (!frame)
        return -ENOMEM;
    *frame = (struct past_frame){.older = past->newest,
                                 .time = before->time,
                                 .coverage = before->coverage,
                                 .count = before->process_count + before->leak_count,
                                 .size = out->size};
    if (out->size > 0)
        memcpy(frame->bytes, out->bytes, out->size);
    if (past->newest)
        past->newest->newer = frame;
    else
        past->oldest = frame;
    past->newest = frame;
    past->bytes += sizeof(*frame) + frame->size;
    return 0;
}

static void keep_within(struct past *past, uint64_t now)
{
    while (past->oldest && (past->bytes > PAST_BYTES_MAX || now - past->oldest->time > (HISTORY_LENGTH + 1) * SECOND))
        drop_oldest(past);
}

int past_note(struct past *past, const struct snapshot *before, const struct snapshot *now)
{
    struct bytes_out out = {.limit = PAST_BYTES_MAX};
    int r = -EFBIG;

    if (before->time < now->time)
        r = write_difference(before, now, &out);
    if (r == 0)
        r = add_frame(past, before, &out);
    free(out.bytes);
    if (r < 0)
        past_clear(past);
    keep_within(past, now->time);
    return r == -EFBIG ? 0 : r;
}

uint64_t past_since(const struct past *past, const struct snapshot *now)
{
    return past->oldest ? past->oldest->time : now->time;
}

void past_clear(struct past *past)
{
    while (past->oldest)
        drop_oldest(past);
}
