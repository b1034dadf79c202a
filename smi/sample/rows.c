/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The far chips of a node are numbered -1 - (node * DEVICE_FAR_CHIPS + index), so that a number alone tells its label
 * and no table of names has to be carried along.
 */

#include "smi/sample/rows.h"
#include "smi/sample/model.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *title, *name;
} trackings[] = {
    [TRACKING_REPORTING] = {"reporting", "reporting"},
    [TRACKING_SHM_ONLY] = {"shm only", "shm_only"},
    [TRACKING_UNTRACKED] = {"untracked", "untracked"},
    [TRACKING_EXITED] = {"exited", "exited"},
};

const char *tracking_title(enum tracking tracking)
{
    return trackings[tracking].title;
}

const char *tracking_name(enum tracking tracking)
{
    return trackings[tracking].name;
}

/* A name may be empty, so that the text alone does not tell. */
bool process_is_named(const struct process_row *row)
{
    bool is_told = row->tracking == TRACKING_REPORTING || row->tracking == TRACKING_EXITED;

    return is_told || (row->seen && row->seen->error == 0) || row->facts.comm[0];
}

uint32_t region_of_memory(enum host_memory memory)
{
    static const uint32_t of_memory[HOST_MEMORIES] = {
        [HOST_DRAM] = TT_ALLOC_DRAM,   [HOST_L1] = TT_ALLOC_L1, [HOST_L1_SMALL] = TT_ALLOC_L1_SMALL,
        [HOST_TRACE] = TT_ALLOC_TRACE, [HOST_CB] = TT_ALLOC_CB,
    };

    return of_memory[memory];
}

static struct tt_alloc_usage *find_made(struct made_usage *made, int32_t device, bool is_pool, uint32_t index)
{
    struct tt_alloc_usage *usage;

    for (size_t i = 0; i < made->count; i++) {
        if (made->list[i].is_pool == is_pool && made->list[i].index == index)
            return &made->list[i];
    }
    assert(made->count < USAGE_MAX);
    usage = &made->list[made->count++];
    *usage = (struct tt_alloc_usage){.device = device, .logical_id = device, .is_pool = is_pool, .index = index};
    return usage;
}

static void add_bytes(struct made_usage *made, int32_t device, bool is_pool, uint32_t index, uint64_t bytes)
{
    struct tt_alloc_usage *usage = find_made(made, device, is_pool, index);

    usage->bytes = add_saturating(usage->bytes, bytes);
}

uint32_t unknown_memories(const struct host_amount held[HOST_MEMORIES])
{
    uint32_t unknown = 0;

    for (enum host_memory memory = 0; memory < HOST_MEMORIES; memory++)
        unknown |= held[memory].known ? 0 : 1U << memory;
    return unknown;
}

static bool is_part_of(enum host_memory memory, const struct tt_alloc_usage *usage)
{
    uint32_t region = region_of_memory(memory);

    if (usage->is_pool)
        return memory != HOST_CB && regions[region].pool == (int)usage->index;
    return region == usage->index;
}

static bool is_unknown(const struct tt_alloc_usage *usage, uint32_t unknown)
{
    for (enum host_memory memory = 0; memory < HOST_MEMORIES; memory++) {
        if ((unknown & (1U << memory)) && is_part_of(memory, usage))
            return true;
    }
    return false;
}

size_t usages_drop_unknown(struct tt_alloc_usage *usages, size_t count, uint32_t unknown)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (!is_unknown(&usages[i], unknown))
            usages[kept++] = usages[i];
    }
    return kept;
}

void made_usage_add(struct made_usage *made, int32_t device, const struct host_amount held[HOST_MEMORIES])
{
    for (enum host_memory memory = 0; memory < HOST_MEMORIES; memory++) {
        uint32_t region = region_of_memory(memory);

        if (!held[memory].known || (memory == HOST_CB && held[memory].bytes == 0))
            continue;
        add_bytes(made, device, false, region, held[memory].bytes);
        if (regions[region].pool >= 0)
            add_bytes(made, device, true, (uint32_t)regions[region].pool, held[memory].bytes);
    }
    made->unknown |= unknown_memories(held);
    made->count = usages_drop_unknown(made->list, made->count, made->unknown);
}

void made_usage_add_phantom(struct made_usage *made, int32_t device, const struct host_totals *totals)
{
    struct host_amount phantom[HOST_MEMORIES];

    memcpy(phantom, totals->phantom, sizeof(phantom));
    phantom[HOST_CB].known = false;
    made_usage_add(made, device, phantom);
    for (size_t i = 0; i < made->count; i++)
        made->list[i].buffers = made->list[i].bytes > 0;
}

int32_t device_remote_number(int32_t node, unsigned index)
{
    assert(index < DEVICE_FAR_CHIPS);
    return node < DEVICE_NODES_MAX ? -1 - (node * DEVICE_FAR_CHIPS + (int32_t)index) : DEVICE_UNKNOWN;
}

static bool is_far(int32_t number)
{
    return number < 0 && number >= -DEVICE_NODES_MAX * DEVICE_FAR_CHIPS;
}

int64_t device_rank(int32_t number)
{
    int64_t place = -1 - (int64_t)number;

    if (number >= 0)
        return (int64_t)number * (DEVICE_FAR_CHIPS + 1);
    if (is_far(number))
        return place / DEVICE_FAR_CHIPS * (DEVICE_FAR_CHIPS + 1) + place % DEVICE_FAR_CHIPS + 1;
    return INT64_MAX + ((int64_t)number - INT32_MAX);
}

struct device_label device_label(int32_t number)
{
    struct device_label label = {"?"};
    int32_t place = is_far(number) ? -1 - number : 0;
    int32_t node = place / DEVICE_FAR_CHIPS, index = place % DEVICE_FAR_CHIPS;

    if (number >= 0)
        snprintf(label.text, sizeof(label.text), "%" PRId32, number);
    else if (is_far(number) && index == 0)
        snprintf(label.text, sizeof(label.text), "%" PRId32 "R", node);
    else if (is_far(number))
        snprintf(label.text, sizeof(label.text), "%" PRId32 "R%" PRId32, node, index + 1);
    return label;
}

struct device_label device_row_label(const struct device_row *row)
{
    struct device_label label = device_label(row->facts.device);

    if (!row->is_placed)
        snprintf(label.text, sizeof(label.text), "%" PRId32 "?", row->facts.device);
    return label;
}

struct difference process_difference(const struct process_row *row, enum host_memory memory)
{
    struct filter all = {.region = -1};
    uint64_t told = sum_region(row->facts.usage, row->facts.usage_count, region_of_memory(memory), &all).bytes;
    uint64_t shm = row->shm[memory].bytes;

    if (row->tracking != TRACKING_REPORTING || !row->shm[memory].known || memory == HOST_CB || told > INT64_MAX ||
        shm > INT64_MAX)
        return (struct difference){0};
    return (struct difference){true, (int64_t)shm - (int64_t)told};
}

static uint64_t magnitude(int64_t value)
{
    return value < 0 ? -(uint64_t)value : (uint64_t)value;
}

int64_t process_disagreement(const struct process_row *row)
{
    int64_t most = 0;

    for (enum host_memory memory = 0; memory < HOST_MEMORIES; memory++) {
        struct difference difference = process_difference(row, memory);

        if (difference.known && magnitude(difference.bytes) > magnitude(most))
            most = difference.bytes;
    }
    return most;
}
