/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sums, peaks and counts of a device's memory; usage.h says why they are 128 bits wide.
 */

#include "ledger/usage.h"

#include <assert.h>

/* By region: DRAM, L1, SYSTEM_MEMORY, L1_SMALL, TRACE, CB, KERNEL. */
static const int8_t pool_of_region[USAGE_REGIONS] = {0, 1, 2, 1, 0, 1, -1};

int usage_pool_of(uint8_t region)
{
    assert(region < USAGE_REGIONS);
    return pool_of_region[region];
}

static void sum_add(struct usage_sum *sum, unsigned __int128 bytes)
{
    sum->bytes += bytes;
    if (sum->peak < sum->bytes)
        sum->peak = sum->bytes;
}

static void sum_remove(struct usage_sum *sum, unsigned __int128 bytes)
{
    assert(sum->bytes >= bytes);
    sum->bytes -= bytes;
}

void usage_add(struct usage *usage, uint8_t region, uint64_t size)
{
    int pool = usage_pool_of(region);

    usage->buffers[region]++;
    sum_add(&usage->region[region], size);
    if (pool >= 0)
        sum_add(&usage->pool[pool], size);
}

void usage_remove(struct usage *usage, uint8_t region, uint64_t size)
{
    int pool = usage_pool_of(region);

    assert(usage->buffers[region] > 0);
    usage->buffers[region]--;
    sum_remove(&usage->region[region], size);
    if (pool >= 0)
        sum_remove(&usage->pool[pool], size);
}

void usage_merge(struct usage *usage, const struct usage *from)
{
    for (unsigned region = 0; region < USAGE_REGIONS; region++) {
        sum_add(&usage->region[region], from->region[region].bytes);
        usage->buffers[region] += from->buffers[region];
        usage->allocations[region] += from->allocations[region];
        usage->frees[region] += from->frees[region];
    }
    for (unsigned pool = 0; pool < USAGE_POOLS; pool++)
        sum_add(&usage->pool[pool], from->pool[pool].bytes);
    if (usage->last_activity < from->last_activity)
        usage->last_activity = from->last_activity;
}

void usage_withdraw(struct usage *usage, const struct usage *gone)
{
    for (unsigned region = 0; region < USAGE_REGIONS; region++) {
        assert(usage->buffers[region] >= gone->buffers[region]);
        usage->buffers[region] -= gone->buffers[region];
        sum_remove(&usage->region[region], gone->region[region].bytes);
    }
    for (unsigned pool = 0; pool < USAGE_POOLS; pool++)
        sum_remove(&usage->pool[pool], gone->pool[pool].bytes);
}

void usage_reset_peaks(struct usage *usage)
{
    for (unsigned region = 0; region < USAGE_REGIONS; region++)
        usage->region[region].peak = usage->region[region].bytes;
    for (unsigned pool = 0; pool < USAGE_POOLS; pool++)
        usage->pool[pool].peak = usage->pool[pool].bytes;
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
