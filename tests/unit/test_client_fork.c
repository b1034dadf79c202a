/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_objects tt_alloc_ledger_objects */

/*
 * fork() and its relatives in the middle of reporting: every process has a stream, a ring and a ledger of its own, and
 * no child waits for a lock that only its parent could have released.
 */

#include <pthread.h>
#include <spawn.h>
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

static void run_child_of_reporter(struct fixture *fixture, int descriptors)
{
    alarm(PATIENCE_S);                          /* is not inherited */
    EXPECT(count_descriptors() == descriptors); /* the copies of the parent's are gone already */
    EXPECT(tt_alloc_lost_reports() == 0);
    report_some(fixture, 7);
    settle();
    report_some(fixture, 1);
    EXPECT(count_descriptors() == descriptors + 3);
    EXPECT(ledger_count(tt_alloc_recorder_ledger()) == 7); /* the 8th was the first once more */
    _exit(0);
}

static void run_fork(struct fixture *fixture)
{
    int before = count_descriptors();

    report_some(fixture, 5);
    settle();
    for (int i = 0; i < 3; i++) {
        pid_t child = fork();
        if (child == 0)
            run_child_of_reporter(fixture, before);
        report_some(fixture, 1);
        wait_for_child(child);
        report_some(fixture, 1);
    }
    EXPECT(count_descriptors() == before + 3);
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
    const struct stream *parent = &fixture->streams[0];
    assert_int_equal(fixture->stream_count, 4);
    /* The helper thread may be quick and come before the fifth report. */
    assert_in_range(made_before(parent), 1, 5);
    assert_int_equal(made_before(parent) + check_stream(parent), 5 + 3 * 2);
    assert_in_range(first_record(parent, TT_ALLOC_RESYNC_END)->buffer_id, made_before(parent), 5);
    for (size_t i = 1; i < 4; i++) {
        const struct stream *child = &fixture->streams[i];
        assert_int_equal(made_before(child) + check_stream(child), 8);
        assert_in_range(first_record(child, TT_ALLOC_RESYNC_END)->buffer_id, made_before(child), 7);
        assert_int_not_equal(child->pid, parent->pid);
        assert_memory_not_equal(child->bytes + 88, parent->bytes + 88, 8); /* instance */
    }
}

/* A child that does not report starts nothing; its own children are new processes too. */
static void run_grandchild(struct fixture *fixture)
{
    int before = count_descriptors();

    report_some(fixture, 5);
    settle();
    pid_t child = fork();
    if (child == 0) {
        pid_t grandchild = fork();
        if (grandchild == 0)
            run_child_of_reporter(fixture, before);
        wait_for_child(grandchild);
        EXPECT(count_descriptors() == before);
        exit(0); /* waits for nothing */
    }
    wait_for_child(child);
}

static void test_grandchild(void **state)
{
    struct fixture *fixture = *state;
    int listener = server_listen(fixture->path);

    client_start(fixture, run_grandchild);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    assert_int_equal(fixture->stream_count, 2);
}

/* Programs that are started see nothing of us, and we nothing of them. */
static void run_programs(struct fixture *fixture)
{
    char *arguments[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"exit $(ls /proc/self/fd | grep -c '^[4-9]')"}, NULL};
    char *environment[] = {NULL};
    pid_t child;

    report_some(fixture, 5);
    settle();
    EXPECT(posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environment) == 0);
    wait_for_child(child);
    child = vfork();
    if (child == 0) {
        execve("/bin/sh", arguments, environment);
        _exit(1);
    }
    wait_for_child(child);
    child = fork();
    if (child == 0) {
        execve("/bin/sh", arguments, environment);
        _exit(1);
    }
    wait_for_child(child);
    EXPECT(system(arguments[2]) == 0);
    EXPECT(client_state() == TT_ALLOC_STEADY);
    report_some(fixture, 5);
}

static void test_programs(void **state)
{
    struct fixture *fixture = *state;
    int listener = server_listen(fixture->path);

    client_start(fixture, run_programs);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    assert_int_equal(fixture->stream_count, 1);
    assert_int_equal(made_before(&fixture->streams[0]) + check_stream(&fixture->streams[0]), 10);
}

