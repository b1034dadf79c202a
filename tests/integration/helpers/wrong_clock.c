/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Preloaded into the server: the wall clock is wrong by as many ns as its test says, who may
 * change it at any time, as somebody who sets the clock of a host would.
 */

#include <dlfcn.h>
#include <stdint.h>
#include <time.h>

#include "shared_page.h"

#define NSEC_PER_SEC 1000000000

static int64_t right;
static const volatile int64_t *wrong_by = &right;
static int (*next_clock_gettime)(clockid_t clock, struct timespec *ret);

static __attribute__((constructor)) void begin(void)
{
    wrong_by = shared_page();
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    int64_t ns;
    int result;

    if (!next_clock_gettime)
        *(void **)&next_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    result = next_clock_gettime(clock, ret);
    if (result < 0 || clock != CLOCK_REALTIME)
        return result;
    ns = ret->tv_sec * INT64_C(1000000000) + ret->tv_nsec + *wrong_by;
    ret->tv_sec = ns / NSEC_PER_SEC;
    ret->tv_nsec = ns % NSEC_PER_SEC;
    return result;
}
