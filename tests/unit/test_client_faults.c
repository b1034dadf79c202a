/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_static */

/*
 * Servers that are absent, foreign, gone, or asleep, and programs that are interrupted: no report hangs, none kills,
 * none is lost without being counted, and stderr gets one line at most.
 */

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#include "client_fixture.h"

#define ABSENT 1000

static uint64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Returns whether it was delivered. */
static bool report_one(struct fixture *fixture)
{
    uint64_t lost = tt_alloc_lost_reports();

    tt_alloc_report_allocation(0, 1, TT_ALLOC_L1, fixture->shared->reported++);
    return tt_alloc_lost_reports() == lost;
}

/* Reports until one arrives. */
static void report_until_delivered(struct fixture *fixture)
{
    uint64_t limit = clock_ns() + PATIENCE_S * UINT64_C(1000000000);

    while (!report_one(fixture))
        EXPECT(clock_ns() < limit);
}

/* ---- No server, or none that may be used ---- */

static void run_unserved(struct fixture *fixture)
{
    int before = count_descriptors();

    errno = EDOM;
    for (int i = 0; i < ABSENT; i++)
        EXPECT(!report_one(fixture) && errno == EDOM);
    EXPECT(count_descriptors() == before);
    EXPECT(tt_alloc_lost_reports() == ABSENT);
}

static void check_unserved(struct fixture *fixture, const char *format, const char *path)
{
    char text[512];

    snprintf(text, sizeof(text), format, path);
    client_start(fixture, run_unserved);
    serve(fixture, -1);
    client_finish(fixture, text);
}

static void test_absent(void **state)
{
    struct fixture *fixture = *state;

    check_unserved(fixture,
                   "tt-alloc: no allocation server at %s (No such file or directory): reports are dropped; "
                   "start it with: systemctl start tt-allocation-server\n",
                   fixture->path);
}

static void test_dead_socket(void **state)
{
    struct fixture *fixture = *state;

    close(server_listen(fixture->path));
    check_unserved(fixture,
                   "tt-alloc: no allocation server at %s (Connection refused): reports are dropped; "
                   "start it with: systemctl start tt-allocation-server\n",
                   fixture->path);
}

/* A name that is cut to what fits would be somebody else's socket: here is one, and nobody may come. */
static void test_path_too_long(void **state)
{
    struct fixture *fixture = *state;
    char path[256] = {0}, cut[108] = {0};

    memset(path, 'x', 200);
    memcpy(path, fixture->path, strlen(fixture->path));
    memcpy(cut, path, sizeof(cut) - 1);
    int listener = server_listen(cut);

    setenv("TT_ALLOC_SOCKET", path, 1);
    check_unserved(fixture,
                   "tt-alloc: the socket path %s... is longer than 107 bytes: reports are dropped; "
                   "use a shorter one: export TT_ALLOC_SOCKET=/tmp/tt_allocation_server.sock\n",
                   cut);
    struct tt_alloc_connection *connection;
    assert_int_equal(tt_alloc_connect(NULL, &connection), -ENAMETOOLONG);
    unsetenv("TT_ALLOC_SOCKET");
    assert_int_equal(tt_alloc_connect(path, &connection), -ENAMETOOLONG);
    assert_false(is_readable(listener));
    unlink(cut);
    close(listener);
}

static void run_odd_path(struct fixture *fixture)
{
    setenv("TT_ALLOC_SOCKET", "/nowhere/a\nb\033c", 1);
    EXPECT(!report_one(fixture));
}

static void test_warning_is_one_line(void **state)
{
    struct fixture *fixture = *state;

    client_start(fixture, run_odd_path);
    serve(fixture, -1);
    client_finish(fixture,
                  "tt-alloc: no allocation server at /nowhere/a?b?c (No such file or directory): reports are dropped; "
                  "start it with: systemctl start tt-allocation-server\n");
}

/* Not even one byte more goes in. */
static void fill_pipe(int fd)
{
    EXPECT(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    while (write(fd, "x", 1) == 1)
        ;
    EXPECT(errno == EAGAIN && fcntl(fd, F_SETFL, 0) == 0);
}

/* stderr is a pipe that nobody reads, or a full one: no signal, no waiting. */
static void run_without_stderr(struct fixture *fixture)
{
    bool is_broken = fixture->shared->reported == 0;
    int ends[2], kept = dup(STDERR_FILENO);
    sigset_t pending;

    EXPECT(pipe(ends) == 0);
    if (is_broken)
        close(ends[0]);
    else
        fill_pipe(ends[1]);
    dup2(ends[1], STDERR_FILENO);
    bool delivered = report_one(fixture);
    dup2(kept, STDERR_FILENO);
    EXPECT(!delivered);
    EXPECT(sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 0);
}

static void test_stderr_unusable(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < 2; i++) {
        client_start(fixture, run_without_stderr);
        serve(fixture, -1);
        client_finish(fixture, "");
        assert_int_equal(fixture->shared->reported, i + 1);
    }
}

