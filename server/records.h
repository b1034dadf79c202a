/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the registry holds, as frames of the wire: one function per kind of record. Each adds its frames to the output
 * or fails with -ENOMEM; *frames goes up by as many as were added.
 */

#include <stdbool.h>
#include <stdint.h>

#include "server/output.h"
#include "server/registry.h"

/* DEVICE and its USAGE. */
int record_device(struct output *output, const struct device *device, uint64_t now, uint64_t *frames);
/* HISTORY of all pools that were ever used. */
int record_history(struct output *output, struct device *device, const struct tt_alloc_list_request *request,
                   uint64_t now, uint64_t *frames);
/* PROCESS, its command line as TEXT if `with_command`, and its USAGE on all devices or on the one with this number. */
int record_process(struct output *output, const struct process *process, bool with_command, int32_t number,
                   uint64_t now, uint64_t *frames);
/* ENDED, likewise. */
int record_ended(struct output *output, const struct ended *ended, bool with_command, uint64_t *frames);
/* BUFFER. */
int record_buffer(struct output *output, const struct process *process, const struct ledger_buffer *buffer,
                  uint64_t now, uint64_t *frames);
/* All of FIGURE. started: when the server did, monotonic. */
int record_figures(struct output *output, const struct registry *registry, uint64_t started, uint64_t now,
                   uint64_t *frames);
