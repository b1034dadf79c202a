/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The growing array. Capacity doubles, so that adding an item costs the same on average however many there are.
 */

#include "client/array.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct tt_alloc_array *array, size_t item_size, size_t needed)
{
    size_t capacity = array->capacity, most = TT_ALLOC_ARRAY_MOST / item_size;

    if (needed <= capacity)
        return true;
    if (needed > most)
        return false;
    capacity = capacity > most / 2 ? most : capacity * 2;
    if (capacity < needed)
        capacity = needed;
    void *items = reallocarray(array->items, capacity, item_size);
    if (items == NULL)
        return false;
    array->items = items;
    array->capacity = capacity;
    return true;
}

void *tt_alloc_array_extend(struct tt_alloc_array *array, size_t item_size, size_t count)
{
    if (count > SIZE_MAX - array->count || !reserve(array, item_size, array->count + count))
        return NULL;
    char *first = (char *)array->items + array->count * item_size;
    memset(first, 0, count * item_size);
    array->count += count;
    return first;
}
