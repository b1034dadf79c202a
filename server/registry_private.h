/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the parts of the registry share: registry.c (processes and reports), registry_devices.c (which row a process's
 * device is), registry_locate.c (which node of the host it is), registry_resync.c (what a resync does).
 */

#include "server/registry.h"

/* The process's entry for a device, with its row; both are made if they are new. -ENOSPC, -EDQUOT, -ENOMEM. */
int registry_place(struct registry *registry, struct process *process, int32_t device_id, struct ledger_device **ret);

/* The row of the chip that the facts name, or the node where there is one, made if there is none; the process's device
 * is there now with all it holds. -EDQUOT, -ENOMEM. */
int registry_put_on_chip(struct registry *registry, struct process *process, struct ledger_device *place,
                         const struct tt_alloc_device_record *facts, const struct node *node, struct device **ret);

/* The process's user says so of the row's chip. */
void registry_learn(struct device *device, const struct tt_alloc_device_record *facts, const struct user *user);

/* One of the process's devices is a chip of which the host may know more. */
void registry_want_location(struct registry *registry, struct process *process);

/* Brings the device row and the user's account up to date with what happened in the ledger. */
void registry_apply(struct process *process, const struct ledger_change *change, uint64_t now);
