/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_objects tt_alloc_ledger_objects */

/*
 * Reports through a ring: what stands in it, byte for byte, when the server is woken, how a larger ring follows, and
 * which rings are refused.
 */

#include <sched.h>

#include "client_fixture.h"

/* ---- Records ---- */

static void run_each_report(struct fixture *fixture)
{
    (void)fixture;
    tt_alloc_report_allocation(9, 4096, TT_ALLOC_DRAM, 0x1000);
    settle();
    tt_alloc_report_allocation(3, 0x123456789a, TT_ALLOC_TRACE, UINT64_MAX);
    tt_alloc_report_deallocation(4, 0x8000);
    tt_alloc_report_deallocation_from(5, TT_ALLOC_L1_SMALL, 0x9000);
    tt_alloc_report_cb_allocation(6, 64, 7);
    tt_alloc_report_cb_deallocation(6, 65, 7);
    tt_alloc_report_kernel_load(0, 57344, 0xabc, 2);
    tt_alloc_report_kernel_unload(INT32_MAX, 57345, 0xabc);
    tt_alloc_report_allocation(0, 1, TT_ALLOC_CB, 1); /* there are other calls for these */
    EXPECT(tt_alloc_lost_reports() == 0);
}

static void check_record(const struct stream *stream, size_t index, uint8_t type, int32_t device, uint64_t size,
                         uint8_t region, uint64_t id, uint16_t references)
{
    struct tt_alloc_record expected = {.buffer_id = id,
                                       .size = size,
                                       .device_id = device,
                                       .type = type,
                                       .buffer_type = region,
                                       .references = references,
                                       .position = (uint32_t)(TT_ALLOC_RING_START + index)};
    struct timespec now;

    assert_true(index < stream->record_count);
    expected.tick = stream->records[index].tick;
    if (device >= 0 && type != TT_ALLOC_RESYNC_COUNTS && type != TT_ALLOC_RESYNC_PEAK) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        uint64_t tick = ((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec) >> TT_ALLOC_TICK_SHIFT;
        assert_in_range((uint32_t)tick - expected.tick, 0, PATIENCE_S * 1000 / 8);
    }
    assert_memory_equal(&stream->records[index], &expected, sizeof(expected));
}

static void test_records(void **state)
{
    struct fixture *fixture = *state;
    int listener = server_listen(fixture->path);

    client_start(fixture, run_each_report);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);

    const struct stream *stream = &fixture->streams[0];
    assert_int_equal(fixture->stream_count, 1);
    assert_int_equal(stream->size, 2 * FRAME); /* HELLO, RING_REQUEST */
    const struct tt_alloc_hello *hello = (const void *)frame_at(stream, 0);
    assert_int_equal(hello->features, 7);
    assert_int_equal(hello->flags, TT_ALLOC_HELLO_REPORTER);
    assert_true(hello->instance != 0 && hello->tick != 0);
    check_record(stream, 0, 52, -1, 1, 0, 1, 0);
    check_record(stream, 1, 53, 9, 4096, 0, 0x1000, 1);
    check_record(stream, 2, 54, 9, 0, 0, 1, 0);
    check_record(stream, 3, 55, 9, 0, 0, 4096, 0);
    check_record(stream, 4, 55, 9, 0, 16, 4096, 0);
    check_record(stream, 5, 56, -1, 1, 0, 1, 0);
    check_record(stream, 6, 1, 3, 0x123456789a, 4, UINT64_MAX, 0);
    check_record(stream, 7, 2, 4, 0, 255, 0x8000, 0);
    check_record(stream, 8, 2, 5, 0, 3, 0x9000, 0);
    check_record(stream, 9, 1, 6, 64, 5, 7, 0);
    check_record(stream, 10, 2, 6, 0, 5, 7, 0);
    check_record(stream, 11, 1, 0, 57344, 6, 0xabc, 0);
    check_record(stream, 12, 2, INT32_MAX, 0, 6, 0xabc, 0);
    check_record(stream, 13, 1, 0, 1, 254, 1, 0);
    assert_int_equal(stream->record_count, 14);
}

/* ---- Waking and growing ---- */

