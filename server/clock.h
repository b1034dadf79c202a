/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The clocks of the server, in ns. Ages and idle times come from the one that never jumps and counts while the host
 * sleeps; the wall clock is only for telling people when something happened.
 */

#include <stdint.h>
#include <time.h>

#define NSEC_PER_SEC UINT64_C(1000000000)

static inline uint64_t clock_read(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static inline uint64_t clock_now(void)
{
    return clock_read(CLOCK_BOOTTIME);
}

static inline uint64_t clock_wall(void)
{
    return clock_read(CLOCK_REALTIME);
}

/* What the wall clock would have said at this moment of clock_now(), had nobody set it while the server ran. */
uint64_t clock_steady(uint64_t moment);
