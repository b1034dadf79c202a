/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_objects tt_alloc_ledger_objects */

/*
 * The reporting half while all is well: what it sends through the socket, byte for byte, and what it does not do to its
 * host program. What it writes into a ring: test_client_ring.c.
 */

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

#include "client_fixture.h"

#define THREADS 8
#define REPORTS_PER_THREAD 20000

/* ---- Off ---- */

static void report_everything(void)
{
    tt_alloc_report_allocation(0, 1, TT_ALLOC_L1, 2);
    tt_alloc_report_deallocation(0, 2);
    tt_alloc_report_deallocation_from(0, TT_ALLOC_L1, 2);
    tt_alloc_report_cb_allocation(0, 1, 2);
    tt_alloc_report_cb_deallocation(0, 1, 2);
    tt_alloc_report_kernel_load(0, 1, 2, 0);
    tt_alloc_report_kernel_unload(0, 1, 2);
}

static void run_disabled(struct fixture *fixture)
{
    const struct tt_alloc_device_description description = {.known = 0};
    int before = count_descriptors();

    (void)fixture;
    report_everything();
    EXPECT(!tt_alloc_is_enabled());
    EXPECT(tt_alloc_describe_device(0, &description) == 0);
    EXPECT(tt_alloc_describe_device(-1, &description) == -EINVAL);
    setenv("TT_ALLOC_TRACKING_ENABLED", "1", 1); /* too late */
    report_everything();
    EXPECT(!tt_alloc_is_enabled());
    EXPECT(tt_alloc_lost_reports() == 0);
    EXPECT(count_descriptors() == before);
}

static void test_disabled(void **state)
{
    const char *values[] = {"0", "", "true", "1 ", "01", "11"};
    struct fixture *fixture = *state;
    int listener = server_listen(fixture->path);

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        setenv("TT_ALLOC_TRACKING_ENABLED", values[i], 1);
        client_start(fixture, run_disabled);
        unsetenv("TT_ALLOC_TRACKING_ENABLED");
        serve(fixture, listener);
        client_finish(fixture, "");
    }
    assert_int_equal(fixture->stream_count, 0);
    close(listener);
}

/* ---- Frames ---- */

static void put(uint8_t *frame, size_t offset, size_t width, uint64_t value)
{
    memcpy(frame + offset, &value, width); /* the tests run on little-endian hosts, as the devices do */
}

/* Checks frame `index` of the stream against the fields of a report; all other bytes are zero. */
static void check_report(const struct stream *stream, size_t index, uint8_t type, int32_t device, uint64_t size,
                         uint8_t buffer_type, uint64_t id)
{
    uint8_t expected[TT_ALLOC_FRAME_112] = {0};
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t timestamp = frame_at(stream, index)->head.timestamp;
    assert_in_range(timestamp / 1000000000, (uint64_t)now.tv_sec - PATIENCE_S, (uint64_t)now.tv_sec);

    put(expected, 0, 1, type);
    put(expected, 4, 4, (uint32_t)device);
    put(expected, 8, 8, size);
    put(expected, 16, 1, buffer_type);
    put(expected, 20, 4, (uint32_t)stream->pid);
    put(expected, 24, 8, id);
    put(expected, 32, 8, timestamp);
    assert_memory_equal(frame_at(stream, index), expected, FRAME);
}

static void check_hello(const struct stream *stream)
{
    uint8_t expected[TT_ALLOC_FRAME_112] = {32,  0,   0,   0,   0xff, 0xff, 0xff, 0xff, 'T',
                                            'T', 'A', 'L', 'L', 'O',  'C',  '1',  1};

    put(expected, 20, 4, (uint32_t)stream->pid);
    put(expected, 24, 8, 7);                                             /* FREE_REGION, RING, RESYNC */
    put(expected, 32, 4, 1);                                             /* REPORTER */
    memcpy(expected + 36, (const uint8_t *)frame_at(stream, 0) + 36, 4); /* tick */
    memcpy(expected + 88, (const uint8_t *)frame_at(stream, 0) + 88, 8); /* instance */
    memcpy(expected + 56, "libtt-alloc " TT_ALLOC_VERSION, strlen("libtt-alloc " TT_ALLOC_VERSION));
    assert_memory_equal(frame_at(stream, 0), expected, FRAME);
}

