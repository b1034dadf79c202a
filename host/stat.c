/* SPDX-License-Identifier: Apache-2.0 */

/* The command name stands in parentheses and may hold any byte, so the fields are counted from the last one. */

#include "host/stat.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int host_stat_parse(const char *text, struct host_stat *ret)
{
    const char *name = strchr(text, '('), *end = strrchr(text, ')');
    struct host_stat stat;
    long threads;
    char state;

    if (!name || !end || end < name)
        return -EINVAL;
    if (sscanf(end + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %ld %*d %" SCNu64, &state,
               &threads, &stat.start_ticks) != 3)
        return -EINVAL;
    stat.is_there = !strchr("ZXx", state) || threads > 1;
    snprintf(stat.comm, sizeof(stat.comm), "%.*s", (int)(end - name - 1), name + 1);
    *ret = stat;
    return 0;
}
