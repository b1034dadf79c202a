/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Whose a buffer is: finds processes by the server's number of them. */

#include "smi/sample/snapshot.h"

struct owners {
    const struct process_row **rows; /* by serial */
    size_t count;
};

/* Of the processes that report. -ENOMEM. */
int owners_make(const struct snapshot *snapshot, struct owners *ret);
void owners_clear(struct owners *owners);

/* Of a process that began to report after the others had been listed, what the buffer tells. */
struct process_row owners_find(const struct owners *owners, const struct tt_alloc_buffer *buffer);

/* The devices of the group's buffers: "0,1" or "0-3,7". NULL when out of memory; free() it. */
char *group_devices(const struct buffer_group *group);
