/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the parts of a history share: history.c (time and events), history_late.c (events that come late),
 * history_read.c (readers).
 */

#include "server/history.h"

/* One amount per pool, in bytes. */
struct levels {
    __int128 bytes[USAGE_POOLS];
};

static inline __int128 at_least_0(__int128 bytes)
{
    return bytes > 0 ? bytes : 0;
}

/* Rounded up, so that only nothing is 0. */
static inline __int128 units_of(__int128 bytes)
{
    return (bytes + (bytes > 0 ? HISTORY_UNIT - 1 : 0)) / HISTORY_UNIT;
}

static inline uint32_t clamp(__int128 units)
{
    if (units < 0)
        return 0;
    return units < UINT32_MAX ? (uint32_t)units : UINT32_MAX;
}

static inline uint32_t higher(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static inline uint32_t *second_at(struct history_pool *pool, uint64_t second)
{
    return &pool->second[second % HISTORY_SECONDS];
}

static inline uint32_t *minute_at(struct history_pool *pool, uint64_t minute)
{
    return &pool->minute[minute % HISTORY_MINUTES];
}

/* The oldest second that there is a sample of. */
static inline uint64_t oldest_second(const struct history *history)
{
    uint64_t kept = history->now > HISTORY_SECONDS ? history->now - HISTORY_SECONDS : 0;

    return kept > history->first ? kept : history->first;
}

/* An event in a second long before the current one changed the sums by so much. */
void history_note_late(struct history *history, uint64_t second, const struct levels *change);
/* Enters what was noted so, if anything was. */
void history_enter_late(struct history *history);
