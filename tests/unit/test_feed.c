/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_server_core */

/*
 * What each record does, one situation at a time.
 */

#include "tests/unit/feed_fixture.h"

#include <pthread.h>
#include <sched.h>

/* ---- Reports ---- */

static void test_reports_are_applied(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench);
    for (uint64_t id = 0; id < 1000; id++)
        writer_put(&bench.writer, alloc_record((int32_t)id % 3, (uint8_t)(id % 7), id, id));
    for (uint64_t id = 0; id < 24; id++)
        writer_put(&bench.writer, free_record((int32_t)id % 3, (uint8_t)(id % 7), id));
    assert_int_equal(feed_pending(&bench.feed), 1024);
    assert_int_equal(bench_drain(&bench), 0);
    assert_int_equal(bench_count(&bench), 976);
    assert_int_equal(bench.feed.applied, 1024);
    assert_int_equal(bench.registry.figures.reports, 1024);
    assert_int_equal(writer_room(&bench.writer), 1024);
    assert_int_equal(feed_pending(&bench.feed), 0);
    assert_false(process_is_inexact(bench.process));
    bench_done(&bench);
}

/* What came after a question was asked is not for its answer, and a flood cannot keep the server. */
static void test_no_more_than_the_limit(void **state)
{
    struct bench bench;
    size_t taken;

    (void)state;
    bench_init(&bench);
    for (uint64_t id = 0; id < 100; id++)
        writer_put(&bench.writer, alloc_record(0, TT_ALLOC_DRAM, id, 1));
    assert_int_equal(feed_drain(&bench.feed, &bench.registry, bench.process, 37, NOW, &taken), 0);
    assert_int_equal(taken, 37);
    assert_int_equal(bench_count(&bench), 37);
    assert_int_equal(writer_room(&bench.writer), 1024 - 63);
    assert_int_equal(feed_drain(&bench.feed, &bench.registry, bench.process, 0, NOW, NULL), 0);
    assert_int_equal(bench_count(&bench), 37);
    bench_done(&bench);
}

static void test_refused_reports_are_told_to_the_session(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench);
    assert_int_equal(bench_tell(&bench, alloc_record(-1, TT_ALLOC_DRAM, 1, 1)), 0);
    assert_int_equal(bench.feed.refusal, -EINVAL);
    assert_int_equal(bench_tell(&bench, alloc_record(0, TT_ALLOC_DRAM, 1, UINT64_C(1) << 48)), 0);
    assert_int_equal(bench.feed.refusal, -EFBIG);
    assert_int_equal(bench_tell(&bench, free_record(0, 7, 1)), 0);
    assert_int_equal(bench.feed.refusal, -EFBIG); /* the worse one stays */
    bench.process->user->buffers = LIMIT_BUFFERS_DEFAULT;
    bench.process->user->is_privileged = false;
    writer_put(&bench.writer, alloc_record(0, TT_ALLOC_DRAM, 1, 1));
    assert_int_equal(feed_drain(&bench.feed, &bench.registry, bench.process, 9, NOW, NULL), 0);
    bench.process->user->buffers = 0;
    assert_int_equal(bench.feed.refusal, -EDQUOT);
    assert_true(process_is_inexact(bench.process));
    assert_int_equal(bench.process->lost, 4);
    bench.feed.refusal = 0;
    assert_int_equal(bench_tell(&bench, alloc_record(0, TT_ALLOC_DRAM, 1, 1)), 0);
    assert_int_equal(bench.feed.refusal, 0);
    bench_done(&bench);
}

static void test_what_no_client_sends(void **state)
{
    static const uint8_t types[] = {0,
                                    3,
                                    TT_ALLOC_CB_ALLOC,
                                    TT_ALLOC_RING_REQUEST,
                                    TT_ALLOC_RECORDS,
                                    58,
                                    255,
                                    TT_ALLOC_RESYNC_BUFFER,
                                    TT_ALLOC_RESYNC_COUNTS,
                                    TT_ALLOC_RESYNC_PEAK,
                                    TT_ALLOC_RESYNC_END,
                                    TT_ALLOC_RING_SWITCH};

    (void)state;
    for (size_t i = 0; i < sizeof(types); i++) {
        struct tt_alloc_record record = {.type = types[i], .references = 1};
        struct bench bench;

        bench_init(&bench);
        writer_put(&bench.writer, alloc_record(0, TT_ALLOC_DRAM, 1, 1));
        assert_int_equal(bench_tell(&bench, record), -EPROTO);
        assert_int_equal(bench_count(&bench), 1); /* what stood before it */
        assert_int_equal(feed_apply(&bench.feed, &bench.registry, bench.process, &record, NOW), -EPROTO);
        bench_done(&bench);
    }
}

/* A resync allows its own records and no others. */
static void test_what_no_client_sends_in_a_resync(void **state)
{
    static const uint8_t types[] = {0, 3, TT_ALLOC_CB_ALLOC, TT_ALLOC_RECORDS, 58, 255};

    (void)state;
    for (size_t i = 0; i < sizeof(types); i++) {
        struct tt_alloc_record record = {.type = types[i], .references = 1};
        struct bench bench;

        bench_init(&bench);
        assert_int_equal(bench_tell(&bench, begin_record(0, 0)), 0);
        assert_int_equal(bench_tell(&bench, record), -EPROTO);
        assert_int_equal(bench_count(&bench), 0);
        bench_done(&bench);
    }
}

static void test_a_wild_ring(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench);
    bench.writer.memory->tail += 5000;
    assert_true(feed_pending(&bench.feed) > 0);
    assert_int_equal(feed_drain(&bench.feed, &bench.registry, bench.process, 1, NOW, NULL), -EPROTO);
    bench_done(&bench);
}

