/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sums walk over all figures of a device or process each time. There are at most a few dozen, and nothing has to be
 * kept up to date.
 */

#include "smi/sample/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const struct region regions[TT_ALLOC_REGIONS] = {
    [TT_ALLOC_DRAM] = {"DRAM", "dram", TT_ALLOC_POOL_DRAM, true},
    [TT_ALLOC_L1] = {"L1", "l1", TT_ALLOC_POOL_L1, true},
    [TT_ALLOC_SYSTEM_MEMORY] = {"HOST", "system_memory", TT_ALLOC_POOL_HOST, false},
    [TT_ALLOC_L1_SMALL] = {"L1_SMALL", "l1_small", TT_ALLOC_POOL_L1, true},
    [TT_ALLOC_TRACE] = {"TRACE", "trace", TT_ALLOC_POOL_DRAM, true},
    [TT_ALLOC_CB] = {"CB", "cb", TT_ALLOC_POOL_L1, false},
    [TT_ALLOC_KERNEL] = {"KERNEL", "kernel", -1, false},
};

const char *const pool_titles[TT_ALLOC_POOLS] = {"DRAM", "L1", "HOST"};
const char *const pool_names[TT_ALLOC_POOLS] = {"dram", "l1", "host"};

const uint32_t region_order[TT_ALLOC_REGIONS] = {
    TT_ALLOC_DRAM, TT_ALLOC_TRACE, TT_ALLOC_L1, TT_ALLOC_L1_SMALL, TT_ALLOC_CB, TT_ALLOC_SYSTEM_MEMORY, TT_ALLOC_KERNEL,
};

int region_by_name(const char *name)
{
    for (int i = 0; i < TT_ALLOC_REGIONS; i++) {
        if (strcasecmp(name, regions[i].name) == 0)
            return i;
    }
    return -1;
}

static const char *const arch_names[] = {NULL, "grayskull", "wormhole_b0", "blackhole", "quasar"};

#define ARCHS (sizeof(arch_names) / sizeof(arch_names[0]))

const char *arch_name(const struct tt_alloc_device_description *description)
{
    uint32_t arch = description->known & TT_ALLOC_KNOWN_ARCH ? description->arch : 0;

    return arch < ARCHS ? arch_names[arch] : NULL;
}

uint32_t arch_by_name(const char *name)
{
    for (uint32_t arch = 1; name && arch < ARCHS; arch++) {
        if (strcmp(name, arch_names[arch]) == 0)
            return arch;
    }
    return 0;
}

static struct capacity known_size(const struct tt_alloc_device_description *description, uint32_t bit, uint64_t size)
{
    bool known = description->known & bit;

    return (struct capacity){known, known ? size : 0};
}

struct capacity pool_capacity(const struct tt_alloc_device_description *description, uint32_t pool)
{
    switch (pool) {
    case TT_ALLOC_POOL_DRAM:
        return known_size(description, TT_ALLOC_KNOWN_DRAM_SIZE, description->dram_size);
    case TT_ALLOC_POOL_L1:
        return known_size(description, TT_ALLOC_KNOWN_L1_SIZE, description->l1_size);
    default:
        return (struct capacity){0};
    }
}

static struct capacity without(struct capacity whole, struct capacity part)
{
    whole.bytes -= part.bytes < whole.bytes ? part.bytes : whole.bytes;
    return whole;
}

struct capacity region_capacity(const struct tt_alloc_device_description *description, uint32_t region)
{
    struct capacity trace = known_size(description, TT_ALLOC_KNOWN_TRACE_SIZE, description->trace_size);
    struct capacity l1_small = known_size(description, TT_ALLOC_KNOWN_L1_SMALL_SIZE, description->l1_small_size);

    switch (region) {
    case TT_ALLOC_DRAM:
        return without(pool_capacity(description, TT_ALLOC_POOL_DRAM), trace);
    case TT_ALLOC_L1:
        return without(pool_capacity(description, TT_ALLOC_POOL_L1), l1_small);
    case TT_ALLOC_TRACE:
        return trace;
    case TT_ALLOC_L1_SMALL:
        return l1_small;
    default:
        return (struct capacity){0};
    }
}

