/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A block is 128 units and a bit for each that is in use; its own unit, the first, among them. Neighbours that are free
 * are one run without anybody having joined them. The block of a piece is found by its address, since blocks begin at
 * multiples of their size.
 */

#include "ledger/pool.h"

#include <assert.h>
#include <string.h>

#define UNITS (MEMORY_BLOCK / POOL_UNIT)

typedef unsigned __int128 units; /* the lowest bit is the first unit */
_Static_assert(UNITS == 8 * sizeof(units), "a bit for each unit");

struct pool_block {
    struct pool_block *next, *previous; /* of those with the same room */
    units used;
    uint32_t room; /* units of the longest piece that it has room for, at most POOL_UNITS_MAX */
};
_Static_assert(sizeof(struct pool_block) <= POOL_UNIT, "its own unit");

/* The units at which `length` free ones begin. */
static units runs(units used, uint32_t length)
{
    units found = ~used;

    for (uint32_t i = 1; i < length; i++)
        found &= ~used >> i;
    return found;
}

static uint32_t room_in(units used)
{
    uint32_t room = 0;

    while (room < POOL_UNITS_MAX && runs(used, room + 1))
        room++;
    return room;
}

static uint32_t lowest(units set)
{
    uint64_t low = (uint64_t)set;

    return low ? (uint32_t)__builtin_ctzll(low) : 64 + (uint32_t)__builtin_ctzll((uint64_t)(set >> 64));
}

static void enlist(struct pool *pool, struct pool_block *block)
{
    struct pool_block **list = &pool->blocks[block->room];

    block->previous = NULL;
    block->next = *list;
    if (*list)
        (*list)->previous = block;
    *list = block;
}

static void delist(struct pool *pool, struct pool_block *block)
{
    if (block->previous)
        block->previous->next = block->next;
    else
        pool->blocks[block->room] = block->next;
    if (block->next)
        block->next->previous = block->previous;
}

static void set_used(struct pool *pool, struct pool_block *block, units used)
{
    uint32_t room = room_in(used);

    block->used = used;
    if (room == block->room)
        return;
    delist(pool, block);
    block->room = room;
    enlist(pool, block);
}

static struct pool_block *add_block(struct pool *pool, size_t *held)
{
    struct pool_block *block = memory_new_block();

    if (!block)
        return NULL;
    *held += POOL_UNIT;
    block->used = 1;
    block->room = POOL_UNITS_MAX;
    enlist(pool, block);
    return block;
}

/* One that the piece just fits in comes first, so that the others keep their longer runs. */
static struct pool_block *block_for(struct pool *pool, size_t *held, uint32_t length)
{
    for (uint32_t room = length; room <= POOL_UNITS_MAX; room++)
        if (pool->blocks[room])
            return pool->blocks[room];
    return add_block(pool, held);
}

void *pool_new(struct pool *pool, size_t *held, size_t size)
{
    uint32_t length = (uint32_t)(size / POOL_UNIT), first;
    struct pool_block *block;
    units piece = ((units)1 << length) - 1;

    assert(size % POOL_UNIT == 0 && length > 0 && length <= POOL_UNITS_MAX);
    block = block_for(pool, held, length);
    if (!block)
        return NULL;
    first = lowest(runs(block->used, length));
    set_used(pool, block, block->used | piece << first);
    *held += size;
    return memset((char *)block + first * POOL_UNIT, 0, size);
}

void *pool_free(struct pool *pool, size_t *held, void *piece, size_t size)
{
    size_t offset = (uintptr_t)piece % MEMORY_BLOCK;
    struct pool_block *block = (struct pool_block *)(void *)((char *)piece - offset);
    units freed = (((units)1 << (size / POOL_UNIT)) - 1) << (offset / POOL_UNIT);

    assert((block->used & freed) == freed);
    *held -= size;
    set_used(pool, block, block->used & ~freed);
    if (block->used == 1) {
        delist(pool, block);
        memory_free_block(block);
        *held -= POOL_UNIT;
    }
    return NULL;
}