/* One is a record behind, one is a record ahead, and together they must not seem empty. */
static void test_two_wild_rings(void **state)
{
    struct writer next;
    struct bench bench;

    (void)state;
    bench_init(&bench);
    next = writer_open(&bench.feed, 1024);
    bench.writer.memory->tail--;
    next.memory->tail++;
    assert_true(feed_pending(&bench.feed) > 0);
    assert_int_equal(feed_drain(&bench.feed, &bench.registry, bench.process, 1, NOW, NULL), -EPROTO);
    writer_close(&next);
    bench_done(&bench);
}

static void test_a_feed_without_a_ring(void **state)
{
    struct bench bench;
    struct feed feed = {0};
    struct tt_alloc_record record = alloc_record(0, TT_ALLOC_DRAM, 1, 1);
    size_t taken = 1;

    (void)state;
    bench_init(&bench);
    assert_int_equal(feed_pending(&feed), 0);
    assert_int_equal(feed_ring_bytes(&feed), 0);
    assert_int_equal(feed_drain(&feed, &bench.registry, bench.process, 10, NOW, &taken), 0);
    assert_int_equal(taken, 0);
    assert_int_equal(feed_apply(&feed, &bench.registry, bench.process, &record, NOW), 0);
    assert_int_equal(bench_count(&bench), 1);
    feed_count_report(&feed);
    assert_int_equal(feed.applied, 2);
    feed_done(&feed, NULL);
    bench_done(&bench);
}

/* ---- Time ---- */

static uint64_t birth_of(const struct bench *bench, uint64_t id)
{
    struct ledger_buffer buffer = {0};
    uint64_t cursor = 0;

    while (ledger_walk(bench->process->ledger, &cursor, NULL, &buffer))
        if (buffer.id == id)
            return buffer.born;
    fail_msg("no buffer %u", (unsigned)id);
    return 0;
}

/* The ledger cuts to 10 ms, and the clock may tick on between writing and reading. */
static void assert_age(struct bench *bench, struct tt_alloc_record record, uint64_t expected)
{
    uint64_t age;

    assert_int_equal(bench_tell(bench, record), 0);
    /* The ledger's clock goes on. */
    assert_int_equal(registry_release(&bench->registry, bench->process, 0, ANY, 77, NOW), 0);
    age = NOW - birth_of(bench, 1);
    assert_true(age + 3 * TICK >= expected && age <= expected + 3 * TICK);
    assert_int_equal(bench_tell(bench, free_record(0, TT_ALLOC_DRAM, 1)), 0);
}

static struct tt_alloc_record aged(uint32_t clock, uint64_t ticks)
{
    struct tt_alloc_record record = alloc_record(0, TT_ALLOC_DRAM, 1, 1);

    record.tick = record.tick + clock - (uint32_t)ticks;
    return record;
}

static void test_ages(void **state)
{
    static const uint32_t clocks[] = {0, 100000, 0x80000000, UINT32_MAX - 5000};

    (void)state;
    for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
        struct bench bench;

        bench_init(&bench);
        feed_set_clock(&bench.feed, tick_now() + clocks[i]);
        assert_age(&bench, aged(clocks[i], 0), 0);
        assert_age(&bench, aged(clocks[i], 1000), 1000 * TICK);
        assert_age(&bench, aged(clocks[i], 100000), 100000 * TICK);
        assert_age(&bench, aged(clocks[i], (uint64_t)UINT32_MAX - 99), 0); /* 100 ticks ahead */
        bench_done(&bench);
    }
}

static void test_older_than_time(void **state)
{
    const struct tt_alloc_record record = aged(0, 100000);
    struct bench bench;

    (void)state;
    bench_init(&bench);
    assert_int_equal(feed_apply(&bench.feed, &bench.registry, bench.process, &record, 1000 * TICK), 0);
    assert_int_equal(birth_of(&bench, 1), 0);
    bench_done(&bench);
}

/* HELLO may be read seconds after it was written; its reporter's clock is ours all the same. */
static void test_a_late_hello(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench);
    feed_set_clock(&bench.feed, tick_now() - 300);
    assert_age(&bench, aged(0, 1000), 1000 * TICK);
    bench_done(&bench);
}

/* Of two buffers with one id the younger is the one that was reported later, however late the server looks. */
static void test_later_reports_are_younger(void **state)
{
    struct tt_alloc_record record;
    struct bench bench;

    (void)state;
    bench_init(&bench);
    feed_set_clock(&bench.feed, tick_now());
    record = alloc_record(0, TT_ALLOC_DRAM, 1, 1);
    assert_int_equal(bench_tell(&bench, record), 0);
    while (tick_now() - record.tick < 3)
        sched_yield();
    record.buffer_type = TT_ALLOC_L1;
    record.tick++;
    assert_int_equal(bench_tell(&bench, record), 0);
    assert_int_equal(bench_tell(&bench, free_record(0, ANY, 1)), 0);
    assert_int_equal(bench_count(&bench), 1);
    assert_int_equal(bench_tell(&bench, free_record(0, TT_ALLOC_DRAM, 1)), 0);
    assert_int_equal(bench_count(&bench), 0);
    bench_done(&bench);
}

