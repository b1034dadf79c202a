/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The memory of a device, pool by pool: DRAM and L1 are never added up. What was never used is null even where all is
 * known of the device, so that a region that is empty again can be told from one that nobody touched.
 */

#include "smi/json/rows.h"

/* What ended processes left on a device in a region. Beside a node there may be a row of the same number that nobody
 * tied to a chip: what was left there is not known to be the node's. */
static uint64_t left_bytes(const struct snapshot *snapshot, int32_t device, uint32_t region)
{
    struct filter on_device = {.devices = &device, .device_count = 1, .region = (int)region};
    uint64_t bytes = 0;

    for (size_t i = 0; i < snapshot->leak_count; i++)
        bytes = add_saturating(bytes, sum_region(snapshot->leaks[i]->facts.usage, snapshot->leaks[i]->facts.usage_count,
                                                 region, &on_device)
                                          .bytes);
    return bytes;
}

/* Peaks and buffers are known to the server only. */
static json_t *figures(const struct device_row *row, struct sum sum)
{
    bool has_peaks = sum.used && row->has_peaks;

    return json_pack("{s:o, s:o, s:o}", "allocated_bytes", json_count_if(sum.used, sum.bytes), "peak_bytes",
                     json_count_if(has_peaks, sum.peak), "buffers", json_count_if(has_peaks, sum.buffers));
}

static json_t *device_region(const struct device_row *row, uint32_t region, const struct snapshot *snapshot,
                             const struct filter *filter)
{
    const struct tt_alloc_device *device = &row->facts;
    struct capacity limit = region_capacity(&device->description, region);
    bool carved_out = region == TT_ALLOC_TRACE || region == TT_ALLOC_L1_SMALL;
    uint64_t left = left_bytes(snapshot, device->device, region);
    json_t *more =
        json_pack("{s:o, s:o}", "limit_bytes", json_count_if(carved_out && limit.known, limit.bytes), "leaked_bytes",
                  json_count_if(snapshot_is_told(snapshot) && (row->is_told || left == 0), left));
    json_t *entry = json_pack("{s:s}", "region", regions[region].name);

    entry = json_merge(entry, figures(row, sum_region(device->usage, device->usage_count, region, filter)));
    return json_merge(entry, more);
}

/* Those of a pool (-1: of none) that were used or whose limit is known. */
json_t *json_device_regions(const struct device_row *row, int pool, const struct snapshot *snapshot,
                            const struct filter *filter)
{
    const struct tt_alloc_device *device = &row->facts;
    json_t *list = json_array();

    for (size_t i = 0; list && i < TT_ALLOC_REGIONS; i++) {
        uint32_t region = region_order[i];
        bool worth = sum_region(device->usage, device->usage_count, region, filter).used ||
                     region_capacity(&device->description, region).known;

        if (regions[region].pool == pool && filter_has_region(filter, region) && worth)
            list = json_append(list, device_region(row, region, snapshot, filter));
    }
    return list;
}

static json_t *device_pool(const struct device_row *row, uint32_t pool, const struct snapshot *snapshot,
                           const struct filter *filter)
{
    const struct tt_alloc_device *device = &row->facts;
    struct capacity size = pool_capacity(&device->description, pool);
    json_t *entry =
        json_pack("{s:s, s:o}", "pool", pool_names[pool], "size_bytes", json_count_if(size.known, size.bytes));

    entry = json_merge(entry, figures(row, sum_pool(device->usage, device->usage_count, pool, filter)));
    return json_merge(entry, json_pack("{s:n, s:o}", "largest_free_block_bytes", "regions",
                                       json_device_regions(row, (int)pool, snapshot, filter)));
}

json_t *json_device_pools(const struct device_row *row, const struct snapshot *snapshot, const struct filter *filter)
{
    json_t *list = json_array();

    for (uint32_t pool = 0; list && pool < TT_ALLOC_POOLS; pool++) {
        if (filter_has_pool(filter, pool))
            list = json_append(list, device_pool(row, pool, snapshot, filter));
    }
    return list;
}
