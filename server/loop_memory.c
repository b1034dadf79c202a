/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One range, handed out from its beginning to its end. The tables only grow, each time to twice the size at least, so
 * all that a table gives back on its way is less than what it has in the end.
 */

#include "server/loop_memory.h"

#include <errno.h>
#include <ev.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096
#define ALIGNMENT 16

/* libev keeps per descriptor a row, a change and an event of the kernel's, and per watcher a row of a heap and a place
 * among what is pending: 80 bytes. Tables double, which is twice that, and leave behind as much again. */
#define PER_DESCRIPTOR 320
#define FOR_ALL (256 << 10)

struct block {
    _Alignas(ALIGNMENT) size_t size;
    char bytes[];
};

static struct {
    char *begin;
    size_t size, used;
} range;

static void *take(size_t size)
{
    size_t whole = (sizeof(struct block) + size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct block *block = (struct block *)(void *)(range.begin + range.used);

    if (range.size - range.used < whole)
        return NULL;
    range.used += whole;
    block->size = size;
    return block->bytes;
}

/* The addresses are not used again; the memory goes back. */
static void give_back(const struct block *block)
{
    uintptr_t from = ((uintptr_t)block->bytes + PAGE - 1) / PAGE * PAGE;
    uintptr_t until = ((uintptr_t)block->bytes + block->size) / PAGE * PAGE;

    if (until > from)
        madvise((void *)from, until - from, MADV_DONTNEED);
}

static void *resize(void *memory, long size)
{
    struct block *block = memory ? (struct block *)(void *)((char *)memory - offsetof(struct block, bytes)) : NULL;
    void *fresh = size > 0 ? take((size_t)size) : NULL;

    if (fresh && block)
        memcpy(fresh, memory, block->size < (size_t)size ? block->size : (size_t)size);
    if (block && (fresh || size == 0))
        give_back(block);
    return fresh;
}

int loop_memory_init(size_t descriptors)
{
    size_t size = FOR_ALL + descriptors * PER_DESCRIPTOR;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        return -ENOMEM;
    range.begin = memory;
    range.size = size;
    range.used = 0;
    ev_set_allocator(resize);
    return 0;
}

void loop_memory_done(void)
{
    if (range.begin)
        munmap(range.begin, range.size);
    range.begin = NULL;
    range.size = range.used = 0;
}
