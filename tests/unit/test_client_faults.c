/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_objects tt_alloc_ledger_objects */

/*
 * Servers that are absent, foreign, gone, or asleep, and programs that are interrupted: no report hangs, none kills,
 * none is lost without being counted, stderr gets one line at most, and the server knows all in the end.
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

static void report_one(struct fixture *fixture)
{
    tt_alloc_report_allocation(0, 1, TT_ALLOC_L1, fixture->shared->reported++);
}

/* What the server that is connected last knows: made == before + arrived + lost, and after a resync every buffer. */
static void check_books(const struct fixture *fixture)
{
    const struct stream *stream = &fixture->streams[fixture->stream_count - 1];
    uint64_t lost = fixture->shared->lost;

    assert_int_equal(made_before(stream) + check_stream(stream) + lost, fixture->shared->reported);
    assert_true(stream->rings == 0 || stream->made == fixture->shared->reported);
}

/* ---- No server, or none that may be used ---- */

static void run_unserved(struct fixture *fixture)
{
    int before = count_descriptors();

    errno = EDOM;
    for (int i = 0; i < ABSENT; i++)
        report_one(fixture);
    wait_until_idle();
    for (int i = 0; i < ABSENT; i++)
        report_one(fixture);
    EXPECT(errno == EDOM);
    EXPECT(count_descriptors() == before + 2); /* what wakes the helper thread */
    EXPECT(tt_alloc_lost_reports() == 0);
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

    check_unserved(
        fixture,
        "tt-alloc: no allocation server at %s (No such file or directory): nothing is tracked before one is there; "
        "start it with: systemctl start tt-allocation-server\n",
        fixture->path);
}

static void test_dead_socket(void **state)
{
    struct fixture *fixture = *state;

    close(server_listen(fixture->path));
    check_unserved(fixture,
                   "tt-alloc: no allocation server at %s (Connection refused): nothing is tracked before one is there; "
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
                   "tt-alloc: the socket path %s... is longer than 107 bytes: nothing is reported; "
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
    report_one(fixture);
    wait_until_idle();
}

static void test_warning_is_one_line(void **state)
{
    struct fixture *fixture = *state;

    client_start(fixture, run_odd_path);
    serve(fixture, -1);
    client_finish(fixture, "tt-alloc: no allocation server at /nowhere/a?b?c (No such file or directory): nothing is "
                           "tracked before one is there; "
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
    report_one(fixture);
    wait_until_idle();
    dup2(kept, STDERR_FILENO);
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
                   "tt-alloc: the allocation server at %s runs as uid 65534, which is not trusted: nothing is "
                   "reported to it; if it is the right one: export TT_ALLOC_SERVER_USER=65534\n",
                   fixture->path);
    assert_int_equal(tt_alloc_connect(fixture->path, &connection), -EACCES);
    unsetenv("TT_ALLOC_SERVER_USER");

    serve(fixture, listener); /* what had come */
    assert_in_range(fixture->stream_count, 2, 3);
    for (size_t i = 0; i < fixture->stream_count; i++)
        assert_int_equal(fixture->streams[i].size, 0);
    close(listener);
}

static void run_served(struct fixture *fixture)
{
    report_one(fixture);
    settle();
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
        assert_int_equal(made_before(&fixture->streams[i]), 1);
    }
    unsetenv("TT_ALLOC_SERVER_USER");
    close(listener);
}

/* ---- A server that comes late, goes away, and comes back ---- */

static void run_early(struct fixture *fixture)
{
    report_one(fixture);
    wait_until_idle();
    for (int i = 0; i < ABSENT; i++)
        report_one(fixture);
    sem_post(&fixture->shared->server_may);
    settle(); /* without another report */
}

