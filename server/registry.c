/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Applying reports. Each report changes the ledger of its process first; what the ledger says has changed is then
 * applied to the device row, so that a row is always the sum of what its processes hold there.
 */

#include "server/registry.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "server/clock.h"

void registry_init(struct registry *registry, void (*on_remains)(struct remains, void *), void *userdata)
{
    *registry = (struct registry){.on_remains = on_remains, .userdata = userdata};
    processes_init(&registry->processes);
    users_init(&registry->users);
    ended_init(&registry->ended);
}

void registry_done(struct registry *registry)
{
    list_for_each (link, &registry->processes.all)
        processes_remove(&registry->processes, LIST_ENTRY(link, struct process, link));
    processes_done(&registry->processes);
    ended_done(&registry->ended);
    devices_done(&registry->devices);
    users_done(&registry->users);
}

/* ---- Processes come and go ---- */

int registry_attach(struct registry *registry, const struct peer *peer, struct process **ret)
{
    struct process_facts facts;
    struct process *process;
    struct user *user;
    int error = users_get(&registry->users, peer->uid, &user);

    if (error < 0)
        return error;
    peer_read_facts(peer, &facts);
    process = processes_find(&registry->processes, peer->pid, facts.start_ticks, user);
    if (!process)
        error = processes_add(&registry->processes, peer, &facts, user, clock_now(), &process);
    process_facts_done(&facts);
    if (error < 0)
        return error;

    process->sessions++;
    *ret = process;
    return 0;
}

/* Whether no earlier device id of the process is on the same row: two ids of a process may well name one chip. */
static bool is_first_on(const struct process *process, size_t position)
{
    for (size_t i = 0; i < position; i++)
        if (ledger_device(process->ledger, i)->userdata == ledger_device(process->ledger, position)->userdata)
            return false;
    return true;
}

/* The process holds nothing any more on any device; the rows stay. */
static void withdraw_from_devices(struct process *process)
{
    for (size_t i = 0; i < ledger_device_count(process->ledger); i++) {
        struct ledger_device *place = ledger_device(process->ledger, i);
        struct device *device = place->userdata;

        if (!device)
            continue;
        usage_withdraw(&device->usage, &place->usage);
        device->processes -= is_first_on(process, i);
    }
}

void remains_release_devices(struct remains *remains)
{
    for (size_t i = 0; i < ledger_device_count(remains->ledger); i++) {
        struct ledger_device *place = ledger_device(remains->ledger, i);

        if (place->userdata)
            device_unref(place->userdata);
        place->userdata = NULL;
    }
}

void remains_settle(struct remains *remains)
{
    remains->user->buffers -= remains->buffers;
    remains->buffers = 0;
}

static void end_process(struct registry *registry, struct process *process, uint32_t reason)
{
    struct remains remains = {
        .pid = process->pid,
        .user = process->user,
        .reason = reason,
        .is_inexact = process->is_inexact,
        .ledger = process->ledger,
    };
    uint64_t buffers = ledger_count(process->ledger);

    memcpy(remains.comm, process->facts.comm, sizeof(remains.comm));
    if (ended_add(&registry->ended, process, reason, clock_now()) < 0)
        registry->figures.refused_memory++;
    withdraw_from_devices(process);
    remains.buffers = buffers;
    process->ledger = NULL;
    processes_remove(&registry->processes, process);

    if (buffers > 0) {
        registry->figures.leaked_processes++;
        registry->figures.leaked_buffers += buffers;
    }
    registry->on_remains(remains, registry->userdata);
}

void registry_detach(struct registry *registry, struct process *process, bool exited)
{
    assert(process->sessions > 0);
    if (--process->sessions == 0)
        end_process(registry, process, exited ? TT_ALLOC_REASON_EXITED : TT_ALLOC_REASON_HUNG_UP);
}

/* ---- A process's devices ---- */

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
    usage_merge(&device->usage, &place->usage);
}

static void take_off(const struct process *process, struct ledger_device *place)
{
    struct device *device = place->userdata;

    usage_withdraw(&device->usage, &place->usage);
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
    *ret = place;
    return 0;
}

