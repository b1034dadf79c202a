/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Chunks of records: a list of the free ones in each, a list of the chunks with room; slab.h says why.
 */

#include "ledger/slab.h"

#include <errno.h>

#include "ledger/memory.h"

#define FIRST_CAPACITY 16
#define FIRST_ROOM 1

static size_t records_size(uint32_t capacity)
{
    return capacity * sizeof(struct record);
}

void slab_init(struct slab *slab)
{
    *slab = (struct slab){.open = SLAB_NO_CHUNK, .spare = SLAB_NO_CHUNK};
}

void slab_open_chunk(struct slab *slab, uint32_t number)
{
    struct chunk *chunk = &slab->chunks[number];

    chunk->previous = SLAB_NO_CHUNK;
    chunk->next = slab->open;
    if (slab->open != SLAB_NO_CHUNK)
        slab->chunks[slab->open].previous = number;
    slab->open = number;
}

void slab_close_chunk(struct slab *slab, uint32_t number)
{
    const struct chunk *chunk = &slab->chunks[number];

    if (chunk->previous != SLAB_NO_CHUNK)
        slab->chunks[chunk->previous].next = chunk->next;
    else
        slab->open = chunk->next;
    if (chunk->next != SLAB_NO_CHUNK)
        slab->chunks[chunk->next].previous = chunk->previous;
}

static int make_room(struct slab *slab)
{
    uint32_t room = slab->room ? slab->room * 2 : FIRST_ROOM;
    struct chunk *chunks;

    if (slab->count < slab->room)
        return 0;
    chunks = memory_resize(&slab->memory, slab->chunks, slab->room * sizeof(*chunks), room * sizeof(*chunks));
    if (!chunks)
        return -ENOMEM;
    slab->chunks = chunks;
    slab->room = room;
    return 0;
}

/* The lowest number, so that the chunks stay dense and a walk passes few gaps. */
static uint32_t vacant_number(struct slab *slab)
{
    while (slab->vacant < slab->count && slab->chunks[slab->vacant].records)
        slab->vacant++;
    return slab->vacant;
}

static int add_chunk(struct slab *slab)
{
    uint32_t capacity = slab->count == 0 ? FIRST_CAPACITY : SLAB_CHUNK;
    uint32_t number = vacant_number(slab);
    struct record *records;
    int r = 0;

    if (number == SLAB_CHUNKS_MAX)
        return -ENOSPC;
    if (number == slab->count)
        r = make_room(slab);
    if (r < 0)
        return r;
    records = memory_new(&slab->memory, records_size(capacity));
    if (!records)
        return -ENOMEM;
    slab->chunks[number] = (struct chunk){.records = records, .capacity = capacity};
    if (number == slab->count)
        slab->count++;
    slab_open_chunk(slab, number);
    slab->spare = number;
    return 0;
}

static int grow_first_chunk(struct slab *slab)
{
    struct chunk *chunk = &slab->chunks[0];
    uint32_t capacity = chunk->capacity * 2;
    struct record *records =
        memory_resize(&slab->memory, chunk->records, records_size(chunk->capacity), records_size(capacity));

    if (!records)
        return -ENOMEM;
    chunk->records = records;
    chunk->capacity = capacity;
    slab_open_chunk(slab, 0);
    return 0;
}

int slab_grow(struct slab *slab)
{
    if (slab->count > 0 && slab->chunks[0].records && slab->chunks[0].capacity < SLAB_CHUNK)
        return grow_first_chunk(slab);
    return add_chunk(slab);
}

void slab_chunk_emptied(struct slab *slab, uint32_t number)
{
    struct chunk *chunk = &slab->chunks[number];

    if (slab->spare == SLAB_NO_CHUNK) {
        chunk->fresh = 0;
        chunk->freed = 0;
        slab->spare = number;
        return;
    }
    slab_close_chunk(slab, number);
    chunk->records = memory_free(&slab->memory, chunk->records, records_size(chunk->capacity));
    if (slab->vacant > number)
        slab->vacant = number;
}

const struct record *slab_next(const struct slab *slab, uint64_t *cursor, size_t *steps)
{
    while (*cursor < (uint64_t)slab->count * SLAB_CHUNK) {
        const struct chunk *chunk = &slab->chunks[*cursor / SLAB_CHUNK];
        uint64_t position = *cursor % SLAB_CHUNK;

        if (steps && (*steps)-- == 0) {
            *steps = 0;
            return NULL;
        }
        if (!chunk->records || position >= chunk->fresh) {
            *cursor += SLAB_CHUNK - position;
            continue;
        }
        (*cursor)++;
        if (chunk->records[position].references > 0)
            return &chunk->records[position];
    }
    return NULL;
}

size_t slab_free_some(struct slab *slab, size_t pieces)
{
    for (; pieces > 0 && slab->count > 0; pieces--) {
        struct chunk *chunk = &slab->chunks[--slab->count];

        memory_free(&slab->memory, chunk->records, records_size(chunk->capacity));
    }
    if (pieces > 0 && slab->chunks) {
        slab->chunks = memory_free(&slab->memory, slab->chunks, slab->room * sizeof(*slab->chunks));
        pieces--;
    }
    return pieces;
}