static void test_a_forged_tick_makes_nobody_idle(void **state)
{
    struct bench bench;
    const struct device *row;

    (void)state;
    bench_init(&bench);
    assert_int_equal(bench_tell(&bench, alloc_record(0, TT_ALLOC_DRAM, 2, 1)), 0);
    row = devices_find(&bench.registry.devices, 0);
    assert_true(row->usage.last_activity + 3 * TICK > NOW);
    assert_int_equal(bench_tell(&bench, aged(0, 100000)), 0);
    assert_true(row->usage.last_activity + 3 * TICK > NOW);
    assert_true(bench.process->last_activity + 3 * TICK > NOW);
    assert_true(bench.process->last_activity <= NOW);
    bench_done(&bench);
}

/* ---- The next ring ---- */

static void test_switch_to_the_next_ring(void **state)
{
    const struct tt_alloc_record change = {.type = TT_ALLOC_RING_SWITCH, .device_id = -1};
    struct writer next;
    struct bench bench;
    int fd = -1;

    (void)state;
    bench_init(&bench);
    next = writer_open(&bench.feed, 4096);
    assert_int_equal(feed_add_ring(&bench.feed, 4096, &fd), -EBUSY);
    assert_int_equal(feed_ring_count(&bench.feed), 2);
    assert_int_equal(feed_ring_bytes(&bench.feed), 2 * 4096 + (4096 + 1024) * 32);
    /* In this order the reports make sense, and in no other. */
    writer_put(&next, free_record(0, ANY, 1));
    writer_put(&bench.writer, alloc_record(0, TT_ALLOC_DRAM, 1, 1));
    assert_int_equal(feed_drain(&bench.feed, &bench.registry, bench.process, 9, NOW, NULL), 0);
    assert_int_equal(bench_count(&bench), 1);
    assert_int_equal(feed_ring_count(&bench.feed), 2);
    writer_put(&bench.writer, alloc_record(0, TT_ALLOC_L1, 2, 1));
    writer_put(&bench.writer, change);
    assert_int_equal(bench_drain(&bench), 0);
    assert_int_equal(bench.registry.figures.unknown_free, 0);
    assert_int_equal(bench_count(&bench), 1);
    assert_int_equal(feed_ring_count(&bench.feed), 1);
    assert_int_equal(feed_ring_bytes(&bench.feed), 4096 + 4096 * 32);
    writer_close(&bench.writer);
    bench.writer = next;
    assert_int_equal(bench_tell(&bench, free_record(0, ANY, 2)), 0);
    assert_int_equal(bench_count(&bench), 0);
    bench_done(&bench);
}

static void test_wild_switches(void **state)
{
    const struct tt_alloc_record change = {.type = TT_ALLOC_RING_SWITCH, .device_id = -1};
    struct writer next;
    struct bench bench;

    (void)state;
    bench_init(&bench);
    next = writer_open(&bench.feed, 1024);
    writer_put(&bench.writer, change);
    writer_put(&bench.writer, alloc_record(0, TT_ALLOC_DRAM, 1, 1));
    assert_int_equal(bench_drain(&bench), -EPROTO); /* in the same batch */
    writer_close(&next);
    bench_done(&bench);

    bench_init(&bench);
    next = writer_open(&bench.feed, 1024);
    for (int i = 0; i < 15; i++)
        writer_put(&bench.writer, alloc_record(0, TT_ALLOC_DRAM, 1, 1));
    writer_put(&bench.writer, change);
    writer_put(&bench.writer, alloc_record(0, TT_ALLOC_DRAM, 1, 1));
    assert_int_equal(bench_drain(&bench), -EPROTO); /* in the next one */
    writer_close(&next);
    bench_done(&bench);
}

/* ---- The books ---- */

static void made(struct bench *bench, uint64_t reports)
{
    bench->writer.memory->made = reports;
}

static void assert_books(const struct bench *bench, uint64_t before, uint64_t applied, uint64_t lost)
{
    assert_int_equal(bench->feed.before, before);
    assert_int_equal(bench->feed.applied, applied);
    assert_int_equal(bench->feed.lost, lost);
    assert_int_equal(bench->registry.figures.caught_up, before);
    assert_int_equal(bench->registry.figures.lost_reports, lost);
    assert_int_equal(bench->process->lost, lost);
}

static void test_reports_from_before_are_caught_up_with(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench);
    writer_put(&bench.writer, alloc_record(0, TT_ALLOC_DRAM, 1, 1));
    made(&bench, 101);
    assert_int_equal(bench_drain(&bench), 0);
    assert_books(&bench, 0, 1, 0); /* how many there were is not known yet */
    writer_put(&bench.writer, begin_record(3, 101));
    assert_int_equal(bench_drain(&bench), 0);
    assert_books(&bench, 100, 1, 0);
    assert_true(process_is_inexact(bench.process));
    bench_done(&bench);
}

static void resync_nothing(struct bench *bench, uint64_t reports)
{
    made(bench, reports);
    writer_put(&bench->writer, begin_record(bench_count(bench), reports));
    writer_put(&bench->writer, end_record(0, reports));
    assert_int_equal(bench_drain(bench), 0);
    bench_sweep(bench);
}

static void test_a_gap(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench);
    resync_nothing(&bench, 5);
    assert_false(process_is_inexact(bench.process));
    writer_put(&bench.writer, alloc_record(0, TT_ALLOC_DRAM, 1, 1));
    made(&bench, 6);
    assert_int_equal(bench_drain(&bench), 0);
    assert_books(&bench, 5, 1, 0);
    assert_false(process_is_inexact(bench.process));

    made(&bench, 9); /* three that found no room */
    assert_int_equal(bench_drain(&bench), 0);
    assert_books(&bench, 5, 1, 3);
    assert_true(process_is_inexact(bench.process));
    made(&bench, 10);
    writer_put(&bench.writer, begin_record(1, 11)); /* and two more until BEGIN was written */
    made(&bench, 11);
    assert_int_equal(bench_drain(&bench), 0);
    assert_books(&bench, 5, 1, 5);
    assert_int_equal(bench_tell(&bench, buffer_record(0, TT_ALLOC_DRAM, 1, 1, 1)), 0);
    assert_true(process_is_inexact(bench.process));
    assert_int_equal(bench_tell(&bench, end_record(1, 11)), 0);
    assert_false(process_is_inexact(bench.process));
    assert_books(&bench, 5, 1, 5);
    bench_done(&bench);
}

