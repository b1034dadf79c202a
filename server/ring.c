/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the client does to the memory cannot hurt, because nothing in it is believed:
 *  - Where the server stands (`taken`, `given`) and how many slots there are is kept here and only written there. Of
 *    the client's numbers only tail and made are read, each once, and tail must lie at most a ring's length ahead.
 *  - A record is copied first and looked at afterwards, so it cannot change between a check and its use.
 *  - The memory is sealed against shrinking, so it cannot go away under a reader. Holes can be punched into it; they
 *    read as zeros, and a record of zeros stands at the wrong position or, once in 2^32, has no type.
 *  - A record that is published before it is written shows the position of an earlier round, which is wrong by a
 *    multiple of the ring's length.
 *
 * Order of memory: the client writes a record, then tail with release; the server reads tail with acquire, then the
 * record: so it sees the whole of it. The server copies, then writes head with release; the client reads head with
 * acquire, then overwrites: so no copy is torn. `made` is written after tail and read before it: so whatever a value of
 * made counts and the ring holds lies before the tail that is read next.
 *
 * No wake-up is lost, and no flags are needed for that: a wake-up is a frame in the socket's queue, sent after tail was
 * written. The system calls order the two: who reads the frame, or sees that there is one, reads this tail or a later
 * one. The server looks at the ring after each read of the session, and a frame that could not be sent because the
 * queue was full means that such a read is yet to come. tests/unit/test_ring_model.c goes through all interleavings.
 *
 * Tail is read again only when everything up to the last one read is taken: while the client is busy, each look at its
 * line costs both sides a cache miss.
 */

#include "server/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

_Static_assert(TT_ALLOC_RING_SLOTS_MIN * sizeof(struct tt_alloc_record) % TT_ALLOC_RING_RECORDS == 0, "whole pages");
_Static_assert(sizeof(struct tt_alloc_ring) <= TT_ALLOC_RING_RECORDS, "the header lies before the records");

struct ring {
    struct tt_alloc_ring *shared;
    const struct tt_alloc_record *records; /* in the same memory */
    uint64_t slots;
    uint64_t tail;  /* as last read */
    uint64_t taken; /* records copied */
    uint64_t given; /* records given back: what head says */
};

static size_t bytes_for(uint64_t slots)
{
    return TT_ALLOC_RING_RECORDS + slots * sizeof(struct tt_alloc_record);
}

size_t ring_bytes(const struct ring *ring)
{
    return bytes_for(ring->slots);
}

/* A descriptor of nothing yet. Kernels before 6.3 do not know MFD_NOEXEC_SEAL, and later ones may insist on it. */
static int open_memory(void)
{
    const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = memfd_create("tt-alloc-ring", flags | MFD_NOEXEC_SEAL);

    if (fd < 0 && errno == EINVAL)
        fd = memfd_create("tt-alloc-ring", flags);
    if (fd < 0)
        return errno == EMFILE || errno == ENFILE ? -EMFILE : -ENOMEM;
    return fd;
}

static int map_memory(struct ring *ring, int fd)
{
    size_t bytes = ring_bytes(ring);
    void *memory;

    if (ftruncate(fd, (off_t)bytes) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return -ENOMEM;
    memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return -ENOMEM;
    ring->shared = memory;
    ring->records = (const struct tt_alloc_record *)((const char *)memory + TT_ALLOC_RING_RECORDS);
    return 0;
}

static void write_header(struct ring *ring)
{
    ring->tail = ring->taken = ring->given = TT_ALLOC_RING_START;
    *ring->shared = (struct tt_alloc_ring){
        .magic = TT_ALLOC_RING_MAGIC,
        .slots = ring->slots,
        .tail = TT_ALLOC_RING_START,
        .head = TT_ALLOC_RING_START,
    };
}

static int open_and_map(struct ring *ring, int *ret_fd)
{
    int fd = open_memory(), error;

    if (fd < 0)
        return fd;
    error = map_memory(ring, fd);
    if (error < 0) {
        close(fd);
        return error;
    }
    write_header(ring);
    *ret_fd = fd;
    return 0;
}

int ring_new(uint64_t slots, struct ring **ret, int *ret_fd)
{
    struct ring *ring;
    int error;

    if (slots < TT_ALLOC_RING_SLOTS_MIN || slots > TT_ALLOC_RING_SLOTS_MAX || (slots & (slots - 1)) != 0)
        return -EINVAL;
    ring = calloc(1, sizeof(*ring));
    if (!ring)
        return -ENOMEM;
    ring->slots = slots;
    error = open_and_map(ring, ret_fd);
    if (error < 0) {
        free(ring);
        return error;
    }
    *ret = ring;
    return 0;
}

struct ring *ring_free(struct ring *ring)
{
    if (ring)
        munmap(ring->shared, ring_bytes(ring));
    free(ring);
    return NULL;
}

uint64_t ring_pending(const struct ring *ring)
{
    return __atomic_load_n(&ring->shared->tail, __ATOMIC_ACQUIRE) - ring->taken;
}

uint64_t ring_made(const struct ring *ring)
{
    return __atomic_load_n(&ring->shared->made, __ATOMIC_ACQUIRE);
}

/* The client may be ahead by what head lets it, and never behind. */
static int look_for_more(struct ring *ring)
{
    uint64_t pending = ring_pending(ring);

    if (pending > ring->slots - (ring->taken - ring->given))
        return -EPROTO;
    ring->tail = ring->taken + pending;
    return 0;
}

/* Copies records that do not lie across the end of the memory. */
static void copy(const struct ring *ring, struct tt_alloc_record *ret, uint64_t from, size_t count)
{
    memcpy(ret, ring->records + (from & (ring->slots - 1)), count * sizeof(*ret));
}

static void copy_around(const struct ring *ring, struct tt_alloc_record *ret, size_t count)
{
    uint64_t to_end = ring->slots - (ring->taken & (ring->slots - 1));
    size_t first = count < to_end ? count : (size_t)to_end;

    copy(ring, ret, ring->taken, first);
    copy(ring, ret + first, ring->taken + first, count - first);
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* from here on the compiler must use the copy */
}

/* How many of the records, from the first on, are the ones that should stand there. */
static size_t count_in_place(const struct tt_alloc_record *records, uint64_t from, size_t count)
{
    size_t i = 0;

    while (i < count && records[i].position == (uint32_t)(from + i))
        i++;
    return i;
}

/* What stands before a wrong record is still good; the wrong one is met in the next call. */
ssize_t ring_take(struct ring *ring, struct tt_alloc_record *ret, size_t max)
{
    size_t count, good;

    if (ring->tail == ring->taken && look_for_more(ring) < 0)
        return -EPROTO;
    count = ring->tail - ring->taken < max ? (size_t)(ring->tail - ring->taken) : max;
    copy_around(ring, ret, count);
    good = count_in_place(ret, ring->taken, count);
    if (good == 0 && count > 0)
        return -EPROTO;
    ring->taken += good;
    return (ssize_t)good;
}

void ring_give_back(struct ring *ring)
{
    if (ring->given == ring->taken)
        return;
    ring->given = ring->taken;
    __atomic_store_n(&ring->shared->head, ring->given, __ATOMIC_RELEASE);
}
