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
    uint8_t region;
    uint8_t order; /* among the buffers with this device and id: the greatest is the youngest */
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

/* Sees to it that the next slab_take() succeeds. -ENOMEM, -ENOSPC. Moves records: pointers to them end here. */
int slab_reserve(struct slab *slab);

/* The slot of a record that the caller fills; its references must not stay 0. Needs a reserve. */
uint32_t slab_take(struct slab *slab);

void slab_give_back(struct slab *slab, uint32_t slot);

static inline struct record *slab_record(const struct slab *slab, uint32_t slot)
{
    return &slab->chunks[slot / SLAB_CHUNK].records[slot % SLAB_CHUNK];
}

/* The next live record in memory order, or NULL; cursor and steps as in ledger_walk(). */
const struct record *slab_next(const struct slab *slab, uint64_t *cursor, size_t *steps);

/* Frees at most `pieces` pieces and returns how many of them were not needed. */
size_t slab_free_some(struct slab *slab, size_t pieces);
