/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where the records of the live buffers stand: in chunks of 4096, at slots that do not change while the record lives.
 *
 * What is known of a chunk stands in a table, not in front of its records: there it would cost a cache miss of its own,
 * and as all chunks begin on a page, few sets of the cache would have to serve them all.
 *
 * Most processes have few buffers, so the first chunk starts with 16 records and doubles; all others are made at full
 * size. A chunk that becomes empty is given back, but for one: a process that allocates and frees around a chunk's edge
 * must not go to the kernel each time.
 */

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLAB_CHUNK 4096            /* records: 96 KiB */
#define SLAB_CHUNKS_MAX (1U << 20) /* 32 bits of slots */
#define SLAB_NO_CHUNK UINT32_MAX
#define SLAB_SIZE_MASK ((UINT64_C(1) << 48) - 1)

struct record {
    uint64_t id; /* of a free record: the chunk's next free one */
    uint64_t size : 48;
    uint64_t device : 16; /* position in the ledger's table of devices */
    uint32_t born;        /* ticks since the ledger's epoch */
    uint16_t references;  /* 0: the record is free */
    uint16_t region : 3;
    uint16_t order : 3; /* among those with this device, id and tick: the greatest is the youngest. 0: never had one */
    uint16_t mark : 10; /* the ledger's when the buffer was last told of */
};
_Static_assert(sizeof(struct record) == 24, "a live buffer costs 24 bytes and its index entry");

struct chunk {
    struct record *records;  /* NULL: given back */
    uint32_t previous, next; /* in the list of chunks with room, if it has room; or SLAB_NO_CHUNK */
    uint32_t capacity;
    uint32_t live;
    uint32_t fresh; /* records from here up were not used yet */
    uint32_t freed; /* 1 + the first of the free records below fresh; 0: none */
};

struct slab {
    struct chunk *chunks;
    uint32_t count;  /* of chunks, those given back included */
    uint32_t room;   /* of chunks */
    uint32_t vacant; /* no chunk before this one is given back */
    uint32_t open;   /* the first chunk with room, or SLAB_NO_CHUNK */
    uint32_t spare;  /* the chunk that is empty, or SLAB_NO_CHUNK */
    uint64_t live;   /* records */
    size_t memory;   /* bytes held */
};

void slab_init(struct slab *slab);

static inline struct record *slab_record(const struct slab *slab, uint32_t slot)
{
    return &slab->chunks[slot / SLAB_CHUNK].records[slot % SLAB_CHUNK];
}

/* Loads a record, as index_prefetch() does a bucket. */
static inline void slab_prefetch(const struct slab *slab, uint32_t slot)
{
    (void)*(const volatile uint16_t *)&slab_record(slab, slot)->references;
}

/* The rarer parts of what follows. */
int slab_grow(struct slab *slab);
void slab_open_chunk(struct slab *slab, uint32_t number);
void slab_close_chunk(struct slab *slab, uint32_t number);
void slab_chunk_emptied(struct slab *slab, uint32_t number);

/* Sees to it that the next slab_take() succeeds. -ENOMEM, -ENOSPC. Moves records: pointers to them end here. */
static inline int slab_reserve(struct slab *slab)
{
    return slab->open != SLAB_NO_CHUNK ? 0 : slab_grow(slab);
}

/* A record that the caller fills, and its slot; its references must not stay 0. Needs a reserve. */
static inline struct record *slab_take(struct slab *slab, uint32_t *ret_slot)
{
    uint32_t number = slab->open, position;
    struct record *record;
    struct chunk *chunk;

    assert(number != SLAB_NO_CHUNK);
    chunk = &slab->chunks[number];
    position = chunk->freed ? chunk->freed - 1 : chunk->fresh;
    record = &chunk->records[position];
    if (chunk->freed)
        chunk->freed = (uint32_t)record->id;
    else
        chunk->fresh++;
    if (number == slab->spare)
        slab->spare = SLAB_NO_CHUNK;
    slab->live++;
    if (++chunk->live == chunk->capacity)
        slab_close_chunk(slab, number);
    *ret_slot = number * SLAB_CHUNK + position;
    return record;
}

static inline void slab_give_back(struct slab *slab, uint32_t slot)
{
    uint32_t number = slot / SLAB_CHUNK, position = slot % SLAB_CHUNK;
    struct chunk *chunk = &slab->chunks[number];
    struct record *record = &chunk->records[position];

    record->references = 0;
    record->id = chunk->freed;
    chunk->freed = position + 1;
    if (chunk->live == chunk->capacity)
        slab_open_chunk(slab, number);
    slab->live--;
    if (--chunk->live == 0)
        slab_chunk_emptied(slab, number);
}

/* The next live record in memory order, or NULL; cursor and steps as in ledger_walk(). */
const struct record *slab_next(const struct slab *slab, uint64_t *cursor, size_t *steps);

/* Frees at most `pieces` pieces and returns how many of them were not needed. */
size_t slab_free_some(struct slab *slab, size_t pieces);
