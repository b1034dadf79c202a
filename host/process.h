/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What /proc says about the processes that matter here: those that have a device open, and those in tt-metal's totals.
 */

#include "host/host.h"
#include "host/root.h"

/* Adds to host->processes who holds one of host->devices and who has a live slot in host->totals; those that are there
 * already are not read again. A process that is gone is there, with -ESRCH. Needs host->boot_time. -ENOMEM. */
int host_processes_read(const struct host_root *root, struct host *host);

/* All that can be known of one. free() what it holds with host_process_done(). -ENOMEM only: what else goes wrong is
 * ret->error. */
int host_process_read(const struct host_root *root, uint64_t boot_time, int32_t pid, struct host_process *ret);

/* Only what costs little and tells who it is: start_time, inner_pid, uid, comm; error as above. Nothing to free. */
void host_process_read_identity(const struct host_root *root, uint64_t boot_time, int32_t pid,
                                struct host_process *ret);

/* The number of a namespace of a process, kind being "pid" or "mnt"; 0 if it is not known. */
uint64_t host_process_read_namespace(const struct host_root *root, int32_t pid, const char *kind);

/* Takes NULL and half-built ones, and leaves zeros. */
void host_process_done(struct host_process *process);
