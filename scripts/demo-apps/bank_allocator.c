/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Best fit: the smallest hole that is large enough is used, which keeps the large ones for large buffers. There are
 * tens of holes, not thousands, so they stand in an array and every search is a walk.
 */

#include "bank_allocator.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t end_of(struct bank_range range)
{
    return range.start + range.size;
}

/* Giving back must not fail. There is at most a hole around every range in use, and one more while it becomes one. */
static int reserve_holes(struct bank_allocator *allocator, size_t taken)
{
    struct bank_range *holes;
    size_t capacity = (taken + 2) * 2;

    if (taken + 2 <= allocator->capacity)
        return 0;
    holes = reallocarray(allocator->holes, capacity, sizeof(holes[0]));
    if (!holes)
        return -ENOMEM;
    allocator->holes = holes;
    allocator->capacity = capacity;
    return 0;
}

static void insert_hole(struct bank_allocator *allocator, size_t position, struct bank_range hole)
{
    struct bank_range *at = allocator->holes + position;

    assert(allocator->count < allocator->capacity);
    memmove(at + 1, at, (allocator->count - position) * sizeof(*at));
    *at = hole;
    allocator->count++;
}

static void remove_hole(struct bank_allocator *allocator, size_t position)
{
    struct bank_range *at = allocator->holes + position;

    allocator->count--;
    memmove(at, at + 1, (allocator->count - position) * sizeof(*at));
}

int bank_allocator_init(struct bank_allocator *allocator, struct bank_range whole, uint64_t alignment, bool from_top)
{
    assert(whole.start % alignment == 0 && whole.size % alignment == 0);
    *allocator = (struct bank_allocator){.whole = whole, .alignment = alignment, .from_top = from_top};
    if (reserve_holes(allocator, 0) < 0)
        return -ENOMEM;
    insert_hole(allocator, 0, whole);
    return 0;
}

void bank_allocator_done(struct bank_allocator *allocator)
{
    assert(allocator->taken == 0);
    assert(!allocator->holes || (allocator->count == 1 && allocator->holes[0].size == allocator->whole.size));
    free(allocator->holes);
    *allocator = (struct bank_allocator){0};
}

/* Of two equal holes, the one at the end where buffers go. Returns count if there is none. */
static size_t best_hole(const struct bank_allocator *allocator, uint64_t size)
{
    size_t best = allocator->count;

    for (size_t i = 0; i < allocator->count; i++) {
        uint64_t room = allocator->holes[i].size;
        uint64_t best_room = best < allocator->count ? allocator->holes[best].size : UINT64_MAX;

        if (room >= size && (room < best_room || (room == best_room && allocator->from_top)))
            best = i;
    }
    return best;
}

int bank_allocator_take(struct bank_allocator *allocator, uint64_t size, struct bank_range *ret)
{
    uint64_t rounded = (size + allocator->alignment - 1) / allocator->alignment * allocator->alignment;
    size_t position = best_hole(allocator, rounded);
    struct bank_range *hole;

    assert(size > 0);
    if (position == allocator->count)
        return -ENOSPC;
    if (reserve_holes(allocator, allocator->taken + 1) < 0)
        return -ENOMEM;
    hole = allocator->holes + position;

    *ret = (struct bank_range){allocator->from_top ? end_of(*hole) - rounded : hole->start, rounded};
    allocator->taken++;
    hole->size -= rounded;
    if (!allocator->from_top)
        hole->start += rounded;
    if (hole->size == 0)
        remove_hole(allocator, position);
    return 0;
}

void bank_allocator_give_back(struct bank_allocator *allocator, struct bank_range range)
{
    struct bank_range *holes = allocator->holes;
    size_t position = 0;

    while (position < allocator->count && holes[position].start < range.start)
        position++;
    assert(position == 0 || end_of(holes[position - 1]) <= range.start);
    assert(position == allocator->count || end_of(range) <= holes[position].start);

    allocator->taken--;
    insert_hole(allocator, position, range);
    if (position + 1 < allocator->count && end_of(range) == holes[position + 1].start) {
        holes[position].size += holes[position + 1].size;
        remove_hole(allocator, position + 1);
    }
    if (position > 0 && end_of(holes[position - 1]) == range.start) {
        holes[position - 1].size += holes[position].size;
        remove_hole(allocator, position);
    }
}

uint64_t bank_allocator_lowest(const struct bank_allocator *allocator)
{
    if (allocator->count > 0 && allocator->holes[0].start == allocator->whole.start)
        return end_of(allocator->holes[0]);
    return allocator->whole.start;
}
