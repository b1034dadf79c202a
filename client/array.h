/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * An array that grows, up to a limit: what is put into it comes from whoever listens at a path, and he may never stop.
 * Zero-initialise it; free(array.items) is its end.
 */

#include <stddef.h>

#define TT_ALLOC_ARRAY_MOST ((size_t)1 << 30) /* bytes: more than ten million buffers */

struct tt_alloc_array {
    void *items;
    size_t count;
    size_t capacity;
};

/* Adds count zeroed items of item_size bytes at the end and returns the first of them; NULL if there is no memory
 * or it would pass the limit, and then nothing has changed. Pointers to earlier items end with every call. item_size is
 * the same in all calls. */
void *tt_alloc_array_extend(struct tt_alloc_array *array, size_t item_size, size_t count);