/* What its parent said about a server that is not there is not the child's. */
static void run_fork_unserved(struct fixture *fixture)
{
    report_some(fixture, 3);
    wait_until_idle();
    pid_t child = fork();
    if (child == 0) {
        report_some(fixture, 1);
        wait_until_idle();
        EXPECT(tt_alloc_lost_reports() == 0);
        _exit(0);
    }
    wait_for_child(child);
    EXPECT(tt_alloc_lost_reports() == 0);
}

static void test_fork_unserved(void **state)
{
    struct fixture *fixture = *state;
    char text[512], twice[1024];

    client_start(fixture, run_fork_unserved);
    serve(fixture, -1);
    snprintf(
        text, sizeof(text),
        "tt-alloc: no allocation server at %s (No such file or directory): nothing is tracked before one is there; "
        "start it with: systemctl start tt-allocation-server\n",
        fixture->path);
    snprintf(twice, sizeof(twice), "%s%s", text, text); /* a line per process */
    client_finish(fixture, twice);
}

/* A fork handler of the application that comes before ours, because it was there first. */
static struct fixture *forking;

static void report_in_child(void)
{
    report_some(forking, 3);
}

static void run_fork_handler(struct fixture *fixture)
{
    forking = fixture;
    EXPECT(pthread_atfork(NULL, NULL, report_in_child) == 0);
    report_some(fixture, 5);
    settle();
    pid_t child = fork();
    if (child == 0) {
        settle();
        EXPECT(ledger_count(tt_alloc_recorder_ledger()) == 3);
        _exit(0);
    }
    wait_for_child(child);
}

static void test_fork_handler(void **state)
{
    struct fixture *fixture = *state;
    int listener = server_listen(fixture->path);

    client_start(fixture, run_fork_handler);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    assert_int_equal(fixture->stream_count, 2);
    assert_int_equal(made_before(&fixture->streams[1]) + check_stream(&fixture->streams[1]), 3);
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
    report_some(fixture, REPORTS_PER_CHILD);
    settle();
    EXPECT(tt_alloc_lost_reports() == 0);
    EXPECT(ledger_count(tt_alloc_recorder_ledger()) == REPORTS_PER_CHILD);
    _exit(0);
}

static void run_beside_reporting_thread(struct fixture *fixture, pid_t (*make_child)(void))
{
    pthread_t thread;

    report_some(fixture, 1);
    settle(); /* raw clone() while libc starts a thread leaves libc's own locks taken in the child */
    EXPECT(pthread_create(&thread, NULL, report_until_stopped, fixture) == 0);
    for (int i = 0; i < CHILDREN; i++) {
        pid_t child = make_child();
        if (child == 0)
            run_child(fixture);
        wait_for_child(child);
    }
    stop = true;
    EXPECT(pthread_join(thread, NULL) == 0);
    settle();
    fixture->shared->lost = tt_alloc_lost_reports();
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
    uint64_t known = 0;
    assert_int_equal(fixture->stream_count, CHILDREN + 1);
    for (size_t i = 0; i <= CHILDREN; i++)
        known += made_before(&fixture->streams[i]) + check_stream(&fixture->streams[i]);
    assert_int_equal(known + fixture->shared->lost, fixture->shared->reported);
}

static void test_fork_beside_thread(void **state)
{
#ifdef __SANITIZE_ADDRESS__
    print_message(
        "the child may inherit the lock of AddressSanitizer's allocator, taken; the other build has this test\n");
    skip();
#endif
    check_beside_thread(*state, run_fork_beside_thread);
}

static void test_clone_beside_thread(void **state)
{
#ifdef __SANITIZE_ADDRESS__
    print_message("as before\n");
    skip();
#endif
#ifdef __SANITIZE_THREAD__
    print_message("ThreadSanitizer takes the child for a thread\n");
    skip();
#endif
    check_beside_thread(*state, run_clone_beside_thread);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fork, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_grandchild, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_programs, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_fork_unserved, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_fork_handler, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_fork_beside_thread, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_clone_beside_thread, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests_name("client_fork", tests, NULL, NULL);
}
