/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_objects tt_alloc_ledger_objects -Wl,--wrap=nanosleep -Wl,--wrap=send -Wl,--wrap=clock_gettime */

/*
 * What real time and a real socket do not show reliably: the pauses between attempts to connect, sends that are cut at
 * any byte, a thread that is held up between its clock and its report, and that a report costs no system call. The
 * linker puts the functions below between the library and libc; they have an effect only in clients that ask for it.
 */

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "client/clock.h"
#include "client_fixture.h"

int __real_nanosleep(const struct timespec *time, struct timespec *rest);
ssize_t __real_send(int fd, const void *bytes, size_t size, int flags);
int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_nanosleep(const struct timespec *time, struct timespec *rest);
ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);

#define PAUSES_MAX 8
#define OTHER_DEVICE 9
#define ROOM 2000  /* reports that make room for others */
#define SILENT 500 /* those others */

static _Thread_local time_t clock_ahead_s;
static atomic_bool skips_pauses;
static atomic_uint pause_count; /* those of 100 ms and more, which only the helper thread makes */
static atomic_uint pauses_ms[PAUSES_MAX];
static _Atomic enum { WHOLE, CHOPPED, STUCK_AFTER_40 } sends = WHOLE;

int __wrap_nanosleep(const struct timespec *time, struct timespec *rest)
{
    unsigned ms = (unsigned)time->tv_sec * 1000 + (unsigned)(time->tv_nsec / 1000000);

    if (!skips_pauses || ms < 100)
        return __real_nanosleep(time, rest);
    if (pause_count == PAUSES_MAX)
        return __real_nanosleep(time, rest);
    pauses_ms[pause_count] = ms; /* before it is counted, for who waits for the count */
    pause_count++;
    return __real_nanosleep(&(struct timespec){.tv_nsec = 1000000}, rest);
}

static ssize_t fail_with(int error)
{
    errno = error;
    return -1;
}

ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags)
{
    static atomic_uint count;
    unsigned calls = ++count;

    EXPECT(sends == WHOLE || (flags & (MSG_NOSIGNAL | MSG_DONTWAIT)) == (MSG_NOSIGNAL | MSG_DONTWAIT));
    if (size == 1)
        return __real_send(fd, bytes, size, flags); /* a kick of the helper thread */
    if (sends == CHOPPED && calls % 3 == 0)
        return fail_with(calls % 2 == 0 ? EINTR : EAGAIN);
    if (sends == CHOPPED && size > 1)
        size = 1 + calls % (size - 1);
    if (sends == STUCK_AFTER_40 && size <= FRAME - 40)
        return fail_with(EAGAIN);
    if (sends == STUCK_AFTER_40)
        size = 40;
    return __real_send(fd, bytes, size, flags);
}

static void report_one(void)
{
    static uint64_t id;

    tt_alloc_report_allocation(OTHER_DEVICE, 1, TT_ALLOC_L1, id++);
}

/* ---- Pauses ---- */

static void expect_pauses(const unsigned *expected, size_t count)
{
    report_one();
    while (pause_count < count)
        sched_yield();
    for (size_t i = 0; i < count; i++)
        EXPECT(pauses_ms[i] == expected[i]);
}

static void run_absent(struct fixture *fixture)
{
    (void)fixture;
    skips_pauses = true;
    expect_pauses((const unsigned[]){100, 200, 400, 400, 400, 400}, 6);
}

static void test_pauses_while_absent(void **state)
{
    struct fixture *fixture = *state;
    char text[512];

    client_start(fixture, run_absent);
    serve(fixture, -1);
    snprintf(
        text, sizeof(text),
        "tt-alloc: no allocation server at %s (No such file or directory): nothing is tracked before one is there; "
        "start it with: systemctl start tt-allocation-server\n",
        fixture->path);
    client_finish(fixture, text); /* one line for all of the attempts */
}

/* A server that speaks another version: one attempt in ten seconds. */
static void run_foreign(struct fixture *fixture)
{
    (void)fixture;
    skips_pauses = true;
    expect_pauses((const unsigned[]){10000, 10000}, 2);
}

static void test_pauses_before_foreign_server(void **state)
{
    struct fixture *fixture = *state;
    int listener = server_listen(fixture->path);

    fixture->version = TT_ALLOC_PROTOCOL_VERSION + 1;
    client_start(fixture, run_foreign);
    serve(fixture, listener);
    client_finish(fixture, NULL);
    close(listener);
    assert_true(fixture->text_size > 0);
}

/* ---- The clock ---- */

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
    int r = __real_clock_gettime(clock, ret);

    ret->tv_sec += clock_ahead_s;
    return r;
}

/* One thread looks at the clock and is held up; another reports, and then the first: its record, which fills the
 * window, is older than those before it. None of them is as old as the machine. */
static void run_held_up(struct fixture *fixture)
{
    struct ledger_buffer buffer;
    uint64_t cursor = 0, count = 0;

    (void)fixture;
    clock_ahead_s = 1;
    for (int i = 0; i < TT_ALLOC_WINDOW - 1; i++)
        report_one();
    clock_ahead_s = 0;
    report_one();
    struct ledger *ledger = tt_alloc_recorder_ledger();
    uint64_t now = tt_alloc_clock_now();
    for (; ledger_walk(ledger, &cursor, NULL, &buffer); count++)
        EXPECT(buffer.born + 10 * UINT64_C(1000000000) > now);
    EXPECT(count == TT_ALLOC_WINDOW);
    _exit(0);
}

static void test_held_up(void **state)
{
    struct fixture *fixture = *state;

    client_start(fixture, run_held_up);
    serve(fixture, -1);
    client_finish(fixture, NULL);
}

