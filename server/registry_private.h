/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the parts of the registry share: registry.c (processes and reports), registry_devices.c (which row a process's
 * device is), registry_resync.c (what a resync does).
 */

#include "server/registry.h"

/* The process's entry for a device, with its row; both are made if they are new. -ENOSPC, -EDQUOT, -ENOMEM. */
int registry_place(struct registry *registry, struct process *process, int32_t device_id, struct ledger_device **ret);

/* Brings the device row and the user's account up to date with what happened in the ledger. */
void registry_apply(struct process *process, const struct ledger_change *change, uint64_t now);
