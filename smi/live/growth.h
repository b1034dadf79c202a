/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the pools of a process held within the last five minutes, as the view saw it, and how much of dram came within
 * the last one. Nobody else keeps that: the server's history is one of devices.
 */

#include "smi/sample/snapshot.h"

#define GROWTH_STEP 5      /* seconds */
#define GROWTH_READINGS 60 /* steps that are kept */
#define GROWTH_POOLS 2     /* dram and l1 */

struct growth_track;

struct growth {
    struct growth_track *tracks;
    size_t count, room;
};

/* What processes held before all that was noted of them; others are not of interest any more. */
void growth_note_before(struct growth *growth, const struct process_row *const *rows, size_t count, uint64_t time);

/* Processes that are not in the sample any more are forgotten. -ENOMEM. */
int growth_note(struct growth *growth, const struct snapshot *snapshot);

/* Bytes per minute; false while it was not seen for long enough, or what it holds is not known. */
bool growth_get(const struct growth *growth, const struct process_row *row, int64_t *ret);

/* What a pool held step by step up to now, the oldest first; UINT64_MAX where it is not known. */
void growth_read(const struct growth *growth, const struct process_row *row, uint32_t pool,
                 uint64_t ret[GROWTH_READINGS]);

/* Takes zeroed ones. */
void growth_clear(struct growth *growth);
