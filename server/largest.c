/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A binary heap in an array; a buffer that is no larger than the top costs one comparison.
 */

#include "server/largest.h"

#include <errno.h>
#include <stdlib.h>

int largest_init(struct largest *largest, size_t capacity)
{
    struct ledger_buffer *heap = capacity ? calloc(capacity, sizeof(*heap)) : NULL;

    if (capacity && !heap)
        return -ENOMEM;
    *largest = (struct largest){.heap = heap, .capacity = capacity};
    return 0;
}

void largest_done(struct largest *largest)
{
    free(largest->heap);
    *largest = (struct largest){0};
}

void largest_clear(struct largest *largest)
{
    largest->count = 0;
}

static void swap(struct ledger_buffer *a, struct ledger_buffer *b)
{
    struct ledger_buffer other = *a;

    *a = *b;
    *b = other;
}

static void sift_down(struct largest *largest)
{
    struct ledger_buffer *heap = largest->heap;
    size_t parent = 0;

    for (;;) {
        size_t child = 2 * parent + 1;

        if (child >= largest->count)
            return;
        if (child + 1 < largest->count && heap[child + 1].size < heap[child].size)
            child++;
        if (heap[parent].size <= heap[child].size)
            return;
        swap(&heap[parent], &heap[child]);
        parent = child;
    }
}

static void sift_up(struct largest *largest)
{
    struct ledger_buffer *heap = largest->heap;
    size_t child = largest->count - 1;

    while (child > 0 && heap[child].size < heap[(child - 1) / 2].size) {
        swap(&heap[child], &heap[(child - 1) / 2]);
        child = (child - 1) / 2;
    }
}

void largest_offer(struct largest *largest, const struct ledger_buffer *buffer)
{
    if (largest->count < largest->capacity) {
        largest->heap[largest->count++] = *buffer;
        sift_up(largest);
    } else if (largest->capacity > 0 && buffer->size > largest->heap[0].size) {
        largest->heap[0] = *buffer;
        sift_down(largest);
    }
}

static int compare(const void *a_buffer, const void *b_buffer)
{
    const struct ledger_buffer *a = a_buffer, *b = b_buffer;

    if (a->size != b->size)
        return a->size < b->size ? 1 : -1;
    if (a->device != b->device)
        return a->device->device_id < b->device->device_id ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

void largest_sort(struct largest *largest)
{
    if (largest->count > 1)
        qsort(largest->heap, largest->count, sizeof(largest->heap[0]), compare);
}
