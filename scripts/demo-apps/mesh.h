/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One or two Wormhole chips of some n300 boards, used as one: a buffer of the mesh has the same address on every chip.
 * An application has its chips to itself, as it allocates from all of their memory.
 *
 * This is the place where an allocator reports. What is allocated here is told to tt-allocation-server, chip by chip;
 * nobody else in these applications knows that there is such a thing, but for programs.c with its circular buffers and
 * kernels.
 *
 * Functions that allocate return 0 or, after one line on stderr, a negative errno: -ENOSPC the chips are full, -ENOMEM
 * the host is.
 */

#include <stddef.h>
#include <stdint.h>

#include "bank_allocator.h"
#include "tt_alloc.h"

#define MESH_CHIPS_MAX 2
#define MESH_CORES 64

struct mesh {
    unsigned chips;                                       /* device ids are 0 .. chips - 1 */
    struct bank_allocator allocators[TT_ALLOC_TRACE + 1]; /* by region */
};

struct mesh_buffer {
    struct bank_range range; /* in each bank; a size of 0 means: no buffer */
    uint64_t size;           /* on each chip */
    uint8_t region;          /* enum tt_alloc_region */
};

/* Buffers that live and die together. A zeroed one is empty. */
struct mesh_buffers {
    struct mesh_buffer *list;
    size_t count;
    size_t capacity;
};

/*
 * Uses `chips` chips of this (imagined) host from `first` on. As with TT_VISIBLE_DEVICES, the process numbers them from
 * 0 whatever they are; the server learns from the description which they are.
 */
int mesh_open(struct mesh *mesh, unsigned first, unsigned chips);
/* Takes a zeroed one, too. All buffers must have been freed. */
void mesh_close(struct mesh *mesh);

/* A buffer of size bytes on each chip, in pages (tiles, mostly) that are dealt out to the banks in turn. */
int mesh_allocate(struct mesh *mesh, enum tt_alloc_region region, uint64_t size, uint64_t page_size,
                  struct mesh_buffer *ret);
/* Does nothing if there is no buffer, and leaves none. */
void mesh_free(struct mesh *mesh, struct mesh_buffer *buffer);

/* The same for one more buffer of a set, and for the whole set. */
int mesh_allocate_into(struct mesh *mesh, enum tt_alloc_region region, uint64_t size, uint64_t page_size,
                       struct mesh_buffers *buffers);
void mesh_free_all(struct mesh *mesh, struct mesh_buffers *buffers);

/* On every core, L1 is free between these two addresses: circular buffers go there. */
struct bank_range mesh_l1_gap(const struct mesh *mesh);
