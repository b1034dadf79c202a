/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Series of samples come in pieces, the newest first, and in units. They are handed out whole, in bytes, the oldest
 * first, as they are drawn.
 */

#include "client/list.h"

#include <errno.h>

static struct tt_alloc_history *last_series(const struct tt_alloc_list *list)
{
    struct tt_alloc_history *series = list->items.items;

    return list->items.count > 0 ? &series[list->items.count - 1] : NULL;
}

static bool goes_on(const struct tt_alloc_history *series, const struct tt_alloc_history_record *record)
{
    return series != NULL && series->device == record->device_id && series->pool == record->pool &&
           series->resolution == record->resolution && series->time == record->time && series->count == record->index;
}

static int begin_series(struct tt_alloc_list *list, const struct tt_alloc_history_record *record)
{
    struct tt_alloc_history *series = tt_alloc_array_extend(&list->items, sizeof(*series), 1);

    if (series == NULL)
        return -ENOMEM;
    *series = (struct tt_alloc_history){
        .device = record->device_id, .pool = record->pool, .resolution = record->resolution, .time = record->time};
    return 0;
}

int tt_alloc_list_take_history(struct tt_alloc_list *list, const struct tt_alloc_history_record *record)
{
    int r = 0;

    if (record->count == 0 || record->count > TT_ALLOC_HISTORY_SAMPLES)
        return -EPROTO;
    if (record->pool >= TT_ALLOC_POOLS)
        return 0;
    if (record->index == 0)
        r = begin_series(list, record);
    else if (!goes_on(last_series(list), record))
        r = -EPROTO;
    if (r < 0)
        return r;

    uint64_t *samples = tt_alloc_array_extend(&list->samples, sizeof(*samples), record->count);
    if (samples == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < record->count; i++)
        samples[i] = (uint64_t)record->samples[i] * TT_ALLOC_HISTORY_UNIT;
    last_series(list)->count += record->count;
    return 0;
}

static void reverse(uint64_t *samples, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        uint64_t sample = samples[i];

        samples[i] = samples[count - 1 - i];
        samples[count - 1 - i] = sample;
    }
}

void tt_alloc_list_finish_history(struct tt_alloc_list *list)
{
    struct tt_alloc_history *series = list->items.items;
    uint64_t *samples = list->samples.items;

    for (size_t i = 0; i < list->items.count; i++) {
        reverse(samples, series[i].count);
        series[i].samples = samples;
        samples += series[i].count;
    }
}
