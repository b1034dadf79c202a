/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How much of a device's memory is in use: live bytes, live buffers, peaks and counts per region, bytes and peaks per
 * pool. The same arithmetic serves one process on one device (inside a ledger) and a device over all processes (in the
 * server's registry), so the two can never disagree about what a report means.
 *
 * Sums are kept in 128 bits and handed out cut off at INT64_MAX. No sum of 2^32 buffers of less than 2^48 bytes can
 * overflow, so nothing ever wraps, goes negative, or loses bytes that a later free would have to give back.
 *
 * Bytes are bytes; times are ns of whatever monotonic clock the caller uses. No function allocates or fails.
 */

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#define USAGE_REGIONS 7 /* enum tt_alloc_region of the wire */
#define USAGE_POOLS 3   /* enum tt_alloc_pool of the wire */

struct usage_sum {
    unsigned __int128 bytes;
    unsigned __int128 peak;
};

struct usage {
    struct usage_sum region[USAGE_REGIONS];
    struct usage_sum pool[USAGE_POOLS];
    uint64_t buffers[USAGE_REGIONS];
    uint64_t allocations[USAGE_REGIONS]; /* reports, further references included */
    uint64_t frees[USAGE_REGIONS];
    uint64_t last_activity; /* 0: none yet */
};

/* The pool that a region's bytes fill, or -1 for KERNEL, which is in none. By region: DRAM, L1, SYSTEM_MEMORY,
 * L1_SMALL, TRACE, CB, KERNEL. */
static inline int usage_pool_of(uint8_t region)
{
    static const int8_t pool[USAGE_REGIONS] = {0, 1, 2, 1, 0, 1, -1};

    assert(region < USAGE_REGIONS);
    return pool[region];
}

static inline void usage_sum_settle(struct usage_sum *sum)
{
    if (sum->peak < sum->bytes)
        sum->peak = sum->bytes;
}

static inline void usage_sum_add(struct usage_sum *sum, unsigned __int128 bytes)
{
    sum->bytes += bytes;
    usage_sum_settle(sum);
}

static inline void usage_sum_remove(struct usage_sum *sum, unsigned __int128 bytes)
{
    bool negative = __builtin_sub_overflow(sum->bytes, bytes, &sum->bytes);

    assert(!negative);
}

/* One buffer more, one buffer fewer: bytes, buffers and peaks. The counts of reports and last_activity are set by who
 * knows the report, see ledger_apply(). Removing more than was added is a bug of the caller (assert). */
static inline void usage_add(struct usage *usage, uint8_t region, uint64_t size)
{
    int pool = usage_pool_of(region);

    usage->buffers[region]++;
    usage_sum_add(&usage->region[region], size);
    if (pool >= 0)
        usage_sum_add(&usage->pool[pool], size);
}

static inline void usage_remove(struct usage *usage, uint8_t region, uint64_t size)
{
    int pool = usage_pool_of(region);

    assert(usage->buffers[region] > 0);
    usage->buffers[region]--;
    usage_sum_remove(&usage->region[region], size);
    if (pool >= 0)
        usage_sum_remove(&usage->pool[pool], size);
}

/* The same while it is not certain that all that is counted is there: peaks stay until usage_settle_peaks(). */
void usage_add_uncertain(struct usage *usage, uint8_t region, uint64_t size);

/* Peaks become at least what is live. */
void usage_settle_peaks(struct usage *usage);

/* Adds all live bytes and buffers and all counts of `from`; peaks become at least what is live then, and the later
 * last_activity stays. */
void usage_merge(struct usage *usage, const struct usage *from);
/* Takes all live bytes and buffers of `gone` away; peaks and counts stay. */
void usage_withdraw(struct usage *usage, const struct usage *gone);

/* What a resync tells besides the buffers: how many reports there were, and peaks from before. A peak only rises. */
void usage_set_counts(struct usage *usage, uint8_t region, uint64_t allocations, uint64_t frees);
void usage_raise_region_peak(struct usage *usage, uint8_t region, uint64_t bytes);
void usage_raise_pool_peak(struct usage *usage, uint8_t pool, uint64_t bytes);

/* Peaks back to what is live. Whether one of them was above that. */
bool usage_reset_peaks(struct usage *usage);

/* Live buffers over all regions. */
uint64_t usage_buffers(const struct usage *usage);

/* A sum as a number that fits everywhere: at most INT64_MAX. */
uint64_t usage_clamp(unsigned __int128 bytes);