/* What is still in the ring is not lost, however the drain is cut up. */
static void test_what_was_not_taken_is_not_lost(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench);
    resync_nothing(&bench, 0);
    for (uint64_t id = 0; id < 50; id++)
        writer_put(&bench.writer, alloc_record(0, TT_ALLOC_DRAM, id, 1));
    made(&bench, 50);
    while (feed_pending(&bench.feed) > 0) {
        assert_int_equal(feed_drain(&bench.feed, &bench.registry, bench.process, 7, NOW, NULL), 0);
        assert_int_equal(bench.feed.lost, 0);
    }
    assert_books(&bench, 0, 50, 0);
    bench_done(&bench);
}

static void test_counts_that_run_away(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench);
    resync_nothing(&bench, 5);
    made(&bench, 5 + (UINT64_C(1) << 48) + 1);
    assert_int_equal(bench_drain(&bench), -EPROTO);
    assert_books(&bench, 5, 0, 0);
    made(&bench, 4); /* behind is nothing: the client stores it last */
    assert_int_equal(bench_drain(&bench), 0);
    assert_int_equal(bench_tell(&bench, begin_record(0, 4)), -EPROTO); /* but a record tells it exactly */
    bench_done(&bench);

    bench_init(&bench);
    assert_int_equal(bench_tell(&bench, begin_record(0, UINT64_MAX)), -EPROTO);
    bench_done(&bench);

    bench_init(&bench);
    assert_int_equal(bench_tell(&bench, alloc_record(0, TT_ALLOC_DRAM, 1, 1)), 0);
    assert_int_equal(bench_tell(&bench, begin_record(0, 0)), -EPROTO);
    bench_done(&bench);

    bench_init(&bench);
    assert_int_equal(bench_tell(&bench, begin_record(0, 3)), 0);
    assert_int_equal(bench_tell(&bench, end_record(0, 2)), -EPROTO);
    bench_done(&bench);
}

static void test_made_is_read_from_both_rings(void **state)
{
    const struct tt_alloc_record change = {.type = TT_ALLOC_RING_SWITCH, .device_id = -1};
    struct writer next;
    struct bench bench;

    (void)state;
    bench_init(&bench);
    resync_nothing(&bench, 5);
    next = writer_open(&bench.feed, 1024);
    assert_int_equal(bench_drain(&bench), 0);
    assert_books(&bench, 5, 0, 0);
    writer_put(&bench.writer, change);
    writer_put(&next, alloc_record(0, TT_ALLOC_DRAM, 1, 1));
    next.memory->made = 8;
    assert_int_equal(bench_drain(&bench), 0);
    assert_books(&bench, 5, 1, 2);
    writer_close(&bench.writer);
    bench.writer = next;
    bench_done(&bench);
}

#define HURRY 400000

