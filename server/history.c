/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Seconds stand in a ring by their number; one that leaves it goes into its minute. So minutes hold only what is older
 * than the seconds, and a late event need not touch them.
 */

#include "server/history.h"

#include <assert.h>
#include <stdlib.h>

#include "server/clock.h"

static_assert(32 * (sizeof(struct history) + 64) < 1024 * 1024, "a day of 32 devices takes less than 1 MiB");

/* ---- Amounts ---- */

struct levels {
    __int128 bytes[USAGE_POOLS];
};

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

static __int128 at_least_0(__int128 bytes)
{
    return bytes > 0 ? bytes : 0;
}

/* Rounded up, so that only nothing is 0. */
static __int128 units_of(__int128 bytes)
{
    return (bytes + (bytes > 0 ? HISTORY_UNIT - 1 : 0)) / HISTORY_UNIT;
}

static uint32_t clamp(__int128 units)
{
    if (units < 0)
        return 0;
    return units < UINT32_MAX ? (uint32_t)units : UINT32_MAX;
}

static uint32_t add(uint32_t sample, __int128 units)
{
    return clamp(sample + units);
}

static uint32_t higher(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint32_t lower(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t *second_at(struct history_pool *pool, uint64_t second)
{
    return &pool->second[second % HISTORY_SECONDS];
}

static uint32_t *minute_at(struct history_pool *pool, uint64_t minute)
{
    return &pool->minute[minute % HISTORY_MINUTES];
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

/* ---- Late events ---- */

/*
 * Enters in the second `late` what late events did in it. What was held at its end, which is at most the highest of the
 * next second, stood beside all they did; the highest in it, only surely beside what they did before.
 */
static void correct_second(struct history_pool *pool, uint64_t late)
{
    uint32_t *place = second_at(pool, late);
    uint32_t at_end = lower(*place, *second_at(pool, late + 1));

    *place = higher(add(*place, units_of(pool->late_before)), add(at_end, units_of(pool->late_high)));
}

static void correct_pool(struct history_pool *pool, uint64_t late, uint64_t to)
{
    __int128 units = units_of(pool->late_sum);

    if (pool->late_before || pool->late_high)
        correct_second(pool, late);
    if (units)
        for (uint64_t second = late + 1; second < to; second++)
            *second_at(pool, second) = add(*second_at(pool, second), units);
    pool->late_before = pool->late_high = pool->late_sum;
}

static void correct(struct history *history, uint64_t to)
{
    if (to == history->late)
        return;
    for (unsigned i = 0; i < USAGE_POOLS; i++)
        correct_pool(&history->pool[i], history->late, to);
    history->late = to;
}

/* No more events of this batch: they count in the current second too. */
static void enter_late(struct history *history)
{
    if (!history->is_late)
        return;
    correct(history, history->now);
    for (unsigned i = 0; i < USAGE_POOLS; i++)
        history->high[i] = at_least_0(history->high[i] + history->pool[i].late_sum);
    history->is_late = false;
    history->span = NSEC_PER_SEC;
}

static void begin_late(struct history *history, uint64_t second)
{
    for (unsigned i = 0; i < USAGE_POOLS; i++) {
        struct history_pool *pool = &history->pool[i];

        pool->late_before = pool->late_high = pool->late_sum = 0;
    }
    history->late = second;
    history->is_late = true;
    history->span = 0;
}

static void note_late(struct history *history, uint64_t second, const struct levels *change)
{
    if (history->is_late && second < history->late)
        enter_late(history);
    if (!history->is_late)
        begin_late(history, second);
    correct(history, second);
    for (unsigned i = 0; i < USAGE_POOLS; i++) {
        struct history_pool *pool = &history->pool[i];

        pool->late_sum += change->bytes[i];
        if (pool->late_high < pool->late_sum)
            pool->late_high = pool->late_sum;
    }
}

static uint64_t oldest_second(const struct history *history)
{
    uint64_t kept = history->now > HISTORY_SECONDS ? history->now - HISTORY_SECONDS : 0;

    return kept > history->first ? kept : history->first;
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

    enter_late(history);
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
        note_late(history, second, change);
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
    enter_late(history);
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

/* ---- Reading ---- */

/* What a reader sees: the current second, and those since then. */
struct view {
    struct history_pool *pool;
    uint64_t oldest; /* second */
    uint64_t now;
    uint64_t newest;
    uint32_t high;  /* of now */
    uint32_t level; /* since then */
};

static uint32_t read_second(const struct view *view, uint64_t second)
{
    if (second > view->now)
        return view->level;
    return second == view->now ? view->high : *second_at(view->pool, second);
}

static uint32_t read_minute(const struct view *view, uint64_t minute)
{
    uint64_t second = minute * 60, end = second + 60;
    uint32_t sample = minute <= view->pool->kept ? *minute_at(view->pool, minute) : 0;

    if (second < view->oldest)
        second = view->oldest;
    if (end > view->newest + 1)
        end = view->newest + 1;
    for (; second < end; second++)
        sample = higher(sample, read_second(view, second));
    return sample;
}

void history_read(struct history *history, const struct usage *usage, unsigned pool, unsigned width, size_t limit,
                  uint64_t now, struct history_series *ret)
{
    size_t most = width == 1 ? HISTORY_SECONDS : HISTORY_MINUTES;
    struct view view = {.pool = &history->pool[pool], .now = history->now, .newest = now / NSEC_PER_SEC};
    uint64_t newest, known;

    enter_late(history);
    view.oldest = oldest_second(history);
    view.high = clamp(units_of(history->high[pool]));
    view.level = clamp(units_of(history->is_frozen ? view.pool->frozen : (__int128)usage->pool[pool].bytes));
    if (view.newest < view.now)
        view.newest = view.now;
    newest = view.newest / width;
    known = newest - history->first / width + 1;

    ret->time = newest * width * NSEC_PER_SEC;
    ret->count = known < most ? (size_t)known : most;
    if (limit && ret->count > limit)
        ret->count = limit;
    for (size_t i = 0; i < ret->count; i++)
        ret->samples[i] = width == 1 ? read_second(&view, newest - i) : read_minute(&view, newest - i);
}
