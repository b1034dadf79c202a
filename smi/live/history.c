/* SPDX-License-Identifier: Apache-2.0 */

/*
 * All series share one clock, so that a column of every spark is the same moment.
 */

#include "smi/live/history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NANOSECONDS UINT64_C(1000000000)

static void forget_all(struct series *series)
{
    memset(series->values, 0xff, sizeof(series->values));
}

static void forget_second(struct history *history, uint64_t second)
{
    for (size_t i = 0; i < history->count; i++) {
        for (size_t pool = 0; pool < HISTORY_POOLS; pool++)
            history->series[i].values[pool][second % HISTORY_LENGTH] = HISTORY_UNKNOWN;
    }
}

void history_advance(struct history *history, uint64_t second)
{
    bool is_anew = second < history->now || second - history->now >= HISTORY_LENGTH;

    for (size_t i = 0; is_anew && i < history->count; i++)
        forget_all(&history->series[i]);
    for (uint64_t next = history->now + 1; !is_anew && next <= second; next++)
        forget_second(history, next);
    history->now = second;
}

static struct series *find(const struct history *history, int32_t device)
{
    for (size_t i = 0; i < history->count; i++) {
        if (history->series[i].device == device)
            return &history->series[i];
    }
    return NULL;
}

static struct series *add(struct history *history, int32_t device)
{
    struct series *grown = reallocarray(history->series, history->count + 1, sizeof(*grown));

    if (!grown)
        return NULL;
    history->series = grown;
    grown[history->count].device = device;
    forget_all(&grown[history->count]);
    return &grown[history->count++];
}

static bool is_kept(const struct history *history, uint64_t second)
{
    return second <= history->now && history->now - second < HISTORY_LENGTH;
}

int history_set(struct history *history, int32_t device, uint32_t pool, uint64_t second, uint64_t bytes)
{
    struct series *series = find(history, device);

    if (pool >= HISTORY_POOLS || !is_kept(history, second))
        return 0;
    if (!series)
        series = add(history, device);
    if (!series)
        return -ENOMEM;
    series->values[pool][second % HISTORY_LENGTH] = bytes;
    return 0;
}

static int note_pool(struct history *history, const struct device_row *row, uint32_t pool)
{
    struct filter all = {.region = -1};
    struct sum sum = sum_pool(row->facts.usage, row->facts.usage_count, pool, &all);
    uint64_t before;

    history_read(history, row->facts.device, pool, 0, 1, &before);
    if (!sum.used || (before != HISTORY_UNKNOWN && before >= sum.bytes))
        return 0;
    return history_set(history, row->facts.device, pool, history->now, sum.bytes);
}

int history_note(struct history *history, const struct snapshot *snapshot)
{
    int r = 0;

    history_advance(history, snapshot->time / NANOSECONDS);
    for (size_t i = 0; r == 0 && i < snapshot->device_count; i++) {
        for (uint32_t pool = 0; r == 0 && pool < HISTORY_POOLS; pool++)
            r = note_pool(history, snapshot->devices[i], pool);
    }
    return r;
}

static int take_series(struct history *history, const struct tt_alloc_history *series)
{
    uint64_t newest = (series->time + NANOSECONDS / 2) / NANOSECONDS;
    int r = 0;

    for (size_t i = 0; r == 0 && i < series->count; i++)
        r = history_set(history, series->device, series->pool, newest - (series->count - 1 - i), series->samples[i]);
    return r;
}

int history_take(struct history *history, const struct tt_alloc_list *list)
{
    const struct tt_alloc_history *series;
    int r = 0;

    for (size_t i = 0; r == 0 && (series = tt_alloc_list_series(list, i)); i++)
        r = take_series(history, series);
    return r;
}

void history_read(const struct history *history, int32_t device, uint32_t pool, size_t ago, size_t count, uint64_t *ret)
{
    const struct series *series = pool < HISTORY_POOLS ? find(history, device) : NULL;

    for (size_t i = 0; i < count; i++) {
        size_t before = ago + count - 1 - i;
        bool is_known = series && before < HISTORY_LENGTH && before <= history->now;

        ret[i] = is_known ? series->values[pool][(history->now - before) % HISTORY_LENGTH] : HISTORY_UNKNOWN;
    }
}

size_t history_ago(const struct history *history, uint64_t moment)
{
    uint64_t second = moment / NANOSECONDS;

    return is_kept(history, second) ? (size_t)(history->now - second) : HISTORY_LENGTH;
}

void history_clear(struct history *history)
{
    free(history->series);
    *history = (struct history){0};
}