/* Reports as fast as it can, waits for room, and loses nothing. */
static void *hurry(void *userdata)
{
    struct writer *writer = userdata;

    for (uint64_t reports = 0; reports < HURRY; reports++) {
        const uint64_t id = reports / 2;
        struct tt_alloc_record record =
            reports % 2 ? free_record(0, TT_ALLOC_DRAM, id) : alloc_record(0, TT_ALLOC_DRAM, id, 1);

        while (writer->tail - __atomic_load_n(&writer->memory->head, __ATOMIC_ACQUIRE) == writer->slots)
            sched_yield();
        record.position = (uint32_t)writer->tail;
        writer->records[writer->tail % writer->slots] = record;
        __atomic_store_n(&writer->memory->tail, ++writer->tail, __ATOMIC_RELEASE);
        __atomic_store_n(&writer->memory->made, reports + 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

/* However tail and made move while the server looks, it takes nothing for lost that is on its way. */
static void test_a_client_in_a_hurry(void **state)
{
    struct bench bench;
    pthread_t thread;

    (void)state;
    bench_init(&bench);
    resync_nothing(&bench, 0);
    assert_int_equal(pthread_create(&thread, NULL, hurry, &bench.writer), 0);
    while (bench.feed.applied < HURRY) {
        assert_int_equal(feed_drain(&bench.feed, &bench.registry, bench.process, 5000, NOW, NULL), 0);
        assert_int_equal(bench.feed.lost, 0);
    }
    pthread_join(thread, NULL);
    assert_books(&bench, 0, HURRY, 0);
    assert_int_equal(bench.registry.figures.unknown_free, 0);
    assert_int_equal(bench_count(&bench), 0);
    bench_done(&bench);
}

/* ---- Resync ---- */

static void test_a_resync(void **state)
{
    struct bench bench;
    struct usage *usage;

    (void)state;
    bench_init(&bench);
    for (uint64_t id = 1; id <= 4; id++) /* all in device 0, DRAM */
        assert_int_equal(bench_tell(&bench, alloc_record(0, TT_ALLOC_DRAM, id, 100)), 0);
    writer_put(&bench.writer, begin_record(4, 4));
    writer_put(&bench.writer, buffer_record(0, TT_ALLOC_DRAM, 1, 100, 3)); /* as it was, with more references */
    writer_put(&bench.writer, buffer_record(0, TT_ALLOC_DRAM, 2, 50, 1));  /* another size */
    writer_put(&bench.writer, free_record(0, TT_ALLOC_DRAM, 3));           /* known, not told of yet */
    writer_put(&bench.writer, free_record(0, TT_ALLOC_DRAM, 9));           /* neither */
    writer_put(&bench.writer, alloc_record(0, TT_ALLOC_DRAM, 5, 1));       /* new, and told of again */
    writer_put(&bench.writer, buffer_record(0, TT_ALLOC_DRAM, 5, 1, 1));
    writer_put(&bench.writer, buffer_record(1, TT_ALLOC_L1, 6, 7, 1)); /* unknown so far */
    assert_int_equal(bench_drain(&bench), 0);
    assert_true(process_is_inexact(bench.process));
    assert_int_equal(bench_count(&bench), 5);
    assert_int_equal(ledger_stale(bench.process->ledger), 1);
    assert_int_equal(bench.registry.figures.overtaken, 1);
    assert_int_equal(bench.registry.figures.unknown_free, 0);

    writer_put(&bench.writer, told_record(TT_ALLOC_RESYNC_COUNTS, 0, TT_ALLOC_DRAM, 70, 66));
    writer_put(&bench.writer, told_record(TT_ALLOC_RESYNC_PEAK, 0, TT_ALLOC_DRAM, 5000, 0));
    writer_put(&bench.writer, told_record(TT_ALLOC_RESYNC_PEAK, 0, TT_ALLOC_RECORD_POOL + TT_ALLOC_POOL_L1, 600, 0));
    writer_put(&bench.writer, end_record(4, 7));
    assert_int_equal(bench_drain(&bench), 0);
    assert_true(bench.process->is_sweeping);
    assert_true(process_is_inexact(bench.process));
    bench_sweep(&bench);
    assert_false(process_is_inexact(bench.process));
    assert_int_equal(bench_count(&bench), 4);
    assert_int_equal(bench.registry.figures.swept, 1); /* 4 */
    assert_int_equal(bench.registry.figures.announced, 4);
    assert_int_equal(bench.registry.figures.resyncs, 1);
    assert_int_equal(bench.registry.figures.resync_mismatch, 0);

    usage = &ledger_find_device(bench.process->ledger, 0)->usage;
    assert_int_equal(usage->allocations[TT_ALLOC_DRAM], 70);
    assert_int_equal(usage->frees[TT_ALLOC_DRAM], 66);
    assert_true(usage->region[TT_ALLOC_DRAM].peak == 5000 && usage->region[TT_ALLOC_DRAM].bytes == 151);
    assert_true(usage->pool[TT_ALLOC_POOL_L1].peak == 600);
    usage = &devices_find(&bench.registry.devices, 0)->usage;
    assert_true(usage->region[TT_ALLOC_DRAM].peak == 5000 && usage->region[TT_ALLOC_DRAM].bytes == 151);
    assert_int_equal(usage->allocations[TT_ALLOC_DRAM], 5);

    assert_int_equal(bench_tell(&bench, free_record(0, TT_ALLOC_DRAM, 9)), 0);
    assert_int_equal(bench.registry.figures.unknown_free, 1);
    bench_done(&bench);
}

static void test_impossible_things_told(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench);
    assert_int_equal(bench_tell(&bench, begin_record(0, 0)), 0);
    writer_put(&bench.writer, buffer_record(-1, TT_ALLOC_DRAM, 1, 1, 1));
    writer_put(&bench.writer, buffer_record(0, 7, 1, 1, 1));
    writer_put(&bench.writer, buffer_record(0, ANY, 1, 1, 1));
    writer_put(&bench.writer, buffer_record(0, TT_ALLOC_DRAM, 1, 1, 0));
    writer_put(&bench.writer, buffer_record(0, TT_ALLOC_DRAM, 1, UINT64_C(1) << 48, 1));
    writer_put(&bench.writer, told_record(TT_ALLOC_RESYNC_COUNTS, -1, TT_ALLOC_DRAM, 1, 1));
    writer_put(&bench.writer, told_record(TT_ALLOC_RESYNC_COUNTS, 0, 7, 1, 1));
    writer_put(&bench.writer, told_record(TT_ALLOC_RESYNC_COUNTS, 0, 0, UINT64_C(1) << 48, 1));
    writer_put(&bench.writer, told_record(TT_ALLOC_RESYNC_COUNTS, 0, 0, 1, UINT64_MAX));
    writer_put(&bench.writer, told_record(TT_ALLOC_RESYNC_PEAK, -1, TT_ALLOC_DRAM, 1, 0));
    writer_put(&bench.writer, told_record(TT_ALLOC_RESYNC_PEAK, 0, 7, 1, 0));
    writer_put(&bench.writer, told_record(TT_ALLOC_RESYNC_PEAK, 0, 15, 1, 0));
    writer_put(&bench.writer, told_record(TT_ALLOC_RESYNC_PEAK, 0, 19, 1, 0));
    assert_int_equal(bench_drain(&bench), 0);
    assert_int_equal(bench.registry.figures.refused_announced, 13);
    assert_int_equal(bench.registry.figures.announced, 0);
    assert_int_equal(bench_count(&bench), 0);
    assert_int_equal(bench.process->lost, 0);
    bench_done(&bench);
}

static void test_peaks_that_were_reset_stay_so(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench);
    assert_int_equal(bench_tell(&bench, alloc_record(0, TT_ALLOC_DRAM, 1, 10)), 0);
    registry_reset_process_peaks(bench.process, -1);
    writer_put(&bench.writer, begin_record(1, 1));
    writer_put(&bench.writer, buffer_record(0, TT_ALLOC_DRAM, 1, 10, 1));
    writer_put(&bench.writer, told_record(TT_ALLOC_RESYNC_PEAK, 0, TT_ALLOC_DRAM, 10, 0));
    assert_int_equal(bench_drain(&bench), 0);
    assert_false(bench.process->has_reset_peaks); /* nothing was lost by it so far */
    writer_put(&bench.writer, told_record(TT_ALLOC_RESYNC_PEAK, 0, TT_ALLOC_DRAM, 5000, 0));
    assert_int_equal(bench_drain(&bench), 0);
    assert_true(bench.process->has_reset_peaks);
    assert_true(ledger_find_device(bench.process->ledger, 0)->usage.region[TT_ALLOC_DRAM].peak == 10);
    assert_true(devices_find(&bench.registry.devices, 0)->usage.region[TT_ALLOC_DRAM].peak == 10);
    bench_done(&bench);
}

static void test_peaks_beside_those_that_were_reset(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench);
    assert_int_equal(bench_tell(&bench, alloc_record(0, TT_ALLOC_DRAM, 1, 10)), 0);
    assert_false(registry_reset_process_peaks(bench.process, 1)); /* it has never used that one */
    assert_true(registry_reset_process_peaks(bench.process, 0));
    writer_put(&bench.writer, begin_record(1, 1));
    writer_put(&bench.writer, buffer_record(0, TT_ALLOC_DRAM, 1, 10, 1));
    writer_put(&bench.writer, told_record(TT_ALLOC_RESYNC_PEAK, 1, TT_ALLOC_DRAM, 5000, 0));
    assert_int_equal(bench_drain(&bench), 0);
    assert_true(ledger_find_device(bench.process->ledger, 1)->usage.region[TT_ALLOC_DRAM].peak == 5000);
    assert_false(bench.process->has_reset_peaks);
    bench_done(&bench);
}

