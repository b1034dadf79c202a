/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A server's feed with a registry behind it, and a reporter before it that writes into the ring as a client does. For
 * test_feed.c (what each record means) and test_feed_model.c (anything at all).
 */

#include "tests/unit/fixture.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "server/clock.h"
#include "server/feed.h"

#define NOW (UINT64_C(1) << 60) /* 36 years: no host has been up for longer */
#define TICK (UINT64_C(1) << TT_ALLOC_TICK_SHIFT)
#define ANY LEDGER_ANY_REGION

/* The reporter's end of a ring. */
struct writer {
    struct tt_alloc_ring *memory;
    struct tt_alloc_record *records;
    uint64_t slots;
    uint64_t tail;
    size_t bytes;
};

struct bench {
    struct registry registry;
    struct process *process;
    struct feed feed;
    struct writer writer;
    size_t told; /* processes that ended */
    struct remains last;
};

static void bench_on_remains(struct remains remains, void *userdata)
{
    struct bench *bench = userdata;

    bench->told++;
    bench->last = remains;
    remains_release_devices(&remains);
    ledger_free(remains.ledger);
    remains_settle(&remains);
}

static inline struct process *bench_attach(struct bench *bench, pid_t pid)
{
    struct peer peer = {.pid = pid, .uid = 70001, .gid = 70001, .pidfd = -1};
    struct process *process = NULL;

    assert_int_equal(registry_attach(&bench->registry, &peer, &process), 0);
    return process;
}

static inline struct writer writer_open(struct feed *feed, uint64_t slots)
{
    struct writer writer = {.slots = slots, .bytes = TT_ALLOC_RING_RECORDS + slots * sizeof(struct tt_alloc_record)};
    int fd = -1;

    assert_int_equal(feed_add_ring(feed, slots, &fd), 0);
    writer.memory = mmap(NULL, writer.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(writer.memory != MAP_FAILED);
    close(fd);
    writer.records = (struct tt_alloc_record *)((char *)writer.memory + TT_ALLOC_RING_RECORDS);
    writer.tail = writer.memory->tail;
    return writer;
}

static inline void writer_close(struct writer *writer)
{
    munmap(writer->memory, writer->bytes);
    *writer = (struct writer){0};
}

static inline size_t writer_room(const struct writer *writer)
{
    return writer->slots - (writer->tail - writer->memory->head);
}

static inline void writer_put(struct writer *writer, struct tt_alloc_record record)
{
    record.position = (uint32_t)writer->tail;
    writer->records[writer->tail % writer->slots] = record;
    writer->memory->tail = ++writer->tail;
}

static inline void bench_init(struct bench *bench)
{
    *bench = (struct bench){0};
    registry_init(&bench->registry, bench_on_remains, bench);
    bench->process = bench_attach(bench, 10);
    bench->writer = writer_open(&bench->feed, TT_ALLOC_RING_SLOTS_MIN);
}

/* The session ends, and with it the process. */
static inline void bench_hang_up(struct bench *bench)
{
    feed_done(&bench->feed, bench->process);
    registry_detach(&bench->registry, bench->process, true);
    bench->process = NULL;
    writer_close(&bench->writer);
}

static inline void bench_done(struct bench *bench)
{
    if (bench->process)
        bench_hang_up(bench);
    registry_done(&bench->registry);
}

static inline uint32_t tick_now(void)
{
    return (uint32_t)(clock_read(CLOCK_MONOTONIC_COARSE) >> TT_ALLOC_TICK_SHIFT);
}

static inline struct tt_alloc_record alloc_record(int32_t device, uint8_t region, uint64_t id, uint64_t size)
{
    return (struct tt_alloc_record){.type = TT_ALLOC_ALLOC,
                                    .device_id = device,
                                    .buffer_type = region,
                                    .buffer_id = id,
                                    .size = size,
                                    .tick = tick_now()};
}

static inline struct tt_alloc_record free_record(int32_t device, uint8_t region, uint64_t id)
{
    return (struct tt_alloc_record){
        .type = TT_ALLOC_FREE, .device_id = device, .buffer_type = region, .buffer_id = id, .tick = tick_now()};
}

static inline struct tt_alloc_record begin_record(uint64_t live, uint64_t made)
{
    return (struct tt_alloc_record){
        .type = TT_ALLOC_RESYNC_BEGIN, .device_id = -1, .buffer_id = live, .size = made, .tick = tick_now()};
}

static inline struct tt_alloc_record end_record(uint64_t live, uint64_t made)
{
    return (struct tt_alloc_record){
        .type = TT_ALLOC_RESYNC_END, .device_id = -1, .buffer_id = live, .size = made, .tick = tick_now()};
}

static inline struct tt_alloc_record buffer_record(int32_t device, uint8_t region, uint64_t id, uint64_t size,
                                                   uint16_t references)
{
    return (struct tt_alloc_record){.type = TT_ALLOC_RESYNC_BUFFER,
                                    .device_id = device,
                                    .buffer_type = region,
                                    .buffer_id = id,
                                    .size = size,
                                    .references = references,
                                    .tick = tick_now()};
}

static inline struct tt_alloc_record told_record(uint8_t type, int32_t device, uint8_t region, uint64_t id,
                                                 uint64_t size)
{
    return (struct tt_alloc_record){
        .type = type, .device_id = device, .buffer_type = region, .buffer_id = id, .size = size};
}

/* Every report that arrived is counted once, and the user is charged for what is there. */
static inline void bench_check(const struct bench *bench)
{
    const struct figures *figures = &bench->registry.figures;

    assert_int_equal(figures->reports, figures->allocations + figures->frees + figures->unknown_free +
                                           figures->overtaken + figures->refused_device + figures->refused_size +
                                           figures->refused_region + figures->refused_limit + figures->refused_memory);
    if (bench->process)
        assert_int_equal(bench->process->user->buffers, ledger_count(bench->process->ledger));
}

/* Takes in what is there. */
static inline int bench_drain(struct bench *bench)
{
    size_t pending = (size_t)feed_pending(&bench->feed), taken;
    int error = feed_drain(&bench->feed, &bench->registry, bench->process, pending, NOW, &taken);

    if (error == 0)
        assert_int_equal(taken, pending);
    bench_check(bench);
    return error;
}

static inline int bench_tell(struct bench *bench, struct tt_alloc_record record)
{
    writer_put(&bench->writer, record);
    return bench_drain(bench);
}

static inline void bench_sweep(struct bench *bench)
{
    size_t steps;

    do
        steps = 3;
    while (!registry_sweep(&bench->registry, bench->process, &steps));
    bench_check(bench);
}

static inline uint64_t bench_count(const struct bench *bench)
{
    return ledger_count(bench->process->ledger);
}
