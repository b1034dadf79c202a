/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a reader is told: what is kept, and what has stayed as it was since the last event.
 */

#include "server/history_private.h"

#include "server/clock.h"

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

    history_enter_late(history);
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