static void test_numbers_that_disagree(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench);
    writer_put(&bench.writer, begin_record(2, 0));
    writer_put(&bench.writer, buffer_record(0, TT_ALLOC_DRAM, 1, 10, 1));
    writer_put(&bench.writer, end_record(2, 0));
    assert_int_equal(bench_drain(&bench), 0);
    assert_int_equal(bench.registry.figures.resync_mismatch, 1);
    assert_true(process_is_inexact(bench.process));

    writer_put(&bench.writer, begin_record(1, 0)); /* the next one is good */
    writer_put(&bench.writer, buffer_record(0, TT_ALLOC_DRAM, 1, 10, 1));
    writer_put(&bench.writer, end_record(1, 0));
    assert_int_equal(bench_drain(&bench), 0);
    assert_int_equal(bench.registry.figures.resync_mismatch, 1);
    assert_false(process_is_inexact(bench.process));
    bench_done(&bench);
}

/* Until it is known what is still there, what comes raises no peak; then the peaks are what is there at least. */
static void test_peaks_during_a_resync(void **state)
{
    const struct usage *place, *row;
    struct bench bench;

    (void)state;
    bench_init(&bench);
    assert_int_equal(bench_tell(&bench, alloc_record(0, TT_ALLOC_DRAM, 1, 100)), 0);
    place = &ledger_find_device(bench.process->ledger, 0)->usage;
    row = &devices_find(&bench.registry.devices, 0)->usage;
    assert_int_equal(bench_tell(&bench, begin_record(1, 2)), 0); /* the free of 1 was lost */
    assert_int_equal(bench_tell(&bench, alloc_record(0, TT_ALLOC_DRAM, 2, 90)), 0);
    assert_int_equal(bench_tell(&bench, alloc_record(0, TT_ALLOC_DRAM, 3, 70)), 0);
    assert_true(place->region[TT_ALLOC_DRAM].peak == 100 && row->region[TT_ALLOC_DRAM].peak == 100);
    assert_int_equal(bench_tell(&bench, end_record(2, 4)), 0);
    bench_sweep(&bench);
    assert_true(place->region[TT_ALLOC_DRAM].peak == 160 && row->region[TT_ALLOC_DRAM].peak == 160);
    assert_true(place->pool[TT_ALLOC_POOL_DRAM].peak == 160 && row->pool[TT_ALLOC_POOL_DRAM].peak == 160);
    assert_false(process_is_inexact(bench.process));
    bench_done(&bench);
}

/* It begins anew, and what the first attempt told of counts for nothing. */
static void test_a_resync_that_begins_anew(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench);
    writer_put(&bench.writer, begin_record(2, 0));
    writer_put(&bench.writer, buffer_record(0, TT_ALLOC_DRAM, 1, 10, 1));
    writer_put(&bench.writer, buffer_record(0, TT_ALLOC_DRAM, 2, 10, 1));
    writer_put(&bench.writer, begin_record(1, 1)); /* one report was lost: the free of 2 */
    writer_put(&bench.writer, buffer_record(0, TT_ALLOC_DRAM, 1, 10, 1));
    writer_put(&bench.writer, end_record(1, 1));
    assert_int_equal(bench_drain(&bench), 0);
    assert_books(&bench, 0, 0, 1);
    assert_int_equal(bench.process->resyncs, 0);
    bench_sweep(&bench);
    assert_int_equal(bench_count(&bench), 1);
    assert_int_equal(bench.registry.figures.resyncs, 1);
    assert_false(process_is_inexact(bench.process));
    bench_done(&bench);
}

