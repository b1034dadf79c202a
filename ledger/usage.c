/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sums, peaks and counts of a device's memory; usage.h says why they are 128 bits wide.
 */

#include "ledger/usage.h"

void usage_add_uncertain(struct usage *usage, uint8_t region, uint64_t size)
{
    int pool = usage_pool_of(region);

    usage->buffers[region]++;
    usage->region[region].bytes += size;
    if (pool >= 0)
        usage->pool[pool].bytes += size;
}

void usage_settle_peaks(struct usage *usage)
{
    for (unsigned region = 0; region < USAGE_REGIONS; region++)
        usage_sum_settle(&usage->region[region]);
    for (unsigned pool = 0; pool < USAGE_POOLS; pool++)
        usage_sum_settle(&usage->pool[pool]);
}

void usage_merge(struct usage *usage, const struct usage *from)
{
    for (unsigned region = 0; region < USAGE_REGIONS; region++) {
        usage_sum_add(&usage->region[region], from->region[region].bytes);
        usage->buffers[region] += from->buffers[region];
        usage->allocations[region] += from->allocations[region];
        usage->frees[region] += from->frees[region];
    }
    for (unsigned pool = 0; pool < USAGE_POOLS; pool++)
        usage_sum_add(&usage->pool[pool], from->pool[pool].bytes);
    if (usage->last_activity < from->last_activity)
        usage->last_activity = from->last_activity;
}

void usage_withdraw(struct usage *usage, const struct usage *gone)
{
    for (unsigned region = 0; region < USAGE_REGIONS; region++) {
        assert(usage->buffers[region] >= gone->buffers[region]);
        usage->buffers[region] -= gone->buffers[region];
        usage_sum_remove(&usage->region[region], gone->region[region].bytes);
    }
    for (unsigned pool = 0; pool < USAGE_POOLS; pool++)
        usage_sum_remove(&usage->pool[pool], gone->pool[pool].bytes);
}

void usage_set_counts(struct usage *usage, uint8_t region, uint64_t allocations, uint64_t frees)
{
    assert(region < USAGE_REGIONS);
    usage->allocations[region] = allocations;
    usage->frees[region] = frees;
}

static void raise_peak(struct usage_sum *sum, uint64_t bytes)
{
    if (sum->peak < bytes)
        sum->peak = bytes;
}

void usage_raise_region_peak(struct usage *usage, uint8_t region, uint64_t bytes)
{
    assert(region < USAGE_REGIONS);
    raise_peak(&usage->region[region], bytes);
}

void usage_raise_pool_peak(struct usage *usage, uint8_t pool, uint64_t bytes)
{
    assert(pool < USAGE_POOLS);
    raise_peak(&usage->pool[pool], bytes);
}

static bool reset_peak(struct usage_sum *sum)
{
    bool is_above = sum->peak > sum->bytes;

    sum->peak = sum->bytes;
    return is_above;
}

bool usage_reset_peaks(struct usage *usage)
{
    bool is_lowered = false;

    for (unsigned region = 0; region < USAGE_REGIONS; region++)
        is_lowered |= reset_peak(&usage->region[region]);
    for (unsigned pool = 0; pool < USAGE_POOLS; pool++)
        is_lowered |= reset_peak(&usage->pool[pool]);
    return is_lowered;
}

uint64_t usage_buffers(const struct usage *usage)
{
    uint64_t buffers = 0;

    for (unsigned region = 0; region < USAGE_REGIONS; region++)
        buffers += usage->buffers[region];
    return buffers;
}

uint64_t usage_clamp(unsigned __int128 bytes)
{
    return bytes < INT64_MAX ? (uint64_t)bytes : INT64_MAX;
}
