/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_server_core -Wl,--wrap=ev_set_allocator */

/*
 * libev's tables grow within what was set aside, also with as many watchers as that is for, all active and all with
 * something to tell at the same time. libev would end the process if it were not enough.
 */

#include "tests/unit/fixture.h"

#include <errno.h>
#include <ev.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "server/loop_memory.h"

#define WATCHERS 15000

void __real_ev_set_allocator(void *(*allocator)(void *memory, long size));
void __wrap_ev_set_allocator(void *(*allocator)(void *memory, long size));

static void *(*allocator_set)(void *memory, long size);
static size_t requests;

static void *count_request(void *memory, long size)
{
    requests++;
    return allocator_set(memory, size);
}

void __wrap_ev_set_allocator(void *(*allocator)(void *memory, long size))
{
    allocator_set = allocator;
    __real_ev_set_allocator(count_request);
}

static struct watched {
    ev_io readable;
    ev_timer timer;
} watched[WATCHERS];
static size_t fired, expired;

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)events;
    fired++;
    ev_io_stop(loop, watcher);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events;
    expired++;
}

/* All of them at once, which is when the tables are largest. */
static void watch_all(struct ev_loop *loop, const int *fds)
{
    for (size_t i = 0; i < WATCHERS; i++) {
        ev_io_init(&watched[i].readable, on_readable, fds[i], EV_READ);
        ev_timer_init(&watched[i].timer, on_timer, 0., 0.);
        ev_io_start(loop, &watched[i].readable);
        ev_timer_start(loop, &watched[i].timer);
    }
    while (fired < WATCHERS)
        ev_run(loop, EVRUN_ONCE);
}

static void test_all_at_once(void **state)
{
    static int fds[WATCHERS];
    struct rlimit before, limit;
    struct ev_loop *loop;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = (struct rlimit){.rlim_cur = WATCHERS + 64, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (size_t i = 0; i < WATCHERS; i++)
        assert_true((fds[i] = eventfd(1, EFD_CLOEXEC)) >= 0);

    assert_int_equal(loop_memory_init(WATCHERS + 64), 0);
    loop = ev_default_loop(EVFLAG_NOENV);
    assert_non_null(loop);
    watch_all(loop, fds);
    assert_int_equal(fired, WATCHERS);
    assert_int_equal(expired, WATCHERS);
    assert_true(requests > 20);

    ev_loop_destroy(loop);
    loop_memory_done();
    for (size_t i = 0; i < WATCHERS; i++)
        close(fds[i]);
    setrlimit(RLIMIT_NOFILE, &before);
}

/* What does not fit is refused, and what there was stays as it was. */
static void test_more_than_was_set_aside(void **state)
{
    const size_t size = 20000; /* some pages */
    unsigned char *table;

    (void)state;
    assert_int_equal(loop_memory_init(0), 0);
    table = allocator_set(NULL, (long)size);
    assert_non_null(table);
    memset(table, 0x5a, size);
    assert_null(allocator_set(table, 1L << 30));
    for (size_t i = 0; i < size; i++)
        assert_int_equal(table[i], 0x5a);
    assert_null(allocator_set(table, 0));
    loop_memory_done();
    loop_memory_done(); /* there is nothing any more */
    assert_int_equal(loop_memory_init(SIZE_MAX / 1024), -ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {FIXTURE(test_all_at_once), FIXTURE(test_more_than_was_set_aside)};

    return cmocka_run_group_tests_name("loop_memory", tests, NULL, NULL);
}
