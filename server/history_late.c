/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Events of one process come in order, so a batch of late ones is one walk from its first second to the current one,
 * with the sum of what was done so far. The walk pauses where the last event was: history::late.
 */

#include "server/history_private.h"

#include "server/clock.h"

/* More than a sample can hold makes no difference, and is slower to add. */
static int64_t difference(__int128 bytes)
{
    __int128 units = units_of(bytes);

    if (units < 0)
        return units > -(__int128)UINT32_MAX ? (int64_t)units : -(int64_t)UINT32_MAX;
    return units < UINT32_MAX ? (int64_t)units : UINT32_MAX;
}

static uint32_t add(uint32_t sample, int64_t units)
{
    int64_t sum = sample + units;

    if (sum < 0)
        return 0;
    return sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
}

static uint32_t lower(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/*
 * Enters in the second `late` what late events did in it. What was held at its end, which is at most the highest of the
 * next second, stood beside all they did; the highest in it, only surely beside what they did before.
 */
static void correct_second(struct history_pool *pool, uint64_t late)
{
    uint32_t *place = second_at(pool, late);
    uint32_t at_end = lower(*place, *second_at(pool, late + 1));

    *place = higher(add(*place, difference(pool->late_before)), add(at_end, difference(pool->late_high)));
}

static void correct_pool(struct history_pool *pool, uint64_t late, uint64_t to)
{
    int64_t units = difference(pool->late_sum);

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
void history_enter_late(struct history *history)
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

void history_note_late(struct history *history, uint64_t second, const struct levels *change)
{
    if (history->is_late && second < history->late)
        history_enter_late(history);
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
