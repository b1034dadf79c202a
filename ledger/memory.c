/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The ledger's only calls of malloc and mmap; memory.h says which piece comes from which.
 */

#include "ledger/memory.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MAPPED_FROM 16384
#define PAGE 4096
#define LINE 64
#define MALLOC_OVERHEAD 16 /* malloc's own word and its rounding */

bool (*memory_hook)(size_t size);

static bool is_mapped(size_t size)
{
    return size >= MAPPED_FROM;
}

/* What a piece takes, the overhead included. */
static size_t taken(size_t size)
{
    if (size == 0)
        return 0;
    return is_mapped(size) ? (size + PAGE - 1) / PAGE * PAGE : size + MALLOC_OVERHEAD;
}

static void *take(size_t size)
{
    void *piece;

    if (!is_mapped(size)) {
        /* Buckets of the index are as large as a cache line and shall not lie across two. */
        piece = aligned_alloc(LINE, (size + LINE - 1) / LINE * LINE);
        return piece ? memset(piece, 0, size) : NULL;
    }
    piece = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return piece == MAP_FAILED ? NULL : piece;
}

static void give_back(void *piece, size_t size)
{
    if (is_mapped(size))
        munmap(piece, size);
    else
        free(piece);
}

static void *resize_mapping(void *piece, size_t size, size_t new_size)
{
    void *moved = mremap(piece, size, new_size, MREMAP_MAYMOVE);

    return moved == MAP_FAILED ? NULL : moved;
}

static void *move(void *piece, size_t size, size_t new_size)
{
    void *moved = take(new_size);

    if (moved && piece) {
        memcpy(moved, piece, size < new_size ? size : new_size);
        give_back(piece, size);
    }
    return moved;
}

void *memory_new(size_t *held, size_t size)
{
    return memory_resize(held, NULL, 0, size);
}

/* The kernel puts one mapping beside the other, so the first try is right more often than not. */
static char *take_block(void)
{
    char *piece = take(MEMORY_BLOCK);
    size_t before;

    if (!piece || (uintptr_t)piece % MEMORY_BLOCK == 0)
        return piece;
    give_back(piece, MEMORY_BLOCK);
    piece = take(2 * MEMORY_BLOCK);
    if (!piece)
        return NULL;
    before = MEMORY_BLOCK - (uintptr_t)piece % MEMORY_BLOCK; /* maybe all that is too much: then nothing is behind */
    munmap(piece, before);
    munmap(piece + before + MEMORY_BLOCK, MEMORY_BLOCK - before);
    return piece + before;
}

void *memory_new_block(void)
{
    return memory_hook && !memory_hook(MEMORY_BLOCK) ? NULL : take_block();
}

void memory_free_block(void *block)
{
    give_back(block, MEMORY_BLOCK);
}

void *memory_resize(size_t *held, void *piece, size_t size, size_t new_size)
{
    void *resized;

    if (memory_hook && !memory_hook(new_size))
        return NULL;
    if (piece && is_mapped(size) && is_mapped(new_size))
        resized = resize_mapping(piece, size, new_size);
    else if (piece && !is_mapped(size) && !is_mapped(new_size))
        resized = realloc(piece, new_size);
    else
        resized = move(piece, size, new_size);
    if (resized)
        *held += taken(new_size) - taken(size);
    return resized;
}

void *memory_free(size_t *held, void *piece, size_t size)
{
    if (!piece)
        return NULL;
    assert(*held >= taken(size));
    *held -= taken(size);
    give_back(piece, size);
    return NULL;
}
