/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The clock of all measurements. Read without a system call, and the same in every process, so that what one client
 * saw as the beginning and another as the end can be subtracted.
 */

#include <stdint.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)

static inline uint64_t clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Busy, because a sleep would cost both the sleeper and what it measures a wake-up. */
static inline void clock_spin_until(uint64_t due)
{
    while (clock_now() < due)
        ;
}

static inline void clock_sleep_until(uint64_t due)
{
    struct timespec time = {.tv_sec = (time_t)(due / NS_PER_S), .tv_nsec = (long)(due % NS_PER_S)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) != 0)
        ;
}
