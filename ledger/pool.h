/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Memory for the segments of one index, which are of a few sizes up to 4 KiB, come and go all the time while it grows,
 * and end together.
 *
 * In malloc's heap they would stand between those of other ledgers, and when this one ends, the heap would be full of
 * holes of some KiB: after a million buffers 4000 of them, 18 MB, and malloc_trim() was seen to take 80 ms for giving
 * them back. Here they stand in blocks that no other ledger uses, and a block goes back with its last segment.
 */

#include <stddef.h>
#include <stdint.h>

#include "ledger/memory.h"

#define POOL_UNIT 512
#define POOL_UNITS_MAX 8 /* of a piece */

struct pool_block;

struct pool {
    struct pool_block *blocks[POOL_UNITS_MAX + 1]; /* by the longest piece that there is room for; lists */
};

/* Zeroed, at a multiple of POOL_UNIT. The size is such a multiple too, at most POOL_UNITS_MAX of them. `held` counts
 * pieces, and what each block needs for itself; not the holes between the pieces. NULL: out of memory. */
void *pool_new(struct pool *pool, size_t *held, size_t size);

/* Returns NULL. The pool is as if it were new when all its pieces were freed. */
void *pool_free(struct pool *pool, size_t *held, void *piece, size_t size);
