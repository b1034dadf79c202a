/* SPDX-License-Identifier: Apache-2.0 */

/*
 * json_pack() takes over what it is given and fails as a whole, so that no step of building an object needs a check of
 * its own: a NULL given for 'o' makes the object NULL, and what was given beside it is released.
 */

#include "smi/json_rows.h"
#include "smi/format.h"
#include "smi/text.h"
#include "smi/users.h"

#include <inttypes.h>
#include <stdlib.h>

#define NANOSECONDS UINT64_C(1000000000)

json_int_t json_clamp(uint64_t value)
{
    return value > INT64_MAX ? INT64_MAX : (json_int_t)value;
}

json_t *json_text(const char *text)
{
    char *repaired = text ? text_repair(text) : NULL;
    json_t *value = text ? (repaired ? json_string(repaired) : NULL) : json_null();

    free(repaired);
    return value;
}

/* An identifier of up to 64 bits. */
static json_t *identifier(uint64_t value)
{
    return json_sprintf("%" PRIu64, value);
}

static json_t *moment(uint64_t nanoseconds)
{
    return nanoseconds ? json_string(format_iso(nanoseconds).text) : json_null();
}

static json_t *seconds(uint64_t nanoseconds)
{
    return json_integer(json_clamp(nanoseconds / NANOSECONDS));
}

static json_t *bytes_if(bool known, uint64_t bytes)
{
    return known ? json_integer(json_clamp(bytes)) : json_null();
}

/* What ended processes left on a device in a region. */
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

static json_t *device_region(const struct tt_alloc_device *device, uint32_t region, const struct snapshot *snapshot,
                             const struct filter *filter)
{
    struct sum sum = sum_region(device->usage, device->usage_count, region, filter);
    struct capacity limit = region_capacity(&device->description, region);
    bool carved_out = region == TT_ALLOC_TRACE || region == TT_ALLOC_L1_SMALL;

    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:I}", "region", regions[region].name, "allocated_bytes",
                     bytes_if(sum.used, sum.bytes), "peak_bytes", bytes_if(sum.used, sum.peak), "buffers",
                     bytes_if(sum.used, sum.buffers), "limit_bytes", bytes_if(carved_out && limit.known, limit.bytes),
                     "leaked_bytes", json_clamp(left_bytes(snapshot, device->device, region)));
}

