/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_objects tt_alloc_ledger_objects */

/*
 * A process that may open no more files, or has no more memory: reports go another way, and
 * and the server is never told that all is told when it is not.
 */

#include <sched.h>
#include <sys/resource.h>

#include "client_fixture.h"
#include "ledger/memory.h"

static void report_many(struct fixture *fixture, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        tt_alloc_report_allocation(0, 1, TT_ALLOC_L1, fixture->shared->reported++);
}

/* ---- Descriptors ---- */

static void allow_descriptors(rlim_t count)
{
    const struct rlimit limit = {.rlim_cur = count, .rlim_max = 1024};

    EXPECT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/* 3 and 4 wake the helper thread, 5 is the connection, and what comes with the ring would be 6. */
static void run_no_room_for_ring(struct fixture *fixture)
{
    allow_descriptors(6);
    report_many(fixture, 10);
    settle();
    EXPECT(tt_alloc_recorder.carrier == TT_ALLOC_BY_RECORDS);
    report_many(fixture, 10);
}

static void run_no_room_for_larger_ring(struct fixture *fixture)
{
    report_many(fixture, 10);
    settle();
    allow_descriptors(6);
    report_many(fixture, 200000);
    settle();
    EXPECT(tt_alloc_recorder.ring.slots == 4096);
}

static void check_scarce(struct fixture *fixture, void (*run)(struct fixture *fixture))
{
    int listener = server_listen(fixture->path);

    fixture->full_wait = "10000";
    client_start(fixture, run);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    const struct stream *stream = &fixture->streams[0];
    assert_int_equal(fixture->stream_count, 1);
    assert_int_equal(made_before(stream) + check_stream(stream), fixture->shared->reported);
}

static void test_no_room_for_ring(void **state)
{
    check_scarce(*state, run_no_room_for_ring);
}

static void test_no_room_for_larger_ring(void **state)
{
    check_scarce(*state, run_no_room_for_larger_ring);
}

/* ---- Memory ---- */

static atomic_bool is_out_of_memory;

static bool may_allocate(size_t size)
{
    return size == 0 || !is_out_of_memory;
}

/* The ledger has room for some more, and then forgets. */
static void run_forgetful(struct fixture *fixture)
{
    memory_hook = may_allocate;
    report_many(fixture, 10);
    wait_until_idle();
    is_out_of_memory = true;
    report_many(fixture, 100000);
    is_out_of_memory = false;
    sem_post(&fixture->shared->server_may);
    settle();
    EXPECT(ledger_count(tt_alloc_recorder_ledger()) < fixture->shared->reported);
}

/* There is not even a ledger; later there is, but what came before is missing. */
static void run_empty(struct fixture *fixture)
{
    memory_hook = may_allocate;
    is_out_of_memory = true;
    report_many(fixture, 2 * TT_ALLOC_WINDOW);
    wait_until_idle();
    is_out_of_memory = false;
    report_many(fixture, 10);
    sem_post(&fixture->shared->server_may);
    settle();
    EXPECT(ledger_count(tt_alloc_recorder_ledger()) == 10);
}

static void check_forgetful(struct fixture *fixture, void (*run)(struct fixture *fixture))
{
    client_start(fixture, run);
    wait_for_semaphore(&fixture->shared->server_may);
    int listener = server_listen(fixture->path);
    serve(fixture, listener);
    client_finish(fixture, NULL);
    close(listener);
    assert_int_equal(fixture->stream_count, 1);
    assert_int_equal(last_record(&fixture->streams[0], TT_ALLOC_RESYNC_END)->buffer_id, fixture->shared->reported);
}

static void test_forgetful(void **state)
{
    check_forgetful(*state, run_forgetful);
}

static void test_empty(void **state)
{
    check_forgetful(*state, run_empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_room_for_ring, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_no_room_for_larger_ring, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_forgetful, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_empty, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests_name("client_scarce", tests, NULL, NULL);
}
