/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What happened: processes that ended and what they left, new peaks of devices, and that the server went away or came
 * back. It is found by comparing each sample with what was known before; the ends come from the server's own list, so
 * that those from before the start are there as well.
 */

#include "smi/live/screen.h"
#include "smi/sample/snapshot.h"

#define EVENTS_MAX 64

struct event {
    uint64_t time;
    enum ink ink;
    char text[160];
};

struct peak_track;

struct events {
    struct event list[EVENTS_MAX]; /* the oldest first */
    size_t count;
    uint64_t last_end;    /* of the ended processes that were told */
    uint64_t last_serial; /* where several ended at that time */
    bool began, was_told;
    struct peak_track *peaks;
    size_t peak_count;
};

/* -ENOMEM. */
int events_note(struct events *events, const struct snapshot *snapshot, const struct filter *filter);

/*
 * Marks those to show on so many lines: the newest, but what somebody has to see (a leak, a server that is gone) is not
 * pushed out by anything else for a minute. None later than `until`, for a view that has gone back.
 */
void events_choose(const struct events *events, size_t lines, uint64_t now, uint64_t until,
                   bool ret_chosen[EVENTS_MAX]);

/* Takes zeroed ones. */
void events_clear(struct events *events);
