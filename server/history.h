/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How much of each pool of a device was in use: second by second for a quarter of an hour, minute by minute for a day.
 * A sample is the highest value of its interval, because that is what decides whether an allocation fits, and because
 * the highest of a minute follows from those of its seconds. Lowest values beside them would take the room of the third
 * pool.
 *
 * It wakes nobody up. Between two events a value stays as it is, so the time between them is filled in when the second
 * one comes, and for a reader while he reads. Times are those of the events, on a clock that never jumps; only who
 * tells people the time adds the wall clock to it.
 *
 * An event may come late, because records lie in a ring until somebody takes them:
 *   - by up to HISTORY_GRACE seconds, as is usual where several processes share a device: it counts as it comes;
 *   - by more: its difference is entered in all later seconds, in one walk per batch of such events. In its own second
 *     it stands beside what was there at the end of that: what came first nobody can tell any more, and what the
 * process did in that second may have been taken in earlier in part;
 *   - by more than the seconds that are kept, or from before the first event: it belongs to the oldest second there is.
 *
 * While a resync runs, what is gone is counted beside what is there. So the history is frozen meanwhile: what that
 * process does is left out until both sides agree, and there is neither a spike nor a dip.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/ledger.h"

#define HISTORY_UNIT 4096   /* bytes that a sample counts, a begun one as a whole one; 16 TiB are the most it can say */
#define HISTORY_SECONDS 900 /* 15 minutes */
#define HISTORY_MINUTES 1440 /* a day */
#define HISTORY_GRACE 2

struct history_pool {
    __int128 frozen;                  /* bytes that count as in use while frozen */
    __int128 late_before;             /* what late events add up to before the second history::late, */
    __int128 late_high;               /* the most they came to in it, */
    __int128 late_sum;                /* and at its end */
    uint64_t kept;                    /* the newest minute that something was kept of */
    uint32_t second[HISTORY_SECONDS]; /* the complete ones, at their number modulo the size */
    uint32_t minute[HISTORY_MINUTES]; /* likewise: the highest of those of their seconds that have left the above */
};

struct history {
    uint64_t begin; /* of the current second, ns */
    uint64_t span;  /* an event so long from there has only to be compared: a second, or 0 while late or frozen */
    __int128 high[USAGE_POOLS]; /* bytes in the current second */
    uint64_t now;               /* the current second: that of the latest event */
    uint64_t first;             /* the second of the first event */
    uint64_t late;
    bool is_late; /* late events were noted that are not entered yet */
    bool is_frozen;
    struct history_pool pool[USAGE_POOLS];
};

/* `usage` is what the device has now and before the event at `now`. NULL: no memory. Goes with free(). */
struct history *history_new(const struct usage *usage, uint64_t now);

/* An event that history_note() cannot do by a comparison. */
void history_note_otherwise(struct history *history, const struct usage *usage, const struct ledger_change *change,
                            bool is_uncertain, uint64_t now);

/* The change was made at `now`, and `usage` is what came of it. */
static inline void history_note(struct history *history, const struct usage *usage, const struct ledger_change *change,
                                bool is_uncertain, uint64_t now)
{
    int pool = usage_pool_of(change->region);

    if (now - history->begin >= history->span)
        history_note_otherwise(history, usage, change, is_uncertain, now);
    else if (pool >= 0 && history->high[pool] < (__int128)usage->pool[pool].bytes)
        history->high[pool] = (__int128)usage->pool[pool].bytes;
}

/* All of `part` came to the device, or went away, at once; `usage` is what came of it. */
void history_note_arrival(struct history *history, const struct usage *usage, const struct usage *part, uint64_t now);
void history_note_departure(struct history *history, const struct usage *usage, const struct usage *part, uint64_t now);

/* From here on changes that are uncertain are left out; others count. `usage`: before the first of these. */
void history_freeze(struct history *history, const struct usage *usage);
/* They were certain after all: what is in `usage` counts. */
void history_thaw(struct history *history, const struct usage *usage, uint64_t now);

struct history_series {
    uint64_t time; /* when the interval of the newest sample began, on the clock of the events */
    size_t count;
    uint32_t samples[HISTORY_MINUTES]; /* in HISTORY_UNIT, the newest first */
};

/* The newest samples of a pool at `now`, at most `limit`, one for each `width` seconds (1 or 60). From before the first
 * event there are none. */
void history_read(struct history *history, const struct usage *usage, unsigned pool, unsigned width, size_t limit,
                  uint64_t now, struct history_series *ret);