/* ---- No system calls ---- */

#define ALLOW(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* From here on any other system call is the end of the process. Where the kernel has no fast clock, reading it counts
 * as one; the library is not to blame for that. */
static __attribute__((unused)) void forbid_system_calls(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(SYS_clock_gettime),
        ALLOW(SYS_exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};

    EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    EXPECT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void report_in_silence(void)
{
    const struct timespec moment = {.tv_nsec = 20000000};

    __real_nanosleep(&moment, NULL); /* the helper thread has forgotten the lock */
#ifndef __SANITIZE_THREAD__          /* which makes some of its own */
    forbid_system_calls();
#endif
    for (int i = 0; i < SILENT; i++)
        report_one();
    syscall(SYS_exit_group, 0); /* _exit() does more where there are sanitizers */
}

/* The ledger has room for what comes: its memory is the only thing that a report may ask the kernel for. The ring does
 * not fill so often that the helper thread asks for a larger one, and needs the lock for that. */

static void make_room(void)
{
    for (uint64_t i = 0; i < ROOM; i++)
        tt_alloc_report_allocation(OTHER_DEVICE, 1, TT_ALLOC_L1, i);
    for (uint64_t i = 0; i < ROOM; i++)
        tt_alloc_report_deallocation(OTHER_DEVICE, i);
}

static void run_silent_while_absent(struct fixture *fixture)
{
    (void)fixture;
    make_room();
    wait_until_idle();
    report_in_silence();
}

static void test_silent_while_absent(void **state)
{
    struct fixture *fixture = *state;

    client_start(fixture, run_silent_while_absent);
    serve(fixture, -1);
    client_finish(fixture, NULL);
}

/* A quarter of the ring is written, and the next is far. */
static void pass_wake(struct fixture *fixture)
{
    unsigned wakes = tt_alloc_recorder.wakes;

    while (tt_alloc_recorder.wakes == wakes) {
        report_one();
        fixture->shared->reported++;
    }
}

static void run_silent_by_ring(struct fixture *fixture)
{
    make_room();
    settle();
    pass_wake(fixture);
    report_in_silence();
}

static void test_silent_by_ring(void **state)
{
    struct fixture *fixture = *state;
    int listener = server_listen(fixture->path);

    client_start(fixture, run_silent_by_ring);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    const struct stream *stream = &fixture->streams[0];
    assert_int_equal(made_before(stream) + check_stream(stream), 2 * ROOM + SILENT + fixture->shared->reported);
}

/* ---- Frames that do not go out in one piece ---- */

#define THREADS 4
#define REPORTS_PER_THREAD 2000

static void *report_many(void *thread)
{
    for (uint64_t i = 0; i < REPORTS_PER_THREAD; i++)
        tt_alloc_report_allocation((int32_t)(uintptr_t)thread, i, TT_ALLOC_L1, i);
    return NULL;
}

static void run_chopped(struct fixture *fixture)
{
    pthread_t threads[THREADS];

    report_one();
    settle();
    sends = CHOPPED;
    for (uintptr_t i = 0; i < THREADS; i++)
        EXPECT(pthread_create(&threads[i], NULL, report_many, (void *)i) == 0);
    for (size_t i = 0; i < THREADS; i++)
        EXPECT(pthread_join(threads[i], NULL) == 0);
    settle();
    sends = WHOLE;
    report_one();
    settle();
    fixture->shared->lost = tt_alloc_lost_reports();
}

/* The pieces of one thread's frame have nothing of another thread's between them. */
static void test_chopped(void **state)
{
    struct fixture *fixture = *state;
    int listener = server_listen(fixture->path);
    uint64_t next[THREADS] = {0};

    fixture->transport = "socket";
    client_start(fixture, run_chopped);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    const struct stream *stream = &fixture->streams[0];
    assert_int_equal(fixture->stream_count, 1);
    assert_int_equal(made_before(stream) + check_stream(stream) + fixture->shared->lost,
                     THREADS * REPORTS_PER_THREAD + 2);
    for (size_t i = 1; i < stream->size / FRAME; i++) {
        const struct tt_alloc_message_72 *head = &frame_at(stream, i)->head;
        if (head->type != TT_ALLOC_ALLOC || head->device_id == OTHER_DEVICE)
            continue;
        assert_in_range(head->device_id, 0, THREADS - 1);
        assert_true(head->buffer_id >= next[head->device_id]);
        next[head->device_id] = head->buffer_id + 1;
    }
}

/* Behind the cut frame there comes its rest and nothing else. */
static void run_cut(struct fixture *fixture)
{
    report_one();
    settle();
    sends = STUCK_AFTER_40;
    report_one(); /* 40 bytes go out, and the rest is kept */
    report_one();
    EXPECT(tt_alloc_lost_reports() == 1 && client_state() == TT_ALLOC_GAP);
    sends = WHOLE;
    settle();
    report_one();
    fixture->shared->lost = tt_alloc_lost_reports();
}

static void test_cut(void **state)
{
    struct fixture *fixture = *state;
    int listener = server_listen(fixture->path);

    fixture->transport = "socket";
    client_start(fixture, run_cut);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    const struct stream *stream = &fixture->streams[0];
    assert_int_equal(fixture->stream_count, 1);
    assert_int_equal(check_stream(stream), 2);
    assert_int_equal(last_record(stream, TT_ALLOC_RESYNC_END)->buffer_id, 3);
    assert_int_equal(fixture->shared->lost, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pauses_while_absent, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_pauses_before_foreign_server, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_held_up, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_silent_while_absent, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_silent_by_ring, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_chopped, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_cut, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests_name("client_injected", tests, NULL, NULL);
}