static void run_each_report(struct fixture *fixture)
{
    (void)fixture;
    EXPECT(tt_alloc_is_enabled());
    tt_alloc_report_deallocation(9, 9); /* nothing is live: BEGIN and END are all there is to tell */
    settle();
    tt_alloc_report_allocation(3, 0x123456789a, TT_ALLOC_TRACE, UINT64_MAX);
    tt_alloc_report_deallocation(4, 0x8000);
    tt_alloc_report_deallocation_from(5, TT_ALLOC_L1_SMALL, 0x9000);
    tt_alloc_report_cb_allocation(6, 64, 7);
    tt_alloc_report_cb_deallocation(6, 65, 7);
    tt_alloc_report_kernel_load(0, 57344, 0xabc, 2);
    tt_alloc_report_kernel_unload(INT32_MAX, 57345, 0xabc);
    tt_alloc_report_deallocation(3, UINT64_MAX); /* of which we know the region */
    EXPECT(tt_alloc_lost_reports() == 0);
}

static void test_frames(void **state)
{
    struct fixture *fixture = *state;
    int listener = server_listen(fixture->path);

    fixture->transport = "socket";
    client_start(fixture, run_each_report);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);

    const struct stream *stream = &fixture->streams[0];
    assert_int_equal(fixture->stream_count, 1);
    assert_int_equal(stream->size, 10 * FRAME);
    check_hello(stream);
    assert_int_equal(frame_at(stream, 1)->head.type, TT_ALLOC_RECORDS);
    assert_int_equal(stream->record_count, 2);
    check_report(stream, 2, 1, 3, 0x123456789a, 4, UINT64_MAX);
    check_report(stream, 3, 2, 4, 0, 255, 0x8000);
    check_report(stream, 4, 2, 5, 0, 3, 0x9000);
    check_report(stream, 5, 8, 6, 64, 0, 7);
    check_report(stream, 6, 9, 6, 65, 0, 7);
    check_report(stream, 7, 10, 0, 57344, 2, 0xabc);
    check_report(stream, 8, 11, INT32_MAX, 57345, 0, 0xabc);
    check_report(stream, 9, 2, 3, 0, 4, UINT64_MAX);
}

/* ---- Descriptions ---- */

static const struct tt_alloc_device_description wormhole = {
    .known = UINT32_MAX,
    .asic_id = 0x1122334455667788,
    .pci_address = 0x10203,
    .arch = TT_ALLOC_ARCH_WORMHOLE_B0,
    .remote = true,
    .dram_size = UINT64_C(12) << 30,
    .l1_size = 1 << 20,
    .l1_small_size = 1 << 15,
    .trace_size = 1 << 24,
    .num_dram_channels = 12,
    .l1_size_per_core = 1464 * 1024,
    .board = "a board whose name is far too long",
};

static void run_describe(struct fixture *fixture)
{
    struct tt_alloc_device_description later = {.known = TT_ALLOC_KNOWN_BOARD | TT_ALLOC_KNOWN_ARCH};

    errno = EDOM;
    EXPECT(tt_alloc_describe_device(0, NULL) == -EINVAL);
    EXPECT(tt_alloc_describe_device(2, &wormhole) == 0);
    EXPECT(tt_alloc_describe_device(1, &wormhole) == 0);
    sem_post(&fixture->shared->server_may); /* welcome it: what came meanwhile would be told twice */
    tt_alloc_report_allocation(2, 1, 0, 1);
    settle();
    EXPECT(tt_alloc_describe_device(2, &later) == 0); /* replaces */
    for (int32_t device = 3; device < 257; device++)
        EXPECT(tt_alloc_describe_device(device, &later) == 0);
    EXPECT(tt_alloc_describe_device(257, &later) == -ENOMEM);
    EXPECT(errno == EDOM);
    EXPECT(tt_alloc_lost_reports() == 0);
    if (fork() == 0) { /* a stream of its own starts with what was kept */
        tt_alloc_report_allocation(2, 1, 0, 2);
        settle();
        _exit(0);
    }
    EXPECT(wait(NULL) > 0);
}

static void check_wormhole(const struct stream *stream, size_t index, uint32_t device)
{
    uint8_t expected[TT_ALLOC_FRAME_112] = {34};

    put(expected, 4, 4, device);
    put(expected, 8, 8, 0x1122334455667788);
    put(expected, 16, 4, 0x7ff); /* only bits that mean something */
    put(expected, 20, 4, 0x10203);
    put(expected, 24, 4, 2);
    put(expected, 28, 4, 1);
    put(expected, 32, 8, UINT64_C(12) << 30);
    put(expected, 40, 8, 1 << 20);
    put(expected, 48, 8, 1 << 15);
    put(expected, 56, 8, 1 << 24);
    put(expected, 64, 4, 12);
    put(expected, 68, 4, 1464 * 1024);
    memcpy(expected + 80, "a board whose name is f", 23);
    assert_memory_equal(frame_at(stream, index), expected, FRAME);
}

