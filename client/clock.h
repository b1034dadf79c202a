/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The two clocks of the library, both of the coarse kind: they are read without a system call and without touching the
 * hardware, and a few milliseconds more or less matter neither to a time limit nor to a timestamp.
 */

#include <stdint.h>
#include <time.h>

#define TT_ALLOC_MS UINT64_C(1000000) /* in ns */

static inline uint64_t tt_alloc_clock_read(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000 * TT_ALLOC_MS + (uint64_t)time.tv_nsec;
}

/* ns of a clock that never jumps; for time limits. Never 0. */
static inline uint64_t tt_alloc_clock_now(void)
{
    return tt_alloc_clock_read(CLOCK_MONOTONIC_COARSE) + 1;
}

/* ns since 1970. */
static inline uint64_t tt_alloc_clock_wall(void)
{
    return tt_alloc_clock_read(CLOCK_REALTIME_COARSE);
}