static int find_place(struct registry *registry, struct process *process, int32_t device_id, struct ledger_device **ret)
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
                       const struct tt_alloc_device_record *facts, struct device **ret)
{
    struct device *device = devices_find_physical(&registry->devices, facts);
    struct device *old = place->userdata;

    registry->row_searches++;
    if (!device && old && !old->is_physical && old->processes_ever == 1) {
        old->is_physical = true;
        device = old;
    }
    if (!device)
        return devices_add_physical(&registry->devices, facts, facts->device_id, process->user, ret);
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

/* What root says stands. What anybody else said stands while he may be right: as long as others are on the row. */
static void learn(struct device *device, const struct tt_alloc_device_record *facts, const struct user *user)
{
    bool is_alone = device->processes == 1;

    device_learn(device, facts, user->is_privileged || (is_alone && !device->is_trusted));
    device->is_trusted = device->is_trusted || user->is_privileged;
}

static int describe(struct registry *registry, struct process *process, const struct tt_alloc_device_record *facts)
{
    struct ledger_device *place;
    struct device *device;
    int error;

    if (!device_facts_name_a_chip(facts)) {
        error = find_place(registry, process, facts->device_id, &place);
        if (error < 0)
            return error;
        device = place->userdata;
    } else {
        error = ledger_add_device(process->ledger, facts->device_id, &place);
        if (error < 0)
            return error;
        error = row_of_chip(registry, process, place, facts, &device);
        if (error < 0)
            return error;
        move_place(registry, process, place, device);
    }
    learn(device, facts, process->user);
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

/* ---- Reports ---- */

static int refuse(struct registry *registry, struct process *process, int error)
{
    process->lost++;
    switch (error) {
    case -EFBIG:
        registry->figures.refused_size++;
        break;
    case -ENOSPC:
    case -EDQUOT:
        registry->figures.refused_limit++;
        process->is_inexact = true;
        return -EDQUOT;
    case -ENOMEM:
        registry->figures.refused_memory++;
        process->is_inexact = true;
        break;
    default:
        assert(false);
    }
    return error;
}

static int check_fields(struct registry *registry, struct process *process, int32_t device_id, uint8_t region,
                        bool may_be_any)
{
    if (device_id < 0)
        registry->figures.refused_device++;
    else if (region >= TT_ALLOC_REGIONS && !(may_be_any && region == LEDGER_ANY_REGION))
        registry->figures.refused_region++;
    else
        return 0;
    process->lost++;
    return -EINVAL;
}

static void count_allocation(struct registry *registry, const struct ledger_change *change)
{
    struct figures *figures = &registry->figures;

    figures->allocations++;
    figures->shared += change->effect == LEDGER_SHARED;
    figures->replaced += change->effect == LEDGER_REPLACED;
}

static void count_release(struct registry *registry, const struct ledger_change *change)
{
    struct figures *figures = &registry->figures;

    figures->frees += change->effect != LEDGER_UNKNOWN;
    figures->unknown_free += change->effect == LEDGER_UNKNOWN;
    figures->ambiguous_free += change->ambiguous;
}

/* Brings the device row and the user's account up to date with what happened in the ledger. */
static void apply(struct process *process, const struct ledger_change *change, uint64_t now)
{
    struct device *device = change->device->userdata;

    ledger_apply(change, now, &device->usage);
    if (change->effect == LEDGER_ADDED)
        process->user->buffers++;
    else if (change->effect == LEDGER_REMOVED)
        process->user->buffers--;
}

int registry_allocate(struct registry *registry, struct process *process, int32_t device_id, uint8_t region,
                      uint64_t buffer_id, uint64_t size, uint64_t now)
{
    struct ledger_device *place;
    struct ledger_change change;
    int error;

    registry->figures.reports++;
    process->last_activity = now;
    error = check_fields(registry, process, device_id, region, false);
    if (error < 0)
        return error;
    if (size >= LEDGER_SIZE_LIMIT)
        return refuse(registry, process, -EFBIG);
    if (!user_may_allocate(process->user))
        return refuse(registry, process, -EDQUOT);

    error = find_place(registry, process, device_id, &place);
    if (error < 0)
        return refuse(registry, process, error);
    error = ledger_allocate(process->ledger, device_id, region, buffer_id, size, now, &change);
    if (error < 0)
        return refuse(registry, process, error);

    count_allocation(registry, &change);
    apply(process, &change, now);
    return 0;
}

int registry_release(struct registry *registry, struct process *process, int32_t device_id, uint8_t region,
                     uint64_t buffer_id, uint64_t now)
{
    struct ledger_change change;
    int error;

    registry->figures.reports++;
    process->last_activity = now;
    error = check_fields(registry, process, device_id, region, true);
    if (error < 0)
        return error;

    error = ledger_release(process->ledger, device_id, region, buffer_id, now, &change);
    assert(error == 0);
    count_release(registry, &change);
    if (change.effect != LEDGER_UNKNOWN)
        apply(process, &change, now);
    return 0;
}

/* ---- Peaks ---- */

void registry_reset_process_peaks(struct process *process, int32_t number)
{
    for (size_t i = 0; i < ledger_device_count(process->ledger); i++) {
        struct ledger_device *place = ledger_device(process->ledger, i);
        const struct device *device = place->userdata;

        if (number < 0 || (device && device->number == number))
            usage_reset_peaks(&place->usage);
    }
}

void registry_reset_device_peaks(struct registry *registry, int32_t number)
{
    for (size_t i = 0; i < registry->devices.count; i++)
        if (number < 0 || registry->devices.rows[i]->number == number)
            usage_reset_peaks(&registry->devices.rows[i]->usage);
}
