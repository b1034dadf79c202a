/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How much the dram pool of a process grew within the last minute, as the view saw it. Nobody else keeps that: the
 * server's history is one of devices.
 */

#include "smi/sample/snapshot.h"

struct growth_track;

struct growth {
    struct growth_track *tracks;
    size_t count, room;
};

/* Processes that are not in the sample any more are forgotten. -ENOMEM. */
int growth_note(struct growth *growth, const struct snapshot *snapshot);

/* Bytes per minute; false while it was not seen for long enough, or what it holds is not known. */
bool growth_get(const struct growth *growth, const struct process_row *row, int64_t *ret);

/* Takes zeroed ones. */
void growth_clear(struct growth *growth);
