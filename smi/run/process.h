/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Processes of a run, copied out of the server's lists, each once, by the server's number of it. */

#include "smi/run/account.h"

/* Adds a copy, or replaces what was kept of the same process; one that has ended stays as it ended. -ENOMEM. */
int run_process_keep(struct run_process **processes, size_t *count, const struct tt_alloc_process *facts,
                     bool has_ended);

/* Frees what it owns. */
void run_process_drop(struct run_process *process);

/* free()s the list and all in it. Takes NULL. */
void run_processes_clear(struct run_process *processes, size_t count);
