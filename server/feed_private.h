/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the two halves of a feed share: feed.c (reports, rings, time) and feed_resync.c (what a reporter tells of all it
 * has).
 */

#include "server/feed.h"

#define FEED_AHEAD_LIMIT (UINT64_C(1) << 48) /* no honest count of reports runs away so far */

/* What every record of a drain is applied with. */
struct turn {
    struct registry *registry;
    struct process *process;
    uint64_t now;
};

/* When the reporter's clock stood at `tick`, in the server's time. */
uint64_t feed_time_of(const struct feed *feed, const struct turn *turn, uint32_t tick);

static inline uint64_t feed_accounted(const struct feed *feed)
{
    return feed->before + feed->applied + feed->lost;
}

/* All that `made` counts is applied, if it was ever written: the rest is lost. -EPROTO: nobody makes so many. */
int feed_settle(struct feed *feed, const struct turn *turn, uint64_t made);

/* RESYNC_*; other types, and these where they have no place, are -EPROTO. */
int feed_apply_resync(struct feed *feed, const struct turn *turn, const struct tt_alloc_record *record);
void feed_call_off_resync(struct feed *feed, struct process *process);
