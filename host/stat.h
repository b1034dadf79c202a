/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The line of /proc/PID/stat, as far as it tells who a process is. */

#include <stdbool.h>
#include <stdint.h>

struct host_stat {
    bool is_there; /* who has ended and only waits to be waited for is not, unless just the main thread has ended */
    uint64_t start_ticks;
    char comm[16];
};

/* -EINVAL. */
int host_stat_parse(const char *text, struct host_stat *ret);