static void test_descriptions(void **state)
{
    struct fixture *fixture = *state;
    int listener = server_listen(fixture->path);

    client_start(fixture, run_describe);
    wait_for_semaphore(&fixture->shared->server_may);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);

    const struct stream *parent = &fixture->streams[0], *child = &fixture->streams[1];
    assert_int_equal(fixture->stream_count, 2);
    assert_int_equal(parent->size, (1 + 2 + 1 + 1 + 254) * FRAME);
    check_wormhole(parent, 1, 2);
    check_wormhole(parent, 2, 1);
    assert_int_equal(frame_at(parent, 3)->head.type, TT_ALLOC_RING_REQUEST);

    uint8_t later[TT_ALLOC_FRAME_112] = {34, 0, 0, 0, 2};
    put(later, 16, 4, TT_ALLOC_KNOWN_ARCH); /* a board without a name is not known */
    assert_memory_equal(frame_at(parent, 4), later, FRAME);
    assert_int_equal(child->size, (1 + 256 + 1) * FRAME);
    assert_memory_equal(frame_at(child, 1), later, FRAME);
    check_wormhole(child, 2, 1);
    assert_int_equal(frame_at(child, 257)->head.type, TT_ALLOC_RING_REQUEST);
}

/* As programs do it: every device first, then the buffers; and the server comes last. */
static void run_describe_first(struct fixture *fixture)
{
    for (int32_t device = 0; device < 32; device++)
        EXPECT(tt_alloc_describe_device(device, &wormhole) == 0);
    for (uint64_t i = 0; i < 10; i++)
        tt_alloc_report_allocation(0, 1, TT_ALLOC_L1, i);
    wait_until_idle();
    sem_post(&fixture->shared->server_may);
    settle();
}

static void test_descriptions_first(void **state)
{
    struct fixture *fixture = *state;

    client_start(fixture, run_describe_first);
    wait_for_semaphore(&fixture->shared->server_may);
    int listener = server_listen(fixture->path);
    serve(fixture, listener);
    client_finish(fixture, NULL);
    close(listener);
    const struct stream *stream = &fixture->streams[0];
    assert_int_equal(fixture->stream_count, 1);
    assert_int_equal(made_before(stream), 10);
    assert_int_equal(last_record(stream, TT_ALLOC_RESYNC_END)->buffer_id, 10);
    check_wormhole(stream, 32, 31);
}

/* ---- Threads ---- */

static pthread_barrier_t together;

static void *report_many(void *thread)
{
    pthread_barrier_wait(&together);
    for (uint64_t i = 0; i < REPORTS_PER_THREAD; i++)
        tt_alloc_report_allocation((int32_t)(uintptr_t)thread, i, TT_ALLOC_L1, i);
    return NULL;
}

static void run_threads(struct fixture *fixture)
{
    pthread_t threads[THREADS];

    EXPECT(pthread_barrier_init(&together, NULL, THREADS) == 0);
    for (uintptr_t i = 0; i < THREADS; i++)
        EXPECT(pthread_create(&threads[i], NULL, report_many, (void *)i) == 0);
    for (size_t i = 0; i < THREADS; i++)
        EXPECT(pthread_join(threads[i], NULL) == 0);
    settle();
    fixture->shared->lost = tt_alloc_lost_reports();
}

/* Each thread's in its order, and none missing that was not counted. */
static void test_threads(void **state)
{
    struct fixture *fixture = *state;
    int listener = server_listen(fixture->path);
    uint64_t next[THREADS] = {0};

    client_start(fixture, run_threads);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);

    const struct stream *stream = &fixture->streams[0];
    assert_int_equal(fixture->stream_count, 1);
    assert_int_equal(made_before(stream) + check_stream(stream) + fixture->shared->lost, THREADS * REPORTS_PER_THREAD);
    assert_int_equal(last_record(stream, TT_ALLOC_RESYNC_END)->type, TT_ALLOC_RESYNC_END);
    for (size_t i = 0; i < stream->record_count; i++) {
        const struct tt_alloc_record *record = &stream->records[i];
        if (record->type != TT_ALLOC_ALLOC)
            continue;
        assert_in_range(record->device_id, 0, THREADS - 1);
        assert_true(record->buffer_id >= next[record->device_id] && record->size == record->buffer_id);
        next[record->device_id] = record->buffer_id + 1;
    }
}

