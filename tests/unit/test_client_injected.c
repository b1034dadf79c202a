/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_static -Wl,--wrap=clock_gettime -Wl,--wrap=poll -Wl,--wrap=connect -Wl,--wrap=send */

/*
 * What real time and a real socket do not show reliably: the exact times of the attempts to connect, sends that are cut
 * at any byte, and that a report during a back-off costs no system call. The linker puts the functions below between
 * the library and libc; they have an effect only in clients that ask for it.
 */

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "client_fixture.h"

#define MS UINT64_C(1000000)

int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __real_connect(int fd, const struct sockaddr *address, socklen_t size);
ssize_t __real_send(int fd, const void *bytes, size_t size, int flags);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size);
ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags);

static uint64_t virtual_now; /* of the monotonic clock; 0: the real one runs */
static unsigned attempts;
static enum { WHOLE, CHOPPED, STUCK_AFTER_40 } sends = WHOLE;

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
    if (virtual_now == 0 || clock != CLOCK_MONOTONIC_COARSE)
        return __real_clock_gettime(clock, time);
    *time =
        (struct timespec){.tv_sec = (time_t)(virtual_now / (1000 * MS)), .tv_nsec = (long)(virtual_now % (1000 * MS))};
    return 0;
}

/* Virtual time passes by waiting. */
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
    if (virtual_now == 0 || sends != STUCK_AFTER_40)
        return __real_poll(fds, count, timeout);
    virtual_now += (uint64_t)timeout * MS;
    return 0;
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size)
{
    attempts++;
    return __real_connect(fd, address, size);
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

static bool report_one(void)
{
    uint64_t lost = tt_alloc_lost_reports();

    tt_alloc_report_allocation(0, 1, TT_ALLOC_L1, 2);
    return tt_alloc_lost_reports() == lost;
}

/* ---- Back-off ---- */

/* One report per ms for two minutes. */
static void run_schedule(struct fixture *fixture)
{
    const unsigned expected[] = {0, 100, 300, 700, 1500, 3100, 6300, 12700, 22700, 32700, 42700, 52700};
    unsigned reports = 0;

    (void)fixture;
    virtual_now = 1000 * MS;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        for (; reports < expected[i]; reports++) {
            EXPECT(!report_one());
            EXPECT(attempts == i);
            virtual_now += MS;
        }
        EXPECT(!report_one());
        EXPECT(attempts == i + 1);
        reports++;
        virtual_now += MS;
    }
    EXPECT(tt_alloc_lost_reports() == reports);
}

static void test_schedule(void **state)
{
    struct fixture *fixture = *state;
    char text[512];

    client_start(fixture, run_schedule);
    serve(fixture, -1);
    snprintf(text, sizeof(text),
             "tt-alloc: no allocation server at %s (No such file or directory): reports are dropped; "
             "start it with: systemctl start tt-allocation-server\n",
             fixture->path);
    client_finish(fixture, text); /* one line for all of the attempts */
}

static void hang_up(int listener)
{
    int fd = accept(listener, NULL, NULL);

    EXPECT(fd >= 0 && close(fd) == 0);
}

/* The client is its own server, so that everything happens in a fixed order. */
static void run_flapping(struct fixture *fixture)
{
    int listener = server_listen(fixture->path);

    virtual_now = 1000 * MS;
    EXPECT(report_one() && attempts == 1);
    hang_up(listener);
    EXPECT(report_one() && attempts == 2); /* the first retry is free */
    hang_up(listener);
    EXPECT(!report_one() && attempts == 2);
    virtual_now += 99 * MS;
    EXPECT(!report_one() && attempts == 2);
    virtual_now += 1 * MS;
    EXPECT(report_one() && attempts == 3);
    hang_up(listener);
    EXPECT(!report_one() && attempts == 3);
    virtual_now += 200 * MS;
    EXPECT(report_one() && attempts == 4);
    virtual_now += 10000 * MS; /* that was a good one: all is forgotten */
    hang_up(listener);
    EXPECT(report_one() && attempts == 5);
    EXPECT(tt_alloc_lost_reports() == 3);
}

static void test_flapping(void **state)
{
    struct fixture *fixture = *state;

    client_start(fixture, run_flapping);
    serve(fixture, -1);
    client_finish(fixture, "");
}

/* ---- No system calls while backing off ---- */

#define ALLOW(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* From here on any other system call is the end of the process. Where the kernel has no fast clock, reading it counts
 * as one; the library is not to blame for that. */
static void forbid_system_calls(void)
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

static void run_silent(struct fixture *fixture)
{
    (void)fixture;
    virtual_now = 1000 * MS;
    EXPECT(!report_one());
    forbid_system_calls();
    bool delivered = false;
    for (int i = 0; i < 1000; i++)
        delivered = delivered || report_one();
    syscall(SYS_exit_group, delivered ? 98 : 0); /* _exit() does more where there are sanitizers */
}

static void test_silent_while_backing_off(void **state)
{
    struct fixture *fixture = *state;

    client_start(fixture, run_silent);
    serve(fixture, -1);
    client_finish(fixture, NULL);
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

    (void)fixture;
    virtual_now = 1000 * MS; /* stands still: however slow the test is, no patience ends */
    sends = CHOPPED;
    for (uintptr_t i = 0; i < THREADS; i++)
        EXPECT(pthread_create(&threads[i], NULL, report_many, (void *)i) == 0);
    for (size_t i = 0; i < THREADS; i++)
        EXPECT(pthread_join(threads[i], NULL) == 0);
    EXPECT(tt_alloc_lost_reports() == 0);
}

/* The pieces of one thread's frame have nothing of another thread's between them. */
static void test_chopped(void **state)
{
    struct fixture *fixture = *state;
    int listener = server_listen(fixture->path);
    uint64_t next[THREADS] = {0};

    client_start(fixture, run_chopped);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    assert_int_equal(fixture->stream_count, 1);
    assert_int_equal(check_streams(fixture), THREADS * REPORTS_PER_THREAD);
    for (size_t i = 1; i <= THREADS * REPORTS_PER_THREAD; i++) {
        const struct tt_alloc_message_72 *head = &frame_at(&fixture->streams[0], i)->head;
        assert_in_range(head->device_id, 0, THREADS - 1);
        assert_int_equal(head->buffer_id, next[head->device_id]++);
    }
}

/* Behind the cut frame there is the end of the stream and nothing else. The patience is 100 ms to the dot. */
static void run_cut(struct fixture *fixture)
{
    (void)fixture;
    virtual_now = 1000 * MS;
    EXPECT(report_one());
    sends = STUCK_AFTER_40;
    EXPECT(!report_one());
    EXPECT(virtual_now >= 1099 * MS && virtual_now <= 1101 * MS);
    sends = WHOLE;
    EXPECT(!report_one() && attempts == 1);
    virtual_now += 100 * MS;
    EXPECT(report_one() && attempts == 2);
}

static void test_cut(void **state)
{
    struct fixture *fixture = *state;
    int listener = server_listen(fixture->path);

    client_start(fixture, run_cut);
    serve(fixture, listener);
    client_finish(fixture, "");
    close(listener);
    assert_int_equal(fixture->stream_count, 2);
    assert_int_equal(fixture->streams[0].size, 2 * FRAME + 40);
    assert_int_equal(check_stream(&fixture->streams[1]), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_schedule, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_flapping, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_silent_while_backing_off, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_chopped, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_cut, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests_name("client_injected", tests, NULL, NULL);
}
