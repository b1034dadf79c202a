/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_static */

/*
 * fork() and its relatives in the middle of reporting: every process writes into a stream of its own, and no child
 * waits for a lock that only its parent could have released.
 */

#include <pthread.h>
#include <sys/syscall.h>

#include "client_fixture.h"

#define CHILDREN 30
#define REPORTS_PER_CHILD 10

static void report_some(struct fixture *fixture, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        tt_alloc_report_allocation(1, i, TT_ALLOC_DRAM, i);
    fixture->shared->reported += count;
}

static void wait_for_child(pid_t child)
{
    int status;

    EXPECT(child > 0 && waitpid(child, &status, 0) == child);
    EXPECT(status == 0);
}

/* ---- One thread ---- */

static void run_fork(struct fixture *fixture)
{
    int before = count_descriptors();

    report_some(fixture, 5);
    for (int i = 0; i < 3; i++) {
        pid_t child = fork();
        if (child == 0) {
            EXPECT(count_descriptors() == before); /* the copy of the parent's stream is gone already */
            EXPECT(tt_alloc_lost_reports() == 0);
            report_some(fixture, 7);
            EXPECT(count_descriptors() == before + 1);
            _exit(0);
        }
        report_some(fixture, 1);
        wait_for_child(child);
        report_some(fixture, 1);
    }
    EXPECT(count_descriptors() == before + 1);
    EXPECT(tt_alloc_lost_reports() == 0);
}

static void test_fork(void **state)
{
    struct fixture *fixture = *state;
    int listener = server_listen(fixture->path);

    client_start(fixture, run_fork);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    assert_int_equal(fixture->stream_count, 4);
    assert_int_equal(check_stream(&fixture->streams[0]), 5 + 3 * 2);
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(check_stream(&fixture->streams[i]), 7);
    for (size_t i = 1; i < 4; i++)
        assert_int_not_equal(fixture->streams[i].pid, fixture->streams[0].pid);
}

/* What its parent lost, and said about it, is not the child's. */
static void run_fork_unserved(struct fixture *fixture)
{
    report_some(fixture, 3);
    EXPECT(tt_alloc_lost_reports() == 3);
    pid_t child = fork();
    if (child == 0) {
        EXPECT(tt_alloc_lost_reports() == 0);
        report_some(fixture, 1);
        EXPECT(tt_alloc_lost_reports() == 1);
        _exit(0);
    }
    wait_for_child(child);
    EXPECT(tt_alloc_lost_reports() == 3);
}

static void test_fork_unserved(void **state)
{
    struct fixture *fixture = *state;
    char text[512];

    client_start(fixture, run_fork_unserved);
    serve(fixture, -1);
    snprintf(text, sizeof(text),
             "tt-alloc: no allocation server at %s (No such file or directory): reports are dropped; "
             "start it with: systemctl start tt-allocation-server\n",
             fixture->path);
    client_finish(fixture, text);
}

/* ---- Forking while another thread is inside a report ---- */

static atomic_bool stop;

static void *report_until_stopped(void *fixture)
{
    while (!stop)
        report_some(fixture, 1);
    return NULL;
}

static void run_child(struct fixture *fixture)
{
    alarm(PATIENCE_S); /* is not inherited */
    uint64_t inherited = tt_alloc_lost_reports();
    report_some(fixture, REPORTS_PER_CHILD);
    fixture->shared->lost += tt_alloc_lost_reports() - inherited;
    _exit(0);
}

static void run_beside_reporting_thread(struct fixture *fixture, pid_t (*make_child)(void))
{
    pthread_t thread;

    EXPECT(pthread_create(&thread, NULL, report_until_stopped, fixture) == 0);
    for (int i = 0; i < CHILDREN; i++) {
        pid_t child = make_child();
        if (child == 0)
            run_child(fixture);
        wait_for_child(child);
    }
    stop = true;
    EXPECT(pthread_join(thread, NULL) == 0);
    fixture->shared->lost += tt_alloc_lost_reports();
}

static void run_fork_beside_thread(struct fixture *fixture)
{
    run_beside_reporting_thread(fixture, fork);
}

/* Runs no fork handlers: the child has the parent's descriptor, and perhaps a lock that is held for ever. */
static pid_t raw_clone(void)
{
    return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static void run_clone_beside_thread(struct fixture *fixture)
{
    run_beside_reporting_thread(fixture, raw_clone);
}

static void check_beside_thread(struct fixture *fixture, void (*run)(struct fixture *fixture))
{
    int listener = server_listen(fixture->path);

    client_start(fixture, run);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    assert_in_range(fixture->stream_count, CHILDREN + 1, STREAMS_MAX);
    assert_int_equal(check_streams(fixture) + fixture->shared->lost, fixture->shared->reported);
}

static void test_fork_beside_thread(void **state)
{
    check_beside_thread(*state, run_fork_beside_thread);
}

static void test_clone_beside_thread(void **state)
{
    check_beside_thread(*state, run_clone_beside_thread);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fork, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_fork_unserved, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_fork_beside_thread, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_clone_beside_thread, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests_name("client_fork", tests, NULL, NULL);
}
