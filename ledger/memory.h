/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * All memory of a ledger is taken and given back here, so that the ledger can say what it holds and so that a test can
 * make any single allocation fail. Sizes are bytes; `held` is the sum that the owner keeps.
 *
 * Pieces of 16 KiB and more are mapped on their own. From malloc's heap, the end of a large ledger would go back to the
 * kernel in one stroke of many milliseconds, with whatever free() happened to be the last; so each piece goes back when
 * it is freed, for a few microseconds.
 */

#include <stdbool.h>
#include <stddef.h>

#define MEMORY_BLOCK 65536

/* Zeroed, at the beginning of a cache line. NULL: out of memory. */
void *memory_new(size_t *held, size_t size);

/* MEMORY_BLOCK bytes, zeroed, at an address that is a multiple of that; the caller counts it. NULL: out of memory. */
void *memory_new_block(void);
void memory_free_block(void *block);

/* Keeps the contents up to the smaller size; the rest is undefined, and so is the alignment beyond malloc's. A NULL
 * piece of size 0 makes a new one. NULL: out of memory, the piece is as it was. */
void *memory_resize(size_t *held, void *piece, size_t size, size_t new_size);

/* Takes NULL, returns NULL. `size` is that of the last new or resize. */
void *memory_free(size_t *held, void *piece, size_t size);

/* For the server, which keeps memory back, and for tests: asked before each allocation, which fails if the answer is
 * false. NULL: all may proceed. */
extern bool (*memory_hook)(size_t size);
