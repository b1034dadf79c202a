/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How rows are kept, between past.c, which keeps them, and past_read.c, which goes back. Ages and idle times of a row
 * that is kept are moments, which stay the same while time passes: see past_row_fix().
 */

#include "smi/live/bytes.h"
#include "smi/sample/snapshot.h"

/* What is done to a sorted table to get the one before. A step is 4 * count + kind. */
enum past_step {
    PAST_KEEP,   /* rows */
    PAST_DROP,   /* rows that were not there yet */
    PAST_CHANGE, /* one row */
    PAST_ADD,    /* one that was there still */
};

#define PAST_STEPS 4

/* The rows of a sample, living and left, in an order that does not depend on figures. */
struct past_rows {
    const struct process_row **list;
    size_t count;
    uint64_t time;
};

/* -ENOMEM. Takes zeroed ones. */
int past_rows_make(const struct snapshot *snapshot, struct past_rows *ret);
void past_rows_clear(struct past_rows *rows);

/* Blocks that are freed together. */
struct past_memory {
    struct past_memory *next;
    max_align_t data[];
};

/* NULL when out of memory. */
void *past_memory_take(struct past_memory **memory, size_t size);
void past_memory_free(struct past_memory *memory);

/* The order of rows; 0: it is the same process. */
int past_row_compare(const struct process_row *left, const struct process_row *right);

/* Whether a change can tell all of the difference between two rows of a process. */
bool past_row_is_like(const struct process_row *now, const struct process_row *before);

/* A row at a moment. */
struct past_row {
    const struct process_row *row;
    uint64_t time;
};

/* What differs; nothing is written where nothing does. */
bool past_row_differs(struct past_row now, struct past_row before);
void past_row_put_change(struct bytes_out *out, struct past_row now, struct past_row before);
void past_row_get_change(struct bytes_in *in, struct process_row *row, uint64_t before_time);

/* All of a row. -ENOMEM. */
void past_row_put(struct bytes_out *out, const struct process_row *row);
int past_row_get(struct bytes_in *in, uint64_t time, struct past_memory **memory, struct process_row *ret);

/* The same row with a usage of its own. -ENOMEM. */
int past_row_copy(const struct process_row *row, uint64_t time, struct past_memory **memory, struct process_row *ret);

/* From ages at that time to moments, and from moments to ages. The usage of the row must be its own. */
void past_row_fix(struct process_row *row, uint64_t time);
