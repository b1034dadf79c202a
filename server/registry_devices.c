/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which row a process's device is. Until a client says which chip it means, its own number names the row; then what the
 * process holds moves to the row of the chip.
 */

#include "server/registry_private.h"

#include <errno.h>

#include "server/clock.h"
#include "server/device_history.h"

/* Whether one of the process's device ids is on the row. */
static bool is_on(const struct process *process, const struct device *device)
{
    for (size_t i = 0; i < ledger_device_count(process->ledger); i++)
        if (ledger_device(process->ledger, i)->userdata == device)
            return true;
    return false;
}

static void place_on(const struct process *process, struct ledger_device *place, struct device *device)
{
    if (!is_on(process, device)) {
        device->processes++;
        device->processes_ever++;
    }
    place->userdata = device;
    device_ref(device);
    if (process->is_unsettled)
        device_unsettle(device);
    usage_merge(&device->usage, &place->usage);
    device_note_arrival(device, &place->usage);
}

static void take_off(const struct process *process, struct ledger_device *place)
{
    struct device *device = place->userdata;

    usage_withdraw(&device->usage, &place->usage);
    device_note_departure(device, &place->usage);
    if (process->is_unsettled)
        device_settle(device, clock_now());
    place->userdata = NULL;
    device->processes -= !is_on(process, device);
    device_unref(device);
}

/* The process's entry for a device it uses for the first time, with its row. */
static int use_device(struct registry *registry, struct process *process, int32_t device_id, struct ledger_device **ret)
{
    struct ledger_device *place;
    struct device *device;
    int error = ledger_add_device(process->ledger, device_id, &place);

    if (error < 0)
        return error;
    registry->row_searches++;
    error = devices_get_logical(&registry->devices, device_id, process->user, &device);
    if (error < 0)
        return error;
    place_on(process, place, device);
    registry_want_location(registry, process);
    *ret = place;
    return 0;
}

int registry_place(struct registry *registry, struct process *process, int32_t device_id, struct ledger_device **ret)
{
    struct ledger_device *place = ledger_find_device(process->ledger, device_id);

    if (!place || !place->userdata)
        return use_device(registry, process, device_id, ret);
    *ret = place;
    return 0;
}

/*
 * The row of the chip, for a place that may stand on a row of its logical id. If that row never had another process, it
 * becomes the chip's row, and nothing has to move.
 */
static int row_of_chip(struct registry *registry, struct process *process, const struct ledger_device *place,
                       const struct tt_alloc_device_record *facts, const struct node *node, struct device **ret)
{
    struct devices *devices = &registry->devices;
    struct device *device = node ? devices_find_node(devices, node->number) : NULL;
    struct device *old = place->userdata;
    int error = 0;

    registry->row_searches++;
    if (!device)
        device = devices_find_physical(devices, facts);
    if (!device && old && !old->is_physical && old->processes_ever == 1) {
        old->is_physical = true;
        device = old;
    }
    if (!device)
        error = devices_add_physical(devices, facts, place->device_id, process->user, &device);
    if (error < 0)
        return error;
    if (node && device->node < 0)
        devices_join(devices, device, node);
    *ret = device;
    return 0;
}

static void move_place(struct registry *registry, const struct process *process, struct ledger_device *place,
                       struct device *device)
{
    struct device *old = place->userdata;

    if (old == device)
        return;
    if (old)
        take_off(process, place);
    place_on(process, place, device);
    if (old && !old->is_physical && old->references == 0 && old->processes_ever == 1)
        devices_remove(&registry->devices, old);
}

int registry_put_on_chip(struct registry *registry, struct process *process, struct ledger_device *place,
                         const struct tt_alloc_device_record *facts, const struct node *node, struct device **ret)
{
    struct device *device;
    int error = row_of_chip(registry, process, place, facts, node, &device);

    if (error < 0)
        return error;
    move_place(registry, process, place, device);
    *ret = device;
    return 0;
}

/* What the host says stands, and so does what root says. What anybody else said stands while he may be right: as long
 * as others are on the row. */
void registry_learn(struct device *device, const struct tt_alloc_device_record *facts, const struct user *user)
{
    struct tt_alloc_device_record told = *facts;
    bool is_alone = device->processes == 1;

    device_note_other_id(device, facts);
    told.known &= ~device->vouched;
    device_learn(device, &told, user->is_privileged || (is_alone && !device->is_trusted));
    device->is_trusted = device->is_trusted || user->is_privileged;
}

static int describe_chip(struct registry *registry, struct process *process, const struct tt_alloc_device_record *facts,
                         struct device **ret)
{
    const struct node *node = nodes_match(&registry->devices.nodes, facts);
    struct ledger_device *place;
    int error = ledger_add_device(process->ledger, facts->device_id, &place);

    if (error == 0)
        error = registry_put_on_chip(registry, process, place, facts, node, ret);
    if (error == 0 && !node)
        registry_want_location(registry, process);
    return error;
}

static int describe_place(struct registry *registry, struct process *process,
                          const struct tt_alloc_device_record *facts, struct device **ret)
{
    struct ledger_device *place;
    int error = registry_place(registry, process, facts->device_id, &place);

    if (error == 0)
        *ret = place->userdata;
    return error;
}

static int describe(struct registry *registry, struct process *process, const struct tt_alloc_device_record *facts)
{
    bool names_chip = device_facts_name_a_chip(facts);
    struct device *device;
    int error = (names_chip ? describe_chip : describe_place)(registry, process, facts, &device);

    if (error < 0)
        return error;
    registry_learn(device, facts, process->user);
    return 0;
}

int registry_describe(struct registry *registry, struct process *process, const struct tt_alloc_device_record *facts)
{
    int error = facts->device_id < 0 ? -EINVAL : describe(registry, process, facts);

    if (error < 0)
        registry->figures.refused_description++;
    return error == -ENOSPC ? -EDQUOT : error;
}

struct device *registry_resolve(struct registry *registry, struct process *process, int32_t device_id)
{
    struct ledger_device *place = process ? ledger_find_device(process->ledger, device_id) : NULL;

    return place && place->userdata ? place->userdata : devices_find(&registry->devices, device_id);
}