uint64_t add_saturating(uint64_t a, uint64_t b)
{
    uint64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

bool filter_has_device(const struct filter *filter, int32_t device)
{
    for (size_t i = 0; i < filter->device_count; i++) {
        if (filter->devices[i] == device)
            return true;
    }
    return filter->device_count == 0;
}

bool filter_has_region(const struct filter *filter, uint32_t region)
{
    return filter->region < 0 || (uint32_t)filter->region == region;
}

bool filter_has_pool(const struct filter *filter, uint32_t pool)
{
    return filter->region < 0 || regions[filter->region].pool == (int)pool;
}

bool filter_has_usage(const struct filter *filter, const struct tt_alloc_usage *usage)
{
    return filter_has_device(filter, usage->device) &&
           (usage->is_pool ? filter_has_pool(filter, usage->index) : filter_has_region(filter, usage->index));
}

static bool holds(const struct filter *filter, const struct process_row *row)
{
    for (size_t i = 0; i < row->held_count; i++) {
        if (filter_has_device(filter, row->held[i]))
            return true;
    }
    return false;
}

bool filter_has_process(const struct filter *filter, const struct process_row *row)
{
    const struct tt_alloc_process *facts = &row->facts;

    if ((filter->by_uid && !(row->has_uid && facts->uid == filter->uid)) ||
        (filter->pid != 0 && facts->pid != filter->pid))
        return false;
    if (filter->device_count == 0 && filter->region < 0)
        return true;
    for (size_t i = 0; i < facts->usage_count; i++) {
        if (!facts->usage[i].is_pool && filter_has_usage(filter, &facts->usage[i]))
            return true;
    }
    return !row->is_complete && holds(filter, row);
}

static struct sum sum_usage(const struct tt_alloc_usage *usage, size_t count, bool is_pool, uint32_t index,
                            const struct filter *filter)
{
    struct sum sum = {0};

    for (size_t i = 0; i < count; i++) {
        if (usage[i].is_pool != is_pool || usage[i].index != index || !filter_has_usage(filter, &usage[i]))
            continue;
        sum.used = true;
        sum.bytes = add_saturating(sum.bytes, usage[i].bytes);
        sum.buffers = add_saturating(sum.buffers, usage[i].buffers);
        sum.peak = add_saturating(sum.peak, usage[i].peak_bytes);
    }
    return sum;
}

struct sum sum_region(const struct tt_alloc_usage *usage, size_t count, uint32_t region, const struct filter *filter)
{
    return sum_usage(usage, count, false, region, filter);
}

struct sum sum_pool(const struct tt_alloc_usage *usage, size_t count, uint32_t pool, const struct filter *filter)
{
    return sum_usage(usage, count, true, pool, filter);
}

struct sum sum_leading(const struct tt_alloc_usage *usage, size_t count, const struct filter *filter)
{
    if (filter->region >= 0)
        return sum_region(usage, count, (uint32_t)filter->region, filter);
    return sum_pool(usage, count, TT_ALLOC_POOL_DRAM, filter);
}

uint64_t count_buffers(const struct tt_alloc_process *process, const struct filter *filter)
{
    uint64_t buffers = 0;

    for (uint32_t region = 0; region < TT_ALLOC_REGIONS; region++)
        buffers = add_saturating(buffers, sum_region(process->usage, process->usage_count, region, filter).buffers);
    return buffers;
}

static int compare_numbers(const void *a, const void *b)
{
    int64_t left = device_rank(*(const int32_t *)a), right = device_rank(*(const int32_t *)b);

    return (left > right) - (left < right);
}

static size_t collect_used(const struct process_row *row, const struct filter *filter, bool holding, int32_t *devices)
{
    size_t found = 0;

    for (size_t i = 0; i < row->facts.usage_count; i++) {
        const struct tt_alloc_usage *usage = &row->facts.usage[i];

        if (!usage->is_pool && filter_has_usage(filter, usage) && (!holding || usage->buffers > 0))
            devices[found++] = usage->device;
    }
    for (size_t i = 0; !holding && i < row->held_count; i++) {
        if (filter_has_device(filter, row->held[i]))
            devices[found++] = row->held[i];
    }
    return found;
}

/* With repetitions. Returns how many; *ret is NULL when out of memory. */
static size_t collect_devices(const struct process_row *const *rows, size_t count, const struct filter *filter,
                              bool holding, int32_t **ret)
{
    size_t most = 0, found = 0;
    int32_t *devices;

    for (size_t i = 0; i < count; i++)
        most += rows[i]->facts.usage_count + rows[i]->held_count;
    devices = calloc(most + 1, sizeof(*devices));
    for (size_t i = 0; devices && i < count; i++)
        found += collect_used(rows[i], filter, holding, devices + found);
    *ret = devices;
    return found;
}

static size_t drop_repetitions(int32_t *devices, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        bool is_told = kept > 0 && strcmp(device_label(devices[i]).text, device_label(devices[kept - 1]).text) == 0;

        if (!is_told)
            devices[kept++] = devices[i];
    }
    return kept;
}