/* Those of a pool (-1: of none) that were used or whose limit is known. */
static json_t *device_regions(const struct tt_alloc_device *device, int pool, const struct snapshot *snapshot,
                              const struct filter *filter)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < TT_ALLOC_REGIONS; i++) {
        uint32_t region = region_order[i];
        bool worth = sum_region(device->usage, device->usage_count, region, filter).used ||
                     region_capacity(&device->description, region).known;

        if (regions[region].pool == pool && filter_has_region(filter, region) && worth &&
            json_array_append_new(list, device_region(device, region, snapshot, filter)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *device_pool(const struct tt_alloc_device *device, uint32_t pool, const struct snapshot *snapshot,
                           const struct filter *filter)
{
    struct sum sum = sum_pool(device->usage, device->usage_count, pool, filter);
    struct capacity size = pool_capacity(&device->description, pool);

    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:n, s:o}", "pool", pool_names[pool], "size_bytes",
                     bytes_if(size.known, size.bytes), "allocated_bytes", bytes_if(sum.used, sum.bytes), "peak_bytes",
                     bytes_if(sum.used, sum.peak), "buffers", bytes_if(sum.used, sum.buffers),
                     "largest_free_block_bytes", "regions", device_regions(device, (int)pool, snapshot, filter));
}

static json_t *device_pools(const struct tt_alloc_device *device, const struct snapshot *snapshot,
                            const struct filter *filter)
{
    json_t *list = json_array();

    for (uint32_t pool = 0; list && pool < TT_ALLOC_POOLS; pool++) {
        if (filter_has_pool(filter, pool) &&
            json_array_append_new(list, device_pool(device, pool, snapshot, filter)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *json_device(const struct device_row *row, const struct snapshot *snapshot, const struct filter *filter)
{
    const struct tt_alloc_device *device = &row->facts;
    const struct tt_alloc_device_description *facts = &device->description;
    uint32_t known = facts->known;
    const char *arch = arch_name(facts);

    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o}", "device", json_sprintf("%d", device->device), "asic_id",
        known & TT_ALLOC_KNOWN_ASIC_ID ? identifier(facts->asic_id) : json_null(), "pci_address",
        known & TT_ALLOC_KNOWN_PCI ? json_string(format_pci(facts->pci_address).text) : json_null(), "arch",
        json_text(arch), "board", json_text(known & TT_ALLOC_KNOWN_BOARD ? facts->board : NULL), "remote",
        known & TT_ALLOC_KNOWN_REMOTE ? json_boolean(facts->remote) : json_null(), "processes",
        (json_int_t)device->processes, "idle_seconds", seconds(device->idle), "pools",
        device_pools(device, snapshot, filter), "regions_in_no_pool", device_regions(device, -1, snapshot, filter));
}

static json_t *usage_entry(const struct tt_alloc_usage *usage)
{
    json_t *entry = json_pack("{s:o, s:i, s:s, s:I, s:I, s:I}", "device", json_sprintf("%d", usage->device),
                              "logical_id", usage->logical_id, usage->is_pool ? "pool" : "region",
                              usage->is_pool ? pool_names[usage->index] : regions[usage->index].name, "allocated_bytes",
                              json_clamp(usage->bytes), "peak_bytes", json_clamp(usage->peak_bytes), "buffers",
                              json_clamp(usage->buffers));

    if (entry && !usage->is_pool &&
        (json_object_set_new(entry, "allocations", json_integer(json_clamp(usage->allocations))) < 0 ||
         json_object_set_new(entry, "frees", json_integer(json_clamp(usage->frees))) < 0)) {
        json_decref(entry);
        return NULL;
    }
    return entry;
}

/* A newer server may know regions that we have no name for. */
static bool has_name(const struct tt_alloc_usage *usage)
{
    return usage->index < (usage->is_pool ? (uint32_t)TT_ALLOC_POOLS : (uint32_t)TT_ALLOC_REGIONS);
}

/* The regions or the pools; with holding only those with live buffers. */
static json_t *usage_list(const struct tt_alloc_process *process, const struct filter *filter, bool pools, bool holding)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < process->usage_count; i++) {
        const struct tt_alloc_usage *usage = &process->usage[i];

        if (usage->is_pool == pools && has_name(usage) && filter_has_usage(filter, usage) &&
            (!holding || usage->buffers > 0) && json_array_append_new(list, usage_entry(usage)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* The keys that live and ended processes share. */
static json_t *process_keys(const struct process_row *row, const struct filter *filter, bool holding)
{
    const struct tt_alloc_process *process = &row->facts;

    return json_pack("{s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:n, s:b, s:I, s:o, s:I, s:o, s:o}", "pid",
                     bytes_if(process->pid > 0, (uint64_t)process->pid), "start_time", moment(process->start_time),
                     "user", json_text(user_name(process->uid)), "uid", (json_int_t)process->uid, "command",
                     json_text(process->command), "comm", json_text(process->comm), "serial",
                     identifier(process->serial), "cgroup", "inexact", process->inexact, "lost_reports",
                     json_clamp(process->lost), "label_pid",
                     bytes_if(process->label_pid > 0, (uint64_t)process->label_pid), "buffers",
                     json_clamp(count_buffers(process, filter)), "usage", usage_list(process, filter, false, holding),
                     "pools", usage_list(process, filter, true, holding));
}

/* Adds the keys of more to object; takes both over. */
static json_t *merge(json_t *object, json_t *more)
{
    int r = object && more ? json_object_update(object, more) : -1;

    json_decref(more);
    if (r == 0)
        return object;
    json_decref(object);
    return NULL;
}

json_t *json_process(const struct process_row *row, const struct filter *filter)
{
    const struct tt_alloc_process *process = &row->facts;
    json_t *more = json_pack("{s:s, s:I, s:o, s:o}", "tracking", tracking_name(row->tracking), "sessions",
                             (json_int_t)process->sessions, "age_seconds", seconds(process->age), "idle_seconds",
                             seconds(process->idle));

    return merge(process_keys(row, filter, false), more);
}

static json_t *ended_keys(const struct tt_alloc_process *process)
{
    bool hung_up = process->reason == TT_ALLOC_REASON_HUNG_UP;

    return json_pack("{s:s, s:o, s:o}", "ended", hung_up ? "hung_up" : "exited", "end_time", moment(process->end_time),
                     "lifetime_seconds", seconds(process->age));
}

json_t *json_ended(const struct process_row *row, const struct filter *filter)
{
    return merge(process_keys(row, filter, false), ended_keys(&row->facts));
}

json_t *json_leak(const struct process_row *row, const struct filter *filter)
{
    bool hung_up = row->facts.reason == TT_ALLOC_REASON_HUNG_UP;
    json_t *reason = json_pack("{s:s}", "reason", hung_up ? "owner_hung_up" : "owner_exited");

    return merge(merge(reason, process_keys(row, filter, true)), ended_keys(&row->facts));
}
