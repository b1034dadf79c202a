/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Taking a ring into use. It comes from a server that is trusted, but a mistake there must not become SIGBUS here: so
 * the size is that of the file, and sealed against shrinking.
 */

#include "client/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static bool is_power_of_two(uint64_t number)
{
    return number != 0 && (number & (number - 1)) == 0;
}

static size_t bytes_of(uint64_t slots)
{
    return TT_ALLOC_RING_RECORDS + (size_t)slots * sizeof(struct tt_alloc_record);
}

static int check(int fd, uint64_t slots, uint64_t size)
{
    struct stat stat;
    int seals = fcntl(fd, F_GET_SEALS);

    if (!is_power_of_two(slots) || slots < TT_ALLOC_RING_SLOTS_MIN || slots > TT_ALLOC_RING_SLOTS_MAX)
        return -EPROTO;
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || fstat(fd, &stat) < 0)
        return -EPROTO;
    return size == bytes_of(slots) && stat.st_size == (off_t)size ? 0 : -EPROTO;
}

int tt_alloc_producer_open(int fd, uint64_t slots, uint64_t size, struct tt_alloc_producer *ret)
{
    struct tt_alloc_producer producer = {.slots = slots};
    int r = check(fd, slots, size);
    if (r < 0)
        return r;

    void *memory = mmap(NULL, bytes_of(slots), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return -errno;
    (void)madvise(memory, bytes_of(slots), MADV_DONTFORK);
    producer.memory = memory;
    producer.records = (struct tt_alloc_record *)(void *)((char *)memory + TT_ALLOC_RING_RECORDS);
    producer.tail = __atomic_load_n(&producer.memory->tail, __ATOMIC_RELAXED);
    producer.limit = producer.tail;
    producer.wake = producer.tail + slots / 4;
    if (producer.memory->magic != TT_ALLOC_RING_MAGIC || producer.memory->slots != slots) {
        tt_alloc_producer_close(&producer);
        return -EPROTO;
    }
    *ret = producer;
    return 0;
}

/* Kernels before 5.14 cannot. */
int tt_alloc_producer_populate(const struct tt_alloc_producer *producer)
{
    int r = madvise(producer->memory, bytes_of(producer->slots), MADV_POPULATE_WRITE);

    return r < 0 && errno != EINVAL ? -ENOMEM : 0;
}

void tt_alloc_producer_close(struct tt_alloc_producer *producer)
{
    if (producer->memory != NULL)
        munmap(producer->memory, bytes_of(producer->slots));
    *producer = (struct tt_alloc_producer){0};
}

/* A head that cannot be means that there is no room: it never lets a record be overwritten. */
uint64_t tt_alloc_producer_room(struct tt_alloc_producer *producer)
{
    uint64_t head = __atomic_load_n(&producer->memory->head, __ATOMIC_ACQUIRE);
    uint64_t waiting = producer->tail - head;
    uint64_t room = waiting <= producer->slots ? producer->slots - waiting : 0;

    producer->limit = producer->tail + room;
    return room;
}
