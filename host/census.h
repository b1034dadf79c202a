/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * All processes of a host by the number that they have for themselves, in their own PID namespace: as a container's
 * tt-metal writes it down. It is costly, so it is taken at the first question, and what a question needs of a process
 * is read once.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/host.h"
#include "host/root.h"
#include "host/shm.h"

struct host_resident {
    int32_t inner_pid;
    int32_t pid;
    bool is_read;
    bool is_searched;
    struct host_process process; /* who it is, if is_read */
    int shm_error;               /* of its /dev/shm, if is_searched */
    struct host_shm shm;         /* closed */
};

struct host_census {
    const struct host_root *root;
    uint64_t boot_time;
    bool is_taken;
    int error; /* of the list of processes */
    struct host_resident *residents;
    size_t count;
};

/* Those of that number: *ret_count of them from the first on; NULL if there are none. -ENOMEM, or that /proc cannot be
 * listed. */
int host_census_find(struct host_census *census, int32_t inner_pid, struct host_resident **ret, size_t *ret_count);

/* A resident's process, or what /dev/shm is to it. */
const struct host_process *host_census_read(const struct host_census *census, struct host_resident *resident);
int host_census_search(const struct host_census *census, struct host_resident *resident, const struct host_shm **ret);

/* Takes one that was never taken. */
void host_census_done(struct host_census *census);
