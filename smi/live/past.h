/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The process tables that the view has seen, so that who goes back in time sees who was there. Nobody else keeps them:
 * the server's history is one of devices.
 *
 * The table of now is there anyway. Of each one before it only what was different is kept, and going back undoes one
 * difference after the other; the oldest can then be let go of at any time. All of it has at most 2 MiB, less than the
 * program itself: a process that did something since the last sample has some 25 bytes, so that it is the quarter of an
 * hour that the sparks show for ninety of them that are busy every second, and seven minutes for two hundred. Where
 * more happens the past is shorter, and the view says from when on it knows.
 */

#include "smi/live/growth.h"
#include "smi/live/history.h"
#include "smi/sample/snapshot.h"

#define PAST_BYTES_MAX (UINT64_C(2) << 20)

struct past_frame;

struct past {
    struct past_frame *newest, *oldest;
    size_t bytes; /* of all frames */
};

/*
 * One sample takes the place of another, the last one that was noted: what was different is kept. A clock that went
 * back begins anew, as does a sample that differs by more than there is room for. -ENOMEM begins anew as well.
 */
int past_note(struct past *past, const struct snapshot *before, const struct snapshot *now);

/* From when on it is known; `now` is the sample that was noted last. */
uint64_t past_since(const struct past *past, const struct snapshot *now);

/* A sample of the past: processes, leaks, coverage and time are those of then, all else is that of `now`. Growth is
 * what the view showed then, as far as it had seen the minute before. */
struct past_table {
    struct snapshot snapshot;
    struct growth growth;
    void *memory;
};

/* The last one of a moment, without growth if it is `now`; -ENOENT: that was before all that is kept; -ENOMEM. Lives no
 * longer than `now`. */
int past_read(const struct past *past, const struct snapshot *now, const struct filter *filter, uint64_t time,
              struct past_table *ret);

/* Take zeroed ones. */
void past_table_clear(struct past_table *table);
void past_clear(struct past *past);
