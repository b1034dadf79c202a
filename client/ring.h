/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The client's end of a ring: memory of the server's making, into which records are written.
 *
 * The server can always be told to look into it later, so putting a record is a copy and two stores. Everything that
 * the producer needs to know it keeps for itself; of the memory it reads only how far the server came, and that only
 * when the room it knows of is used up.
 *
 * Not thread-safe. The memory is not passed on to forked children: one ring has one producer.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tt_alloc_protocol.h"

struct tt_alloc_producer {
    struct tt_alloc_ring *memory; /* NULL: there is no ring */
    struct tt_alloc_record *records;
    uint64_t slots;
    uint64_t tail;  /* number of the next record */
    uint64_t limit; /* of the first record for which there may be no room */
    uint64_t wake;  /* when the tail comes here, the server is to be woken */
};

/* What the server said of the memory of fd, which stays the caller's. -EPROTO: it is not such a memory, or one that
 * could shrink under us; or the error of mmap(). */
int tt_alloc_producer_open(int fd, uint64_t slots, uint64_t size, struct tt_alloc_producer *ret);

/* Has the kernel find the memory now and not at the first report that comes to a page: there it would cost more time
 * than the report, and if there is none left (vm.overcommit_memory=2) it would be SIGBUS. Takes up to a millisecond.
 * -ENOMEM. */
int tt_alloc_producer_populate(const struct tt_alloc_producer *producer);

/* An empty one may be closed, and is what remains. */
void tt_alloc_producer_close(struct tt_alloc_producer *producer);

/* Looks how far the server came, and returns how many records can be put. */
uint64_t tt_alloc_producer_room(struct tt_alloc_producer *producer);

static inline bool tt_alloc_producer_has_room(struct tt_alloc_producer *producer)
{
    return __builtin_expect(producer->tail != producer->limit, 1) || tt_alloc_producer_room(producer) > 0;
}

/* The server's processor has the slots that it read in its cache; those some way ahead are asked back in time. */
#define TT_ALLOC_PRODUCER_AHEAD 16

static inline void tt_alloc_producer_claim(const struct tt_alloc_record *slot)
{
#if defined(__x86_64__) /* the builtin would ask for a copy to read */
    __asm__ volatile("prefetchw %0" : : "m"(*slot));
#else
    __builtin_prefetch(slot, 1);
#endif
}

/* Field by field: the processor would stall on a copy as a whole of what was just written in smaller pieces. */
static inline void tt_alloc_record_copy(struct tt_alloc_record *to, const struct tt_alloc_record *from)
{
    to->buffer_id = from->buffer_id;
    to->size = from->size;
    to->device_id = from->device_id;
    to->tick = from->tick;
    to->type = from->type;
    to->buffer_type = from->buffer_type;
    to->references = from->references;
}

/* There must be room. Returns whether the server is to be woken now. */
static inline bool tt_alloc_producer_put(struct tt_alloc_producer *producer, const struct tt_alloc_record *record)
{
    uint64_t tail = producer->tail;
    struct tt_alloc_record *slot = &producer->records[tail & (producer->slots - 1)];

    tt_alloc_record_copy(slot, record);
    slot->position = (uint32_t)tail;
    tt_alloc_producer_claim(slot + TT_ALLOC_PRODUCER_AHEAD);
    producer->tail = ++tail;
    __atomic_store_n(&producer->memory->tail, tail, __ATOMIC_RELEASE);
    if (__builtin_expect(tail != producer->wake, 1))
        return false;
    producer->wake += producer->slots / 4;
    return true;
}

/* Tells how many reports were made. Behind the tail, so that the server finds all that the number counts, or knows that
 * it is missing. */
static inline void tt_alloc_producer_tell_made(struct tt_alloc_producer *producer, uint64_t made)
{
    __atomic_store_n(&producer->memory->made, made, __ATOMIC_RELEASE);
}