static void report_many(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        tt_alloc_report_allocation(0, 1, TT_ALLOC_L1, i);
}

/* Six records of the resync are in the ring already. */
static void run_quarters(struct fixture *fixture)
{
    report_many(1);
    settle();
    report_many(1024 - 6 - 1);
    EXPECT(tt_alloc_recorder.wakes == 0);
    report_many(1);
    EXPECT(tt_alloc_recorder.wakes == 1);
    report_many(1023);
    EXPECT(tt_alloc_recorder.wakes == 1);
    report_many(1);
    EXPECT(tt_alloc_recorder.wakes == 2);
    fixture->shared->reported = 1 + 2048 - 6;
}

static void test_wakes(void **state)
{
    struct fixture *fixture = *state;
    int listener = server_listen(fixture->path);

    client_start(fixture, run_quarters);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    const struct stream *stream = &fixture->streams[0];
    assert_int_equal(stream->wakes, 2);
    assert_int_equal(made_before(stream) + check_stream(stream), fixture->shared->reported);
}

static void wait_for_slots(uint64_t slots)
{
    uint64_t now = 0;

    while (now != slots) {
        tt_alloc_recorder_enter();
        now = tt_alloc_recorder.ring.slots;
        tt_alloc_recorder_leave();
        sched_yield();
    }
}

static void run_growing(struct fixture *fixture)
{
    report_many(1);
    settle();
    report_many(8 * 1024);
    wait_for_slots(TT_ALLOC_RING_SLOTS_MAX);
    report_many(100000); /* around the new one */
    settle();
    fixture->shared->reported = 1 + 8 * 1024 + 100000;
    fixture->shared->lost = tt_alloc_lost_reports();
}

static void test_larger_ring(void **state)
{
    struct fixture *fixture = *state;
    int listener = server_listen(fixture->path);

    fixture->full_wait = "10000";
    client_start(fixture, run_growing);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    const struct stream *stream = &fixture->streams[0];
    assert_int_equal(fixture->stream_count, 1);
    assert_int_equal(stream->rings, 2);
    assert_int_equal(fixture->shared->lost, 0);
    assert_int_equal(made_before(stream) + check_stream(stream), fixture->shared->reported);
    assert_non_null(first_record(stream, TT_ALLOC_RING_SWITCH));
    assert_int_equal(first_record(stream, TT_ALLOC_RING_SWITCH)->device_id, -1);
    assert_ptr_equal(first_record(stream, TT_ALLOC_RING_SWITCH), last_record(stream, TT_ALLOC_RING_SWITCH));
    assert_int_equal(stream->records[stream->record_count - 1].buffer_id, 99999);
}

/* Twenty thousand buffers before there is a server: the first ring is a large one, and half of it stays free. */
static void run_large_ledger(struct fixture *fixture)
{
    (void)fixture;
    report_many(200000);
    wait_until_idle();
    sem_post(&fixture->shared->server_may);
    settle();
}

static void test_large_ledger(void **state)
{
    struct fixture *fixture = *state;

    client_start(fixture, run_large_ledger);
    wait_for_semaphore(&fixture->shared->server_may);
    int listener = server_listen(fixture->path);
    serve(fixture, listener);
    client_finish(fixture, NULL);
    close(listener);
    const struct stream *stream = &fixture->streams[0];
    size_t buffers = 0;
    for (size_t i = 0; i < stream->record_count; i++)
        buffers += stream->records[i].type == TT_ALLOC_RESYNC_BUFFER;
    assert_int_equal(buffers, 200000);
    assert_int_equal(stream->rings, 1);
    assert_int_equal(((const struct tt_alloc_ring_message *)(const void *)frame_at(stream, 1))->slots, 65536);
}

/* ---- Rings that are none ---- */

static void run_some(struct fixture *fixture)
{
    report_many(10);
    settle();
    report_many(10);
    fixture->shared->lost = tt_alloc_lost_reports();
}