static void test_server_comes_later(void **state)
{
    struct fixture *fixture = *state;

    client_start(fixture, run_early);
    wait_for_semaphore(&fixture->shared->server_may);
    int listener = server_listen(fixture->path);
    serve(fixture, listener);
    client_finish(fixture, NULL);
    close(listener);
    assert_int_equal(fixture->stream_count, 1);
    assert_int_equal(made_before(&fixture->streams[0]), ABSENT + 1);
    assert_int_equal(last_record(&fixture->streams[0], TT_ALLOC_RESYNC_END)->buffer_id, ABSENT + 1);
}

static void run_vanish(struct fixture *fixture)
{
    int before = count_descriptors();

    report_one(fixture);
    settle();
    report_one(fixture);
    sem_post(&fixture->shared->server_may);
    wait_for_state(TT_ALLOC_ABSENT);
    for (int i = 0; i < ABSENT; i++)
        report_one(fixture);
    EXPECT(count_descriptors() == before + 2);
    sem_post(&fixture->shared->server_may);
    settle();
    EXPECT(count_descriptors() == before + 3);
    fixture->shared->lost = tt_alloc_lost_reports();
}

static void test_vanish(void **state)
{
    struct fixture *fixture = *state;
    char text[512];

    int listener = server_listen(fixture->path);
    client_start(fixture, run_vanish);
    serve_until_called(fixture, listener);
    close(listener);
    hang_up_stream(fixture, &fixture->streams[0]);

    wait_for_semaphore(&fixture->shared->server_may);
    listener = server_listen(fixture->path);
    serve(fixture, listener);
    snprintf(text, sizeof(text),
             "tt-alloc: no allocation server at %s (Connection refused): nothing is tracked before one is there; "
             "start it with: systemctl start tt-allocation-server\n",
             fixture->path);
    client_finish(fixture, text);
    close(listener);
    assert_int_equal(fixture->stream_count, 2);
    assert_int_equal(fixture->shared->lost, 0);
    assert_int_equal(made_before(&fixture->streams[0]), 1);
    assert_int_equal(check_stream(&fixture->streams[0]), 1);
    assert_int_equal(made_before(&fixture->streams[1]), ABSENT + 2);
    assert_int_equal(last_record(&fixture->streams[1], TT_ALLOC_RESYNC_END)->buffer_id, ABSENT + 2);
}

/* ---- Descriptors that are no longer ours ---- */

/* As daemons do: closes all descriptors that it does not know, and opens its own under the same numbers. The helper
 * thread sleeps on what was closed: the next wake-up notices. */
static void run_robbed(struct fixture *fixture)
{
    struct stat before[3], after;

    report_one(fixture);
    settle();
    close_range(3, ~0U, 0);
    for (int i = 0; i < 3; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        EXPECT(fd == 3 + i && fstat(fd, &before[i]) == 0);
    }
    for (int i = 0; i < 1024; i++)
        report_one(fixture);
    while (tt_alloc_recorder.link.fd < 6) /* what took the robbed one's place */
        sched_yield();
    settle();
    for (int i = 0; i < 3; i++)
        EXPECT(fstat(3 + i, &after) == 0 && after.st_ino == before[i].st_ino);
    fixture->shared->lost = tt_alloc_lost_reports();
}

static void check_robbed(struct fixture *fixture)
{
#ifdef __SANITIZE_THREAD__
    print_message("one thread closes what another uses: that is the robbery, and a race\n");
    skip();
#endif
    int listener = server_listen(fixture->path);

    client_start(fixture, run_robbed);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    assert_int_equal(fixture->stream_count, 2);
    check_books(fixture);
}

static void test_robbed(void **state)
{
    check_robbed(*state);
}

static void test_robbed_by_socket(void **state)
{
    struct fixture *fixture = *state;

    fixture->transport = "socket";
    check_robbed(fixture);
}

/* ---- A server that does not keep up ---- */

static uint64_t fill_up(struct fixture *fixture)
{
    uint64_t began;

    do {
        began = clock_ns();
        report_one(fixture);
    } while (tt_alloc_lost_reports() == 0);
    return clock_ns() - began;
}

