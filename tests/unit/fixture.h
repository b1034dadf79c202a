/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What unit tests share: every test has a time limit, and fails when it leaves a descriptor open. Put FIXTURE(test)
 * into the table of tests.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <unistd.h>

#define FIXTURE_SECONDS 60

static int fixture_fds;

static inline int fixture_count_fds(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = -3; /* ".", ".." and the directory's own */

    if (!directory)
        return -1;
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static inline int fixture_begin(void **state)
{
    (void)state;
    alarm(FIXTURE_SECONDS);
    fixture_fds = fixture_count_fds();
    return 0;
}

static inline int fixture_end(void **state)
{
    int left = fixture_count_fds() - fixture_fds;

    (void)state;
    alarm(0);
    if (left != 0)
        print_error("descriptors left open: %d\n", left);
    return left == 0 ? 0 : -1;
}

#define FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_begin, fixture_end)

/* A small generator for property tests: the same numbers in every run. */
struct fixture_random {
    uint64_t state;
};

static inline uint64_t fixture_random(struct fixture_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* 0 .. limit - 1 */
static inline size_t fixture_below(struct fixture_random *random, size_t limit)
{
    return (size_t)(fixture_random(random) % limit);
}