/* No room at the server: the socket does it too. */
static void test_refused(void **state)
{
    struct fixture *fixture = *state;
    int listener = server_listen(fixture->path);

    fixture->ring_status = -EDQUOT;
    client_start(fixture, run_some);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    const struct stream *stream = &fixture->streams[0];
    assert_int_equal(fixture->stream_count, 1);
    assert_int_equal(stream->rings, 0);
    assert_int_equal(made_before(stream) + check_stream(stream), 20);
    assert_int_equal(last_record(stream, TT_ALLOC_RESYNC_END)->device_id, -1);
}

static void seal(int fd, int seals)
{
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
}

static void spoil_seals(int fd, struct tt_alloc_ring *ring, struct tt_alloc_ring_message *message)
{
    (void)ring;
    (void)message;
    seal(fd, F_SEAL_GROW);
}

static void spoil_size(int fd, struct tt_alloc_ring *ring, struct tt_alloc_ring_message *message)
{
    (void)ring;
    assert_int_equal(ftruncate(fd, (off_t)message->size - 1), 0);
    seal(fd, F_SEAL_SHRINK);
}

static void spoil_magic(int fd, struct tt_alloc_ring *ring, struct tt_alloc_ring_message *message)
{
    (void)message;
    ring->magic++;
    seal(fd, F_SEAL_SHRINK);
}

static void spoil_slots(int fd, struct tt_alloc_ring *ring, struct tt_alloc_ring_message *message)
{
    (void)message;
    ring->slots /= 2;
    seal(fd, F_SEAL_SHRINK);
}

static void spoil_message(int fd, struct tt_alloc_ring *ring, struct tt_alloc_ring_message *message)
{
    (void)ring;
    message->slots = message->slots / 2 + 1;
    seal(fd, F_SEAL_SHRINK);
}

static void run_spoilt(struct fixture *fixture)
{
    int before = count_descriptors();

    report_many(10);
    wait_until_idle();
    EXPECT(client_state() == TT_ALLOC_ABSENT);
    EXPECT(count_descriptors() == before + 2);
    (void)fixture;
}

static void test_spoilt(void **state)
{
    void (*const spoil[])(int fd, struct tt_alloc_ring *ring, struct tt_alloc_ring_message *message) = {
        spoil_seals, spoil_size, spoil_magic, spoil_slots, spoil_message};
    struct fixture *fixture = *state;
    int listener = server_listen(fixture->path);

    for (size_t i = 0; i < sizeof(spoil) / sizeof(spoil[0]); i++) {
        fixture->spoil = spoil[i];
        client_start(fixture, run_spoilt);
        serve(fixture, listener);
        client_finish(fixture, NULL);
        assert_int_equal(fixture->stream_count, i + 1);
        assert_int_equal(fixture->streams[i].record_count, 0);
    }
    close(listener);
}

/* ---- Older servers ---- */

static void check_older(struct fixture *fixture)
{
    int listener = server_listen(fixture->path);

    client_start(fixture, run_some);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    const struct stream *stream = &fixture->streams[0];
    assert_int_equal(fixture->stream_count, 1);
    assert_int_equal(stream->size, (1 + 10 + 10) * FRAME); /* what is live, and each report */
    assert_int_equal(check_stream(stream), 20);
}

static void test_without_features(void **state)
{
    struct fixture *fixture = *state;

    fixture->features = TT_ALLOC_FEATURE_FREE_REGION;
    check_older(fixture);
}

static void test_without_welcome(void **state)
{
    struct fixture *fixture = *state;

    fixture->is_mute = true;
    check_older(fixture);
}

/* ---- The end of a process ---- */

static void run_short(struct fixture *fixture)
{
    (void)fixture;
    report_many(10);
    exit(0);
}

static void test_exit_waits(void **state)
{
    struct fixture *fixture = *state;
    int listener = server_listen(fixture->path);

    client_start(fixture, run_short);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    assert_int_equal(fixture->stream_count, 1);
    assert_int_equal(last_record(&fixture->streams[0], TT_ALLOC_RESYNC_END)->buffer_id, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_records, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_wakes, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_larger_ring, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_large_ledger, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_refused, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_spoilt, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_without_features, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_without_welcome, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_exit_waits, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests_name("client_ring", tests, NULL, NULL);
}