/* It waits once, then nobody waits, and when the server is back it is told all. */
static void run_stalled(struct fixture *fixture)
{
    int before;

    report_one(fixture);
    settle();
    sem_post(&fixture->shared->server_may);
    wait_for_semaphore(&fixture->shared->client_may);
    before = count_descriptors();
    uint64_t waited = fill_up(fixture);
    EXPECT(waited > 45 * UINT64_C(1000000) && waited < 5000 * UINT64_C(1000000));
    EXPECT(tt_alloc_lost_reports() == 1 && client_state() == TT_ALLOC_GAP);
    uint64_t began = clock_ns();
    for (int i = 0; i < ABSENT; i++)
        report_one(fixture);
    EXPECT(clock_ns() - began < waited); /* a thousand waits would take 50 s */
    EXPECT(tt_alloc_lost_reports() == 1 + ABSENT);
    EXPECT(count_descriptors() == before);
    EXPECT(fixture->transport != NULL || tt_alloc_recorder.ring.memory->made == fixture->shared->reported);
    sem_post(&fixture->shared->server_may);
    settle();
    report_one(fixture);
    fixture->shared->lost = tt_alloc_lost_reports();
    EXPECT(fixture->shared->lost == 1 + ABSENT);
}

static void check_stalled(struct fixture *fixture)
{
    int listener = server_listen(fixture->path);

    fixture->full_wait = "50";
    client_start(fixture, run_stalled);
    serve_until_called(fixture, listener);
    fixture->is_asleep = true;
    sem_post(&fixture->shared->client_may);
    wait_for_semaphore(&fixture->shared->server_may);
    fixture->is_asleep = false;
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    assert_int_equal(fixture->stream_count, 1);
    check_books(fixture);
    const struct stream *stream = &fixture->streams[0];
    assert_ptr_not_equal(first_record(stream, TT_ALLOC_RESYNC_BEGIN), last_record(stream, TT_ALLOC_RESYNC_BEGIN));
    assert_int_equal(last_record(stream, TT_ALLOC_RESYNC_END)->buffer_id, fixture->shared->reported - 1);
    assert_int_equal(last_record(stream, TT_ALLOC_RESYNC_END)->size, fixture->shared->reported - 1);
}

static void test_stalled(void **state)
{
    check_stalled(*state);
}

static void test_stalled_by_socket(void **state)
{
    struct fixture *fixture = *state;

    fixture->transport = "socket";
    check_stalled(fixture);
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
    report_one(fixture);
    settle();
    fixture->shared->lost = tt_alloc_lost_reports();
}

static void check_cancelled(struct fixture *fixture)
{
    int listener = server_listen(fixture->path);

    client_start(fixture, run_cancelled);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    check_books(fixture);
}

static void test_cancelled(void **state)
{
    check_cancelled(*state);
}

static void test_cancelled_by_socket(void **state)
{
    struct fixture *fixture = *state;

    fixture->transport = "socket";
    check_cancelled(fixture);
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

    for (int i = 0; i < 50000; i++)
        report_one(fixture);
    EXPECT(timer_delete(timer) == 0);
    EXPECT(setitimer(ITIMER_VIRTUAL, &never, NULL) == 0);
    EXPECT(interruptions > 10);
    settle();
    fixture->shared->lost = tt_alloc_lost_reports();
}

static void check_interrupted(struct fixture *fixture)
{
    int listener = server_listen(fixture->path);

    client_start(fixture, run_interrupted);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    check_books(fixture);
}

static void test_interrupted(void **state)
{
    check_interrupted(*state);
}

static void test_interrupted_by_socket(void **state)
{
    struct fixture *fixture = *state;

    fixture->transport = "socket";
    check_interrupted(fixture);
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
        cmocka_unit_test_setup_teardown(test_server_comes_later, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_vanish, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_robbed, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_robbed_by_socket, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_stalled, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_stalled_by_socket, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_cancelled, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_cancelled_by_socket, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_interrupted, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_interrupted_by_socket, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests_name("client_faults", tests, NULL, NULL);
}
