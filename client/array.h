/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * An array that grows. Zero-initialise it; free(array.items) is its end.
 */

#include <stddef.h>

struct tt_alloc_array {
    void *items;
    size_t count;
    size_t capacity;
};

/* Adds count zeroed items of item_size bytes at the end and returns the first of them; NULL if there is no memory, and
 * then nothing has changed. Pointers to earlier items end with every call. item_size is the same in all calls. */
void *tt_alloc_array_extend(struct tt_alloc_array *array, size_t item_size, size_t count);