static void test_begun_a_thousand_times(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench);
    assert_int_equal(bench_tell(&bench, alloc_record(0, TT_ALLOC_DRAM, 1, 10)), 0);
    for (int i = 0; i < LEDGER_RESYNCS_MAX + 5; i++)
        assert_int_equal(bench_tell(&bench, begin_record(1, 1)), 0);
    assert_int_equal(bench_tell(&bench, end_record(0, 1)), 0);
    bench_sweep(&bench);
    assert_int_equal(bench_count(&bench), 0);
    assert_true(process_is_inexact(bench.process));
    assert_int_equal(bench_tell(&bench, begin_record(0, 1)), 0);
    assert_int_equal(bench_tell(&bench, end_record(0, 1)), 0);
    assert_false(process_is_inexact(bench.process));
    bench_done(&bench);
}

/* A loss that END reveals is one that the resync has not healed. */
static void test_a_loss_during_the_resync(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench);
    writer_put(&bench.writer, begin_record(0, 0));
    writer_put(&bench.writer, end_record(0, 2));
    assert_int_equal(bench_drain(&bench), 0);
    assert_books(&bench, 0, 0, 2);
    assert_true(process_is_inexact(bench.process));
    bench_done(&bench);
}

static void test_the_end_in_the_middle_of_a_resync(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench);
    assert_int_equal(bench_tell(&bench, alloc_record(0, TT_ALLOC_DRAM, 1, 10)), 0);
    assert_int_equal(bench_tell(&bench, begin_record(1, 1)), 0);
    bench_hang_up(&bench);
    assert_int_equal(bench.told, 1);
    assert_true(bench.last.is_inexact);
    bench_done(&bench);

    bench_init(&bench); /* and in the middle of the sweep */
    assert_int_equal(bench_tell(&bench, alloc_record(0, TT_ALLOC_DRAM, 1, 10)), 0);
    assert_int_equal(bench_tell(&bench, begin_record(0, 1)), 0);
    assert_int_equal(bench_tell(&bench, end_record(0, 1)), 0);
    bench_hang_up(&bench);
    assert_true(bench.last.is_inexact);
    assert_int_equal(bench.last.buffers, 1);
    bench_done(&bench);
}

static void test_a_new_begin_stops_the_sweep(void **state)
{
    struct bench bench;
    size_t steps = 2;

    (void)state;
    bench_init(&bench);
    for (uint64_t id = 0; id < 8; id++)
        assert_int_equal(bench_tell(&bench, alloc_record(0, TT_ALLOC_DRAM, id, 10)), 0);
    assert_int_equal(bench_tell(&bench, begin_record(0, 8)), 0);
    assert_int_equal(bench_tell(&bench, end_record(0, 8)), 0);
    assert_false(registry_sweep(&bench.registry, bench.process, &steps));
    for (uint64_t id = 100; id < 102; id++) /* in places that the sweep has passed */
        assert_int_equal(bench_tell(&bench, alloc_record(0, TT_ALLOC_DRAM, id, 10)), 0);
    assert_int_equal(bench_tell(&bench, begin_record(0, 10)), 0);
    steps = 1000;
    assert_true(registry_sweep(&bench.registry, bench.process, &steps));
    assert_int_equal(bench_count(&bench), 8);
    assert_int_equal(bench_tell(&bench, end_record(0, 10)), 0);
    bench_sweep(&bench);
    assert_int_equal(bench_count(&bench), 0);
    assert_int_equal(bench.registry.figures.swept, 10);
    assert_false(process_is_inexact(bench.process));
    bench_done(&bench);
}

/* ---- Limits ---- */

/* A user at his limit may tell of what is known; more is refused, and leaves no trace in the books. */
static void test_announcements_at_the_limit(void **state)
{
    struct bench bench;
    struct user *user;

    (void)state;
    bench_init(&bench);
    user = bench.process->user;
    assert_int_equal(bench_tell(&bench, alloc_record(0, TT_ALLOC_DRAM, 1, 10)), 0);
    assert_int_equal(bench_tell(&bench, begin_record(2, 1)), 0);
    user->buffers += LIMIT_BUFFERS_DEFAULT - 1;
    writer_put(&bench.writer, buffer_record(0, TT_ALLOC_DRAM, 1, 10, 2));
    writer_put(&bench.writer, buffer_record(0, TT_ALLOC_DRAM, 2, 10, 5));
    writer_put(&bench.writer, end_record(2, 1));
    assert_int_equal(feed_drain(&bench.feed, &bench.registry, bench.process, 9, NOW, NULL), 0);
    assert_int_equal(user->buffers, LIMIT_BUFFERS_DEFAULT);
    user->buffers -= LIMIT_BUFFERS_DEFAULT - 1;
    assert_int_equal(bench.feed.refusal, -EDQUOT);
    assert_int_equal(bench_count(&bench), 1);
    assert_int_equal(bench.registry.figures.announced, 1);
    assert_int_equal(bench.registry.figures.refused_announced, 1);
    assert_true(devices_find(&bench.registry.devices, 0)->usage.region[TT_ALLOC_DRAM].bytes == 10);
    assert_true(process_is_inexact(bench.process)); /* until one is accepted wholly */
    assert_int_equal(bench.registry.figures.resync_mismatch, 0);
    writer_put(&bench.writer, begin_record(2, 1));
    writer_put(&bench.writer, buffer_record(0, TT_ALLOC_DRAM, 1, 10, 2));
    writer_put(&bench.writer, buffer_record(0, TT_ALLOC_DRAM, 2, 10, 5));
    writer_put(&bench.writer, end_record(2, 1));
    assert_int_equal(bench_drain(&bench), 0);
    assert_false(process_is_inexact(bench.process));
    assert_int_equal(bench_count(&bench), 2);
    bench_done(&bench);
}

