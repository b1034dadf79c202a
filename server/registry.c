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
#include "server/device_history.h"
#include "server/registry_private.h"

void registry_init(struct registry *registry, void (*on_remains)(struct remains, void *), void *userdata)
{
    *registry = (struct registry){.on_remains = on_remains, .userdata = userdata};
    processes_init(&registry->processes);
    users_init(&registry->users);
    ended_init(&registry->ended);
    list_init(&registry->sweeping);
    list_init(&registry->unlocated);
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
        device_note_departure(device, &place->usage);
        if (process->is_unsettled)
            device_settle(device, clock_now());
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
        .is_inexact = process_is_inexact(process),
        .ledger = process->ledger,
    };
    uint64_t buffers = ledger_count(process->ledger);

    memcpy(remains.comm, process->facts.comm, sizeof(remains.comm));
    if (ended_add(&registry->ended, process, reason, clock_now()) < 0)
        registry->figures.out_of_memory++;
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
        process->inexact |= PROCESS_SHORT;
        return -EDQUOT;
    case -ENOMEM:
        registry->figures.refused_memory++;
        process->inexact |= PROCESS_SHORT;
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

/* While a resync runs, the reporter may well free what it has not come to tell of. */
static void count_release(struct registry *registry, const struct process *process, const struct ledger_change *change)
{
    struct figures *figures = &registry->figures;

    if (change->effect != LEDGER_UNKNOWN)
        figures->frees++;
    else if (process->resyncs > 0)
        figures->overtaken++;
    else
        figures->unknown_free++;
    figures->ambiguous_free += change->ambiguous;
}

/* What follows counts in no peak, and in no history. */
static void unsettle_rows(struct process *process)
{
    process->is_unsettled = true;
    for (size_t i = 0; i < ledger_device_count(process->ledger); i++) {
        struct device *device = ledger_device(process->ledger, i)->userdata;

        if (device)
            device_unsettle(device);
    }
}

/* The ledger has settled its own peaks. */
static void settle_rows(struct process *process, uint64_t now)
{
    process->is_unsettled = false;
    for (size_t i = 0; i < ledger_device_count(process->ledger); i++) {
        struct device *device = ledger_device(process->ledger, i)->userdata;

        if (!device)
            continue;
        usage_settle_peaks(&device->usage);
        device_settle(device, now);
    }
}

/* A report tells of its own time, which may lie before what others reported of the same device. */
void registry_apply(struct process *process, const struct ledger_change *change, uint64_t now)
{
    struct device *device = change->device->userdata;
    uint64_t latest = now > device->usage.last_activity ? now : device->usage.last_activity;

    if (!device->history)
        device_begin_history(device, now);
    if (change->uncertain && !process->is_unsettled)
        unsettle_rows(process);
    ledger_apply(change, latest, &device->usage);
    device_note(device, change, process->is_unsettled, now);
    if (change->effect == LEDGER_ADDED)
        process->user->buffers++;
    else if (change->effect == LEDGER_REMOVED || change->effect == LEDGER_SWEPT)
        process->user->buffers--;
    if (process->is_unsettled && !change->uncertain)
        settle_rows(process, now);
}

static void note_report(struct registry *registry, struct process *process, uint64_t now)
{
    registry->figures.reports++;
    if (process->last_activity < now)
        process->last_activity = now;
}

/* Sees to it that the device has a row. Most reports are about the same device as the one before. */
static int see_to_row(struct registry *registry, struct process *process, int32_t device_id)
{
    if (process->place && process->place->device_id == device_id)
        return 0;
    return registry_place(registry, process, device_id, &process->place);
}

int registry_allocate(struct registry *registry, struct process *process, int32_t device_id, uint8_t region,
                      uint64_t buffer_id, uint64_t size, uint64_t now)
{
    struct ledger_change change;
    int error;

    note_report(registry, process, now);
    error = check_fields(registry, process, device_id, region, false);
    if (error < 0)
        return error;
    if (size >= LEDGER_SIZE_LIMIT)
        return refuse(registry, process, -EFBIG);
    if (!user_may_allocate(process->user)) {
        user_refused(process->user, LIMIT_BUFFERS);
        return refuse(registry, process, -EDQUOT);
    }

    error = see_to_row(registry, process, device_id);
    if (error < 0)
        return refuse(registry, process, error);
    error = ledger_allocate(process->ledger, device_id, region, buffer_id, size, now, &change);
    if (error < 0)
        return refuse(registry, process, error);

    count_allocation(registry, &change);
    registry_apply(process, &change, now);
    return 0;
}

int registry_release(struct registry *registry, struct process *process, int32_t device_id, uint8_t region,
                     uint64_t buffer_id, uint64_t now)
{
    struct ledger_change change;
    int error;

    note_report(registry, process, now);
    error = check_fields(registry, process, device_id, region, true);
    if (error < 0)
        return error;

    error = ledger_release(process->ledger, device_id, region, buffer_id, now, &change);
    assert(error == 0);
    count_release(registry, process, &change);
    if (change.effect != LEDGER_UNKNOWN)
        registry_apply(process, &change, now);
    return 0;
}

void registry_lose(struct registry *registry, struct process *process, uint64_t reports)
{
    process->lost += reports;
    process->inexact |= PROCESS_GAP;
    registry->figures.lost_reports += reports;
}

/* ---- Peaks ---- */

bool registry_reset_process_peaks(struct process *process, int32_t number)
{
    bool is_used = number < 0;

    process->is_past_peaks = process->is_past_peaks || number < 0;
    for (size_t i = 0; i < ledger_device_count(process->ledger); i++) {
        struct ledger_device *place = ledger_device(process->ledger, i);
        const struct device *device = place->userdata;

        if (number >= 0 && !(device && device->number == number))
            continue;
        place->is_past_peaks = true;
        if (usage_reset_peaks(&place->usage))
            process->has_reset_peaks = true;
        is_used = true;
    }
    return is_used;
}

void registry_reset_device_peaks(struct registry *registry, int32_t number)
{
    bool is_lowered = false;

    for (size_t i = 0; i < registry->devices.count; i++)
        if (number < 0 || registry->devices.rows[i]->number == number)
            is_lowered |= usage_reset_peaks(&registry->devices.rows[i]->usage);
    registry->figures.device_peak_resets += is_lowered;
}
