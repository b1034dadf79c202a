/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Whose slots in tt-metal's totals are: of processes that live, or of those that died without clearing them.
 */

#include <sys/types.h>

#include "host/census.h"
#include "host/host.h"
#include "host/shm.h"

/* Sets state and pid of the slots of owner's file that stands in shm, live and phantom of its memory, and OK or STALE.
 * Needs the processes that have a device open in host->processes. -ENOMEM. */
int host_slots_check(const struct host *host, struct host_census *census, const struct host_shm *shm, uid_t owner,
                     struct host_totals *totals);