/* ---- Somebody else's server ---- */

#define NOBODY 65534

/* The kernel remembers who called listen(). */
static int listen_as_nobody(struct fixture *fixture)
{
    assert_int_equal(chmod(fixture->directory, 0777), 0);
    assert_int_equal(seteuid(NOBODY), 0);
    int listener = server_listen(fixture->path);
    assert_int_equal(seteuid(0), 0);
    return listener;
}

static void test_untrusted(void **state)
{
    struct fixture *fixture = *state;
    struct tt_alloc_connection *connection;

    if (geteuid() != 0) {
        print_message("only root can play somebody else\n");
        skip();
    }
    int listener = listen_as_nobody(fixture);
    setenv("TT_ALLOC_SERVER_USER", "a-user-that-is-not-there", 1);
    check_unserved(fixture,
                   "tt-alloc: the allocation server at %s runs as uid 65534, which is not trusted: reports are "
                   "dropped; if it is the right one: export TT_ALLOC_SERVER_USER=65534\n",
                   fixture->path);
    assert_int_equal(tt_alloc_connect(fixture->path, &connection), -EACCES);
    unsetenv("TT_ALLOC_SERVER_USER");

    serve(fixture, listener); /* what had come */
    assert_in_range(fixture->stream_count, 2, 10);
    for (size_t i = 0; i < fixture->stream_count; i++)
        assert_int_equal(fixture->streams[i].size, 0);
    close(listener);
}

static void run_served(struct fixture *fixture)
{
    EXPECT(report_one(fixture));
}

static void test_trusted_by_name_and_number(void **state)
{
    const char *users[] = {"nobody", "65534"};
    struct fixture *fixture = *state;

    if (geteuid() != 0) {
        print_message("only root can play somebody else\n");
        skip();
    }
    int listener = listen_as_nobody(fixture);
    for (size_t i = 0; i < 2; i++) {
        setenv("TT_ALLOC_SERVER_USER", users[i], 1);
        client_start(fixture, run_served);
        serve(fixture, listener);
        client_finish(fixture, "");
        assert_int_equal(check_stream(&fixture->streams[i]), 1);
    }
    unsetenv("TT_ALLOC_SERVER_USER");
    close(listener);
}

/* ---- A server that goes away ---- */

static void run_vanish(struct fixture *fixture)
{
    int before = count_descriptors();

    EXPECT(report_one(fixture));
    sem_post(&fixture->shared->server_may);
    wait_for_semaphore(&fixture->shared->client_may); /* it is gone */
    EXPECT(!report_one(fixture));
    EXPECT(count_descriptors() == before);
    sem_post(&fixture->shared->server_may);
    report_until_delivered(fixture);
    EXPECT(count_descriptors() == before + 1);
    fixture->shared->lost = tt_alloc_lost_reports();
}

static void test_vanish(void **state)
{
    struct fixture *fixture = *state;
    char text[512];

    int listener = server_listen(fixture->path);
    client_start(fixture, run_vanish);
    take_stream(fixture, server_accept(listener));
    wait_for_semaphore(&fixture->shared->server_may);
    read_stream(&fixture->streams[0]);
    close(fixture->streams[0].fd);
    fixture->streams[0].fd = -1;
    close(listener);
    sem_post(&fixture->shared->client_may);

    wait_for_semaphore(&fixture->shared->server_may);
    listener = server_listen(fixture->path);
    serve(fixture, listener);
    snprintf(text, sizeof(text),
             "tt-alloc: no allocation server at %s (Connection refused): reports are dropped; "
             "start it with: systemctl start tt-allocation-server\n",
             fixture->path);
    client_finish(fixture, text);
    close(listener);
    assert_int_equal(fixture->stream_count, 2);
    assert_int_equal(check_streams(fixture) + fixture->shared->lost, fixture->shared->reported);
}

/* The stream breaks but the server is there: nothing is lost. */
static void run_hung_up(struct fixture *fixture)
{
    EXPECT(report_one(fixture));
    sem_post(&fixture->shared->server_may);
    wait_for_semaphore(&fixture->shared->client_may);
    EXPECT(report_one(fixture));
}

static void test_hung_up(void **state)
{
    struct fixture *fixture = *state;

    int listener = server_listen(fixture->path);
    client_start(fixture, run_hung_up);
    take_stream(fixture, server_accept(listener));
    wait_for_semaphore(&fixture->shared->server_may);
    read_stream(&fixture->streams[0]);
    close(fixture->streams[0].fd);
    fixture->streams[0].fd = -1;
    sem_post(&fixture->shared->client_may);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    assert_int_equal(fixture->stream_count, 2);
    assert_int_equal(check_streams(fixture), 2);
}

/* ---- A descriptor that is no longer ours ---- */