/* ---- Several reporters in a process ---- */

static void test_a_resync_beside_another_session(void **state)
{
    struct feed other = {0};
    struct tt_alloc_record record;
    struct bench bench;

    (void)state;
    bench_init(&bench);
    bench.process->sessions++;
    assert_int_equal(bench_tell(&bench, alloc_record(0, TT_ALLOC_DRAM, 1, 10)), 0);
    record = begin_record(1, 0);
    assert_int_equal(feed_apply(&other, &bench.registry, bench.process, &record, NOW), 0);
    assert_true(process_is_inexact(bench.process));
    record = buffer_record(0, TT_ALLOC_DRAM, 2, 10, 1);
    assert_int_equal(feed_apply(&other, &bench.registry, bench.process, &record, NOW), 0);
    record = told_record(TT_ALLOC_RESYNC_COUNTS, 0, TT_ALLOC_DRAM, 70, 66);
    assert_int_equal(feed_apply(&other, &bench.registry, bench.process, &record, NOW), 0);
    record = end_record(1, 0);
    assert_int_equal(feed_apply(&other, &bench.registry, bench.process, &record, NOW), 0);
    assert_int_equal(bench_count(&bench), 2); /* the other's is not swept */
    assert_false(bench.process->is_sweeping);
    assert_int_equal(ledger_find_device(bench.process->ledger, 0)->usage.allocations[TT_ALLOC_DRAM], 2);
    assert_int_equal(bench.registry.figures.resync_mismatch, 0);
    assert_false(process_is_inexact(bench.process));

    /* One that breaks off leaves its mark, and the other's resync beside it cannot heal it. */
    record = begin_record(1, 0);
    assert_int_equal(feed_apply(&other, &bench.registry, bench.process, &record, NOW), 0);
    feed_done(&other, bench.process);
    assert_true(process_is_inexact(bench.process));
    assert_int_equal(bench_tell(&bench, begin_record(1, 1)), 0);
    assert_int_equal(bench_tell(&bench, end_record(1, 1)), 0);
    assert_true(process_is_inexact(bench.process));

    /* Alone it can. */
    bench.process->sessions--;
    writer_put(&bench.writer, begin_record(1, 1));
    writer_put(&bench.writer, buffer_record(0, TT_ALLOC_DRAM, 1, 10, 1));
    writer_put(&bench.writer, end_record(1, 1));
    assert_int_equal(bench_drain(&bench), 0);
    bench_sweep(&bench);
    assert_int_equal(bench_count(&bench), 1);
    assert_false(process_is_inexact(bench.process));
    bench_done(&bench);
}

/* It began alone, and its number is not that of all when it ends; what the other reported is fresh and stays. */
static void test_another_session_comes_during_a_resync(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench);
    assert_int_equal(bench_tell(&bench, alloc_record(0, TT_ALLOC_DRAM, 1, 10)), 0);
    assert_int_equal(bench_tell(&bench, begin_record(0, 1)), 0);
    bench.process->sessions++;
    assert_int_equal(registry_allocate(&bench.registry, bench.process, 0, TT_ALLOC_L1, 9, 9, NOW), 0);
    assert_int_equal(bench_tell(&bench, end_record(0, 1)), 0);
    bench.process->sessions--;
    bench_sweep(&bench);
    assert_int_equal(bench_count(&bench), 1);
    assert_int_equal(bench.registry.figures.swept, 1);
    assert_int_equal(bench.registry.figures.resync_mismatch, 0);
    assert_false(process_is_inexact(bench.process));
    bench_done(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_reports_are_applied),
        FIXTURE(test_no_more_than_the_limit),
        FIXTURE(test_refused_reports_are_told_to_the_session),
        FIXTURE(test_what_no_client_sends),
        FIXTURE(test_what_no_client_sends_in_a_resync),
        FIXTURE(test_a_wild_ring),
        FIXTURE(test_two_wild_rings),
        FIXTURE(test_a_feed_without_a_ring),
        FIXTURE(test_ages),
        FIXTURE(test_older_than_time),
        FIXTURE(test_a_late_hello),
        FIXTURE(test_later_reports_are_younger),
        FIXTURE(test_a_forged_tick_makes_nobody_idle),
        FIXTURE(test_switch_to_the_next_ring),
        FIXTURE(test_wild_switches),
        FIXTURE(test_reports_from_before_are_caught_up_with),
        FIXTURE(test_a_gap),
        FIXTURE(test_what_was_not_taken_is_not_lost),
        FIXTURE(test_counts_that_run_away),
        FIXTURE(test_made_is_read_from_both_rings),
        FIXTURE(test_a_client_in_a_hurry),
        FIXTURE(test_a_resync),
        FIXTURE(test_impossible_things_told),
        FIXTURE(test_peaks_that_were_reset_stay_so),
        FIXTURE(test_peaks_beside_those_that_were_reset),
        FIXTURE(test_peaks_during_a_resync),
        FIXTURE(test_numbers_that_disagree),
        FIXTURE(test_a_resync_that_begins_anew),
        FIXTURE(test_begun_a_thousand_times),
        FIXTURE(test_a_loss_during_the_resync),
        FIXTURE(test_the_end_in_the_middle_of_a_resync),
        FIXTURE(test_a_new_begin_stops_the_sweep),
        FIXTURE(test_announcements_at_the_limit),
        FIXTURE(test_a_resync_beside_another_session),
        FIXTURE(test_another_session_comes_during_a_resync),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
