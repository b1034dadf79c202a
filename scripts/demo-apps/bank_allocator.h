/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Addresses in one kind of device memory.
 *
 * Such memory is a number of equal banks (DRAM channels, or the L1 of each core), and a buffer is spread over all of
 * them. The banks are filled in lock step: a buffer has the same address range in every bank, so that one address says
 * where it is, and one allocator serves all banks.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bank_range {
    uint64_t start;
    uint64_t size;
};

struct bank_allocator {
    struct bank_range whole;
    uint64_t alignment;
    bool from_top;            /* hand out the highest addresses first */
    struct bank_range *holes; /* what is free, by address; no two of them touch */
    size_t count;
    size_t capacity;
    size_t taken; /* ranges in use */
};

/* start and size must be multiples of alignment. -ENOMEM: the host's memory. */
int bank_allocator_init(struct bank_allocator *allocator, struct bank_range whole, uint64_t alignment, bool from_top);

/* Takes a zeroed one, too. Everything must have been given back. */
void bank_allocator_done(struct bank_allocator *allocator);

/* Finds room for size bytes, more than none, in each bank; its size is rounded up. -ENOSPC, or -ENOMEM: the host's. */
int bank_allocator_take(struct bank_allocator *allocator, uint64_t size, struct bank_range *ret);

void bank_allocator_give_back(struct bank_allocator *allocator, struct bank_range range);

/* Nothing is in use from the start of the bank up to this address. */
uint64_t bank_allocator_lowest(const struct bank_allocator *allocator);