/* As daemons do: closes all descriptors that it does not know, and opens its own under the same numbers. */
static void run_robbed(struct fixture *fixture)
{
    struct stat before, after;

    EXPECT(report_one(fixture));
    close_range(3, ~0U, 0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT(fd == 3 && fstat(fd, &before) == 0);
    EXPECT(report_one(fixture));
    EXPECT(fstat(fd, &after) == 0 && after.st_ino == before.st_ino);
}

static void test_robbed(void **state)
{
    struct fixture *fixture = *state;

    int listener = server_listen(fixture->path);
    client_start(fixture, run_robbed);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    assert_int_equal(fixture->stream_count, 2);
    assert_int_equal(check_streams(fixture), 2);
}

/* ---- A server that does not read ---- */

static uint64_t fill_up(struct fixture *fixture)
{
    uint64_t began;

    do
        began = clock_ns();
    while (report_one(fixture));
    return clock_ns() - began;
}

static void run_stalled(struct fixture *fixture)
{
    int before = count_descriptors();
    uint64_t waited = fill_up(fixture);

    EXPECT(waited > 50 * UINT64_C(1000000)); /* it was worth a try */
    EXPECT(waited < 2000 * UINT64_C(1000000));
    EXPECT(tt_alloc_lost_reports() == 1);
    EXPECT(count_descriptors() == before);
    sem_post(&fixture->shared->server_may);
    report_until_delivered(fixture);
    fixture->shared->lost = tt_alloc_lost_reports();
}

static void test_stalled(void **state)
{
    struct fixture *fixture = *state;

    int listener = server_listen(fixture->path);
    client_start(fixture, run_stalled);
    wait_for_semaphore(&fixture->shared->server_may);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    assert_int_equal(fixture->stream_count, 2);
    assert_int_equal(check_streams(fixture) + fixture->shared->lost, fixture->shared->reported);
}

/* ---- Threads that are cancelled ---- */

static atomic_uint_fast64_t begun;

static void *report_until_cancelled(void *unused)
{
    while (begun < UINT64_MAX) {
        begun++;
        tt_alloc_report_allocation(0, 1, TT_ALLOC_L1, begun);
        pthread_testcancel();
    }
    return unused;
}

/* Were a report a point of cancellation, the thread would end inside it and leave it locked. */
static void run_cancelled(struct fixture *fixture)
{
    pthread_t thread;

    for (int i = 0; i < 3; i++) {
        begun = 0;
        EXPECT(pthread_create(&thread, NULL, report_until_cancelled, NULL) == 0);
        while (begun < 100)
            sched_yield();
        EXPECT(pthread_cancel(thread) == 0);
        EXPECT(pthread_join(thread, NULL) == 0);
        fixture->shared->reported += begun;
    }
    sem_post(&fixture->shared->server_may);
    report_until_delivered(fixture);
    fixture->shared->lost = tt_alloc_lost_reports();
}

static void test_cancelled(void **state)
{
    struct fixture *fixture = *state;

    int listener = server_listen(fixture->path);
    client_start(fixture, run_cancelled);
    wait_for_semaphore(&fixture->shared->server_may);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    assert_int_equal(check_streams(fixture) + fixture->shared->lost, fixture->shared->reported);
}

/* ---- Signals without end ---- */

static atomic_uint interruptions;

static void count_interruption(int signal)
{
    (void)signal;
    interruptions++;
}

static void run_interrupted(struct fixture *fixture)
{
    const struct sigaction action = {.sa_handler = count_interruption};
    const struct itimerval often = {.it_interval.tv_usec = 200, .it_value.tv_usec = 200}, never = {0};

    EXPECT(sigaction(SIGVTALRM, &action, NULL) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    EXPECT(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    const struct itimerspec wall = {.it_interval.tv_nsec = 200000, .it_value.tv_nsec = 200000};
    EXPECT(timer_settime(timer, 0, &wall, NULL) == 0);
    EXPECT(setitimer(ITIMER_VIRTUAL, &often, NULL) == 0);

    uint64_t waited = fill_up(fixture); /* nobody reads yet */
    EXPECT(waited < 2000 * UINT64_C(1000000));
    sem_post(&fixture->shared->server_may);
    report_until_delivered(fixture);
    for (int i = 0; i < 20000; i++)
        report_one(fixture);
    EXPECT(timer_delete(timer) == 0);
    EXPECT(setitimer(ITIMER_VIRTUAL, &never, NULL) == 0);
    EXPECT(interruptions > 100);
    fixture->shared->lost = tt_alloc_lost_reports();
}

static void test_interrupted(void **state)
{
    struct fixture *fixture = *state;

    int listener = server_listen(fixture->path);
    client_start(fixture, run_interrupted);
    wait_for_semaphore(&fixture->shared->server_may);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    assert_int_equal(check_streams(fixture) + fixture->shared->lost, fixture->shared->reported);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_absent, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_dead_socket, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_path_too_long, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_warning_is_one_line, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_stderr_unusable, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_untrusted, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_trusted_by_name_and_number, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_vanish, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_hung_up, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_robbed, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_stalled, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_cancelled, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_interrupted, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests_name("client_faults", tests, NULL, NULL);
}
