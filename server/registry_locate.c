/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which node of the host a process's device is, from the nodes that it has open. A process that has none open is looked
 * for again when it reports later on, at growing intervals: perhaps it has not opened its devices yet, or the driver
 * does not tell who did.
 */

#include "server/registry_private.h"

#include <errno.h>

#include "server/clock.h"

#define PAUSE_MIN NSEC_PER_SEC
#define PAUSE_MAX (32 * NSEC_PER_SEC)

/* A device that the process names for the first time does not wait for the end of a pause. */
void registry_want_location(struct registry *registry, struct process *process)
{
    if (list_is_empty(&process->unlocated_link))
        list_append(&registry->unlocated, &process->unlocated_link);
}

void registry_look_again(struct registry *registry, struct process *process, uint64_t now)
{
    if (process->look_again && now >= process->look_again)
        registry_want_location(registry, process);
}

static void put_off(struct process *process, uint64_t now)
{
    process->look_pause = process->look_pause ? 2 * process->look_pause : PAUSE_MIN;
    if (process->look_pause > PAUSE_MAX)
        process->look_pause = PAUSE_MAX;
    process->look_again = now + process->look_pause;
}

/* What the process has said of a device before it was known which chip that is goes along, if nobody else said it. */
static int locate(struct registry *registry, struct process *process, struct ledger_device *place,
                  const struct node *node)
{
    const struct device *old = place->userdata;
    struct tt_alloc_device_record told = old->facts;
    bool is_own = old->processes_ever == 1;
    struct device *device;
    int error = registry_put_on_chip(registry, process, place, &node->facts, node, &device);

    if (error == 0 && is_own)
        registry_learn(device, &told, process->user);
    registry->figures.out_of_memory += error == -ENOMEM;
    return error;
}

/* Places on rows that no chip is known for. Whether another look may help: because the process had no node open yet, or
 * because there was no row to be had. */
static bool locate_places(struct registry *registry, struct process *process, const int32_t *held, size_t count)
{
    bool may_help = false;

    for (size_t i = 0; i < ledger_device_count(process->ledger); i++) {
        struct ledger_device *place = ledger_device(process->ledger, i);
        const struct device *device = place->userdata;
        const struct node *node = nodes_place(&registry->devices.nodes, held, count, place->device_id);

        if (!device || device->is_physical)
            continue;
        if (node ? locate(registry, process, place, node) < 0 : count == 0)
            may_help = true;
    }
    return may_help;
}

/* What is left has no node. It got its number when the rows of the others had not gone where they belong yet. */
static void move_up(struct registry *registry, struct process *process)
{
    for (size_t i = 0; i < ledger_device_count(process->ledger); i++) {
        struct device *device = ledger_device(process->ledger, i)->userdata;

        if (device && !device->is_physical && device->processes_ever == 1)
            devices_move_up(&registry->devices, device);
    }
}

void registry_locate(struct registry *registry, struct process *process, const int32_t *held, size_t count,
                     uint64_t now)
{
    list_remove(&process->unlocated_link);
    process->look_again = 0;
    if (locate_places(registry, process, held, count)) {
        put_off(process, now);
        return;
    }
    process->look_pause = 0;
    move_up(registry, process);
}

void registry_set_nodes(struct registry *registry, struct nodes *nodes)
{
    devices_set_nodes(&registry->devices, nodes);
}