/* ---- Manners ---- */

/* The helper thread has a name, and no signal of the application can land in it. */
static void expect_helper_thread(void)
{
    char path[300], line[256];
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    bool is_named = false;

    while ((task = readdir(tasks)) != NULL) {
        unsigned long long blocked = 0;

        snprintf(path, sizeof(path), "/proc/self/task/%s/status", task->d_name);
        FILE *file = task->d_name[0] == '.' ? NULL : fopen(path, "r");
        bool is_ours =
            file != NULL && fgets(line, sizeof(line), file) != NULL && strcmp(line, "Name:\ttt-alloc\n") == 0;
        while (file != NULL && fgets(line, sizeof(line), file) != NULL)
            sscanf(line, "SigBlk: %llx", &blocked);
        if (file != NULL)
            fclose(file);
        EXPECT(!is_ours || (~blocked & ((1 << (SIGUSR1 - 1)) | (1 << (SIGTERM - 1)) | (1 << (SIGINT - 1)))) == 0);
        is_named = is_named || is_ours;
    }
    closedir(tasks);
    EXPECT(is_named);
}

static void run_manners(struct fixture *fixture)
{
    int before = count_descriptors();
    bool found = false;

    (void)fixture;
    errno = EDOM;
    report_everything();
    EXPECT(errno == EDOM);
    settle();
    expect_helper_thread();
    EXPECT(count_descriptors() == before + 3); /* the socket, and the pair that wakes the thread */
    for (int fd = 3; fd < 100; fd++) {
        int flags = fcntl(fd, F_GETFD);
        EXPECT(flags < 0 || flags == FD_CLOEXEC);
        found = found || flags == FD_CLOEXEC;
    }
    EXPECT(found);
}

static void test_manners(void **state)
{
    struct fixture *fixture = *state;
    int listener = server_listen(fixture->path);

    client_start(fixture, run_manners);
    serve(fixture, listener);
    client_finish(fixture, "");
    assert_int_equal(fixture->stream_count, 1);
    assert_int_equal(made_before(&fixture->streams[0]) + check_stream(&fixture->streams[0]), 7);
    close(listener);
}

static void report_late(void)
{
    tt_alloc_report_deallocation(0, 77);
}

/* Registered before the library is first used, so it runs after anything that the library could have registered. */
static void run_exit(struct fixture *fixture)
{
    (void)fixture;
    atexit(report_late);
    tt_alloc_report_allocation(0, 1, TT_ALLOC_L1, 77);
    exit(0);
}

static void test_late_reports(void **state)
{
    struct fixture *fixture = *state;
    int listener = server_listen(fixture->path);

    client_start(fixture, run_exit);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    const struct stream *stream = &fixture->streams[0];
    assert_int_equal(fixture->stream_count, 1);
    assert_int_equal(made_before(stream) + check_stream(stream), 2);
    assert_int_equal(last_record(stream, TT_ALLOC_RESYNC_END)->buffer_id, made_before(stream) < 2);
}

/* The process ends with its last thread, and ours does not count. */
static void *report_longer(void *unused)
{
    settle();
    tt_alloc_report_allocation(0, 1, TT_ALLOC_L1, 2);
    return unused;
}

static void run_pthread_exit(struct fixture *fixture)
{
    pthread_t thread;

    (void)fixture;
    tt_alloc_report_allocation(0, 1, TT_ALLOC_L1, 1);
    EXPECT(pthread_create(&thread, NULL, report_longer, NULL) == 0 && pthread_detach(thread) == 0);
    pthread_exit(NULL);
}

static void test_end_of_main_thread(void **state)
{
#ifdef __SANITIZE_THREAD__
    print_message("ThreadSanitizer has a thread of its own that does not end\n");
    skip();
#endif
    struct fixture *fixture = *state;
    int listener = server_listen(fixture->path);

    client_start(fixture, run_pthread_exit);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    const struct stream *stream = &fixture->streams[0];
    assert_int_equal(fixture->stream_count, 1);
    assert_int_equal(made_before(stream) + check_stream(stream), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_disabled, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_frames, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_descriptions, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_descriptions_first, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_threads, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_manners, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_late_reports, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_end_of_main_thread, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