/* "0-3" takes the place of three numbers or more. Returns how many of the devices were written. */
static size_t write_range(FILE *out, const int32_t *devices, size_t count)
{
    size_t length = 1;

    while (length < count && devices[0] >= 0 && devices[length] == devices[0] + (int32_t)length)
        length++;
    fputs(device_label(devices[0]).text, out);
    if (length < 3)
        return 1;
    fprintf(out, "-%s", device_label(devices[length - 1]).text);
    return length;
}

static void write_devices(FILE *out, const int32_t *devices, size_t count)
{
    for (size_t i = 0; i < count;) {
        if (i > 0)
            fputc(',', out);
        i += write_range(out, devices + i, count - i);
    }
    if (count == 0)
        fputc('-', out);
}

char *join_numbers(int32_t *devices, size_t count)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    if (count > 1)
        qsort(devices, count, sizeof(*devices), compare_numbers);
    write_devices(out, devices, drop_repetitions(devices, count));
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

char *join_devices(const struct process_row *const *rows, size_t count, const struct filter *filter, bool holding)
{
    int32_t *devices;
    size_t found = collect_devices(rows, count, filter, holding, &devices);
    char *text = devices ? join_numbers(devices, found) : NULL;

    free(devices);
    return text;
}

const char *devices_title(const char *list)
{
    return strpbrk(list, ",-") && list[1] ? "devices" : "device";
}

static int compare_sums(struct sum left, struct sum right)
{
    return (left.bytes < right.bytes) - (left.bytes > right.bytes);
}

static int compare_processes(const void *a, const void *b, void *context)
{
    const struct process_row *left_row = *(const struct process_row *const *)a;
    const struct process_row *right_row = *(const struct process_row *const *)b;
    const struct tt_alloc_process *left = &left_row->facts, *right = &right_row->facts;
    const struct filter *filter = context;
    int order = (left_row->tracking == TRACKING_UNTRACKED) - (right_row->tracking == TRACKING_UNTRACKED);

    if (order == 0)
        order = compare_sums(sum_leading(left->usage, left->usage_count, filter),
                             sum_leading(right->usage, right->usage_count, filter));
    if (order == 0)
        order = compare_sums(sum_pool(left->usage, left->usage_count, TT_ALLOC_POOL_L1, filter),
                             sum_pool(right->usage, right->usage_count, TT_ALLOC_POOL_L1, filter));
    return order ? order : (left->pid > right->pid) - (left->pid < right->pid);
}

void sort_processes(const struct process_row **rows, size_t count, const struct filter *filter)
{
    if (count > 1)
        qsort_r(rows, count, sizeof(*rows), compare_processes, (void *)filter);
}
