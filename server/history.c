/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Seconds stand in a ring by their number; one that leaves it goes into its minute. So minutes hold only what is older
 * than the seconds, and a late event need not touch them.
 */

#include "server/history_private.h"

#include <assert.h>
#include <stdlib.h>

#include "server/clock.h"

static_assert(32 * (sizeof(struct history) + 64) < 1024 * 1024, "a day of 32 devices takes less than 1 MiB");

static struct levels levels_of(const struct usage *usage)
{
    struct levels levels;

    for (unsigned i = 0; i < USAGE_POOLS; i++)
        levels.bytes[i] = (__int128)usage->pool[i].bytes;
    return levels;
}

static struct levels frozen_levels(const struct history *history)
{
    struct levels levels;

    for (unsigned i = 0; i < USAGE_POOLS; i++)
        levels.bytes[i] = history->pool[i].frozen;
    return levels;
}

/* ---- Time goes by ---- */

struct history *history_new(const struct usage *usage, uint64_t now)
{
    struct history *history = calloc(1, sizeof(*history));

    if (!history)
        return NULL;
    history->first = history->now = now / NSEC_PER_SEC;
    history->begin = history->now * NSEC_PER_SEC;
    history->span = NSEC_PER_SEC;
    for (unsigned i = 0; i < USAGE_POOLS; i++) {
        history->high[i] = (__int128)usage->pool[i].bytes;
        history->pool[i].kept = history->first / 60;
    }
    return history;
}

/* Minutes come in order, each at most one behind the one before. */
static void keep(struct history_pool *pool, uint64_t minute, uint32_t sample)
{
    uint32_t *place = minute_at(pool, minute);

    *place = minute > pool->kept ? sample : higher(*place, sample);
    pool->kept = minute;
}

static void complete_second(struct history_pool *pool, uint64_t first, uint64_t second, uint32_t sample)
{
    uint32_t *place = second_at(pool, second);

    if (second >= first + HISTORY_SECONDS)
        keep(pool, (second - HISTORY_SECONDS) / 60, *place);
    *place = sample;
}

/* All seconds before `from` that are still there are alike, and so are those up to `to`. */
static void keep_long_idleness(struct history_pool *pool, uint64_t from, uint64_t to, uint32_t sample)
{
    uint64_t last = (to - 1 - HISTORY_SECONDS) / 60;
    uint64_t minute = (from - HISTORY_SECONDS) / 60;

    keep(pool, minute, sample);
    if (last - minute > HISTORY_MINUTES)
        minute = last - HISTORY_MINUTES;
    while (minute < last)
        keep(pool, ++minute, sample);
}

/* The current second ends with its high, and up to the second `to` nothing happens. */
static void pass_pool(struct history *history, unsigned index, uint64_t to, uint32_t level)
{
    struct history_pool *pool = &history->pool[index];
    uint64_t second = history->now, turned = history->now + 1 + HISTORY_SECONDS;

    complete_second(pool, history->first, second, clamp(units_of(history->high[index])));
    while (++second < to && second < turned)
        complete_second(pool, history->first, second, level);
    if (second < to)
        keep_long_idleness(pool, second, to, level);
}

static void pass(struct history *history, uint64_t to, const struct levels *levels)
{
    if (to <= history->now)
        return;
    for (unsigned i = 0; i < USAGE_POOLS; i++) {
        pass_pool(history, i, to, clamp(units_of(levels->bytes[i])));
        history->high[i] = levels->bytes[i];
    }
    history->now = to;
    history->begin = to * NSEC_PER_SEC;
}

static void raise(struct history *history, const struct levels *levels)
{
    for (unsigned i = 0; i < USAGE_POOLS; i++)
        if (history->high[i] < levels->bytes[i])
            history->high[i] = levels->bytes[i];
}

/* ---- Events ---- */

static void note_while_frozen(struct history *history, uint64_t second, const struct levels *change, bool is_uncertain)
{
    struct levels levels = frozen_levels(history);

    pass(history, second, &levels);
    if (is_uncertain)
        return;
    for (unsigned i = 0; i < USAGE_POOLS; i++)
        levels.bytes[i] = history->pool[i].frozen = at_least_0(levels.bytes[i] + change->bytes[i]);
    raise(history, &levels);
}

static void note_in_time(struct history *history, uint64_t second, const struct usage *usage,
                         const struct levels *change)
{
    struct levels after = levels_of(usage), before = after;

    history_enter_late(history);
    for (unsigned i = 0; i < USAGE_POOLS; i++)
        before.bytes[i] -= change->bytes[i];
    pass(history, second, &before);
    raise(history, &after);
}

static void note(struct history *history, const struct usage *usage, const struct levels *change, bool is_uncertain,
                 uint64_t now)
{
    uint64_t second = now / NSEC_PER_SEC, oldest = oldest_second(history);

    if (second < oldest)
        second = oldest;
    if (history->is_frozen)
        note_while_frozen(history, second, change, is_uncertain);
    else if (second + HISTORY_GRACE < history->now)
        history_note_late(history, second, change);
    else
        note_in_time(history, second, usage, change);
}

void history_note_otherwise(struct history *history, const struct usage *usage, const struct ledger_change *change,
                            bool is_uncertain, uint64_t now)
{
    struct levels levels = {0};
    int pool = usage_pool_of(change->region);

    if (pool >= 0)
        levels.bytes[pool] = (__int128)change->size_after - (__int128)change->size_before;
    note(history, usage, &levels, is_uncertain, now);
}

void history_note_arrival(struct history *history, const struct usage *usage, const struct usage *part, uint64_t now)
{
    struct levels levels = levels_of(part);

    note(history, usage, &levels, false, now);
}

void history_note_departure(struct history *history, const struct usage *usage, const struct usage *part, uint64_t now)
{
    struct levels levels = levels_of(part);

    for (unsigned i = 0; i < USAGE_POOLS; i++)
        levels.bytes[i] = -levels.bytes[i];
    note(history, usage, &levels, false, now);
}

void history_freeze(struct history *history, const struct usage *usage)
{
    history_enter_late(history);
    for (unsigned i = 0; i < USAGE_POOLS; i++)
        history->pool[i].frozen = (__int128)usage->pool[i].bytes;
    history->is_frozen = true;
    history->span = 0;
}

void history_thaw(struct history *history, const struct usage *usage, uint64_t now)
{
    struct levels frozen = frozen_levels(history), levels = levels_of(usage);

    assert(history->is_frozen);
    pass(history, now / NSEC_PER_SEC, &frozen);
    raise(history, &levels);
    history->is_frozen = false;
    history->span = NSEC_PER_SEC;
}
