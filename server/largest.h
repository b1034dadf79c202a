/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The N largest of many buffers, seen one at a time: a heap with the smallest on top.
 */

#include <stddef.h>

#include "ledger/ledger.h"

struct largest {
    struct ledger_buffer *heap;
    size_t count;
    size_t capacity;
};

/* -ENOMEM. capacity 0 is allowed and keeps nothing. */
int largest_init(struct largest *largest, size_t capacity);
void largest_done(struct largest *largest);

void largest_offer(struct largest *largest, const struct ledger_buffer *buffer);
void largest_clear(struct largest *largest);
/* Sorts what was kept, largest first; of equal size the lower device and address first. Ends the offering. */
void largest_sort(struct largest *largest);
