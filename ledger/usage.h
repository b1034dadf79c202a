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

/* The pool that a region's bytes fill, or -1 for KERNEL, which is in none. */
int usage_pool_of(uint8_t region);

/* One buffer more, one buffer fewer: bytes, buffers and peaks. The counts of reports and last_activity are set by who
 * knows the report, see ledger_apply(). Removing more than was added is a bug of the caller (assert). */
void usage_add(struct usage *usage, uint8_t region, uint64_t size);
void usage_remove(struct usage *usage, uint8_t region, uint64_t size);

/* Adds all live bytes and buffers and all counts of `from`; peaks become at least what is live then, and the later
 * last_activity stays. */
void usage_merge(struct usage *usage, const struct usage *from);
/* Takes all live bytes and buffers of `gone` away; peaks and counts stay. */
void usage_withdraw(struct usage *usage, const struct usage *gone);

/* Peaks back to what is live. */
void usage_reset_peaks(struct usage *usage);

/* Live buffers over all regions. */
uint64_t usage_buffers(const struct usage *usage);

/* A sum as a number that fits everywhere: at most INT64_MAX. */
uint64_t usage_clamp(unsigned __int128 bytes);
