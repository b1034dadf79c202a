/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a process holds of each device: a list by region and one by pool.
 */

#include "smi/json/rows.h"

static json_t *keys(const struct process_row *row, const struct tt_alloc_usage *usage)
{
    return json_pack("{s:o, s:o, s:s, s:I, s:o, s:o}", "device", json_device_name(usage->device), "logical_id",
                     row->has_peaks ? json_integer(usage->logical_id) : json_null(), usage->is_pool ? "pool" : "region",
                     usage->is_pool ? pool_names[usage->index] : regions[usage->index].name, "allocated_bytes",
                     json_clamp(usage->bytes), "peak_bytes", json_count_if(row->has_peaks, usage->peak_bytes),
                     "buffers", json_count_if(row->has_peaks, usage->buffers));
}

static json_t *entry(const struct process_row *row, const struct tt_alloc_usage *usage)
{
    json_t *object = keys(row, usage);

    if (usage->is_pool)
        return object;
    return json_merge(object, json_pack("{s:o, s:o}", "allocations", json_count_if(row->has_peaks, usage->allocations),
                                        "frees", json_count_if(row->has_peaks, usage->frees)));
}

/* A newer server may know regions that we have no name for. */
static bool has_name(const struct tt_alloc_usage *usage)
{
    return usage->index < (usage->is_pool ? (uint32_t)TT_ALLOC_POOLS : (uint32_t)TT_ALLOC_REGIONS);
}

json_t *json_usage_list(const struct process_row *row, const struct filter *filter, bool pools, bool holding)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < row->facts.usage_count; i++) {
        const struct tt_alloc_usage *usage = &row->facts.usage[i];

        if (usage->is_pool == pools && has_name(usage) && filter_has_usage(filter, usage) &&
            (!holding || usage->buffers > 0))
            list = json_append(list, entry(row, usage));
    }
    return list;
}
