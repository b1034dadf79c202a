/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a resync does to a process. The ledger marks and sweeps (ledger/ledger.h); here is what goes with it: the rows,
 * the user's account, and whether the process is exact.
 */

#include "server/registry_private.h"

#include <assert.h>
#include <errno.h>

#include "server/clock.h"

#define COUNT_LIMIT (UINT64_C(1) << 48) /* nobody has made so many reports */

static void stop_sweeping(struct process *process)
{
    process->is_sweeping = false;
    list_remove(&process->sweep_link);
}

/* What was refused or lost so far will be told again; what is from now on, will not. If the ledger has seen too many
 * begins without an end, the marks of an earlier one stay: what they make stale is so all the more. */
void registry_resync_begin(struct process *process, bool merge)
{
    process->resyncs++;
    if (merge)
        return;
    stop_sweeping(process);
    process->sweep_cursor = 0;
    process->inexact = ledger_resync_begin(process->ledger) < 0 ? PROCESS_UNHEALED : 0;
}

void registry_resync_call_off(struct process *process)
{
    assert(process->resyncs > 0);
    process->resyncs--;
    process->inexact |= PROCESS_UNHEALED;
}

static bool adds_up(const struct process *process, uint64_t live)
{
    return ledger_count(process->ledger) - ledger_stale(process->ledger) == live;
}

/* With another session beside, or after a refusal, the numbers are known to differ. */
void registry_resync_end(struct registry *registry, struct process *process, bool merge, uint64_t live)
{
    assert(process->resyncs > 0);
    process->resyncs--;
    registry->figures.resyncs++;
    if (merge)
        return;
    if (process->sessions == 1 && !process->inexact && !adds_up(process, live)) {
        registry->figures.resync_mismatch++;
        process->inexact |= PROCESS_UNHEALED;
    }
    if (ledger_stale(process->ledger) == 0 || process->is_sweeping)
        return;
    process->is_sweeping = true;
    list_append(&registry->sweeping, &process->sweep_link);
}

bool registry_sweep(struct registry *registry, struct process *process, size_t *steps)
{
    uint64_t now = clock_now();
    struct ledger_change change;

    if (!process->is_sweeping)
        return true;
    while (ledger_sweep(process->ledger, &process->sweep_cursor, steps, now, &change)) {
        registry->figures.swept++;
        registry_apply(process, &change, now);
    }
    if (ledger_stale(process->ledger) > 0)
        return false;
    stop_sweeping(process);
    return true;
}

/* ---- What is told ---- */

static int refuse(struct registry *registry, struct process *process, int error)
{
    registry->figures.refused_announced++;
    if (error == -ENOSPC || error == -EDQUOT || error == -ENOMEM)
        process->inexact |= PROCESS_SHORT;
    return error == -ENOSPC ? -EDQUOT : error;
}

static int check(const struct announcement *announcement)
{
    if (announcement->device_id < 0 || announcement->region >= TT_ALLOC_REGIONS || announcement->references == 0)
        return -EINVAL;
    return announcement->size >= LEDGER_SIZE_LIMIT ? -EFBIG : 0;
}

static int tell_ledger(struct process *process, const struct announcement *announcement, uint32_t references,
                       uint64_t now, struct ledger_change *ret)
{
    return ledger_announce(process->ledger, announcement->device_id, announcement->region, announcement->buffer_id,
                           announcement->size, references, announcement->born, now, ret);
}

/* Out of the ledger again, before anybody else has heard of it. */
static void take_back(struct process *process, const struct announcement *announcement, uint64_t now)
{
    struct ledger_change change;
    int error = tell_ledger(process, announcement, 1, now, &change);

    assert(error == 0);
    error = ledger_release(process->ledger, announcement->device_id, announcement->region, announcement->buffer_id, now,
                           &change);
    assert(error == 0 && change.effect == LEDGER_REMOVED);
}

/* A user at his limit may still tell of what is known; whether it is, the ledger's answer shows. */
static int announce(struct registry *registry, struct process *process, const struct announcement *announcement,
                    uint64_t now)
{
    struct ledger_device *place;
    struct ledger_change change;
    int error = check(announcement);

    if (error < 0)
        return error;
    error = registry_place(registry, process, announcement->device_id, &place);
    if (error < 0)
        return error;
    error = tell_ledger(process, announcement, announcement->references, now, &change);
    if (error < 0)
        return error;
    if (change.effect == LEDGER_ADDED && !user_may_allocate(process->user)) {
        take_back(process, announcement, now);
        user_refused(process->user, LIMIT_BUFFERS);
        return -EDQUOT;
    }
    registry_apply(process, &change, now);
    return 0;
}

int registry_announce(struct registry *registry, struct process *process, const struct announcement *announcement,
                      uint64_t now)
{
    int error = announce(registry, process, announcement, now);

    if (error < 0)
        return refuse(registry, process, error);
    registry->figures.announced++;
    return 0;
}

int registry_resync_counts(struct registry *registry, struct process *process, int32_t device_id, uint8_t region,
                           uint64_t allocations, uint64_t frees)
{
    struct ledger_device *place;
    int error;

    if (device_id < 0 || region >= TT_ALLOC_REGIONS || allocations >= COUNT_LIMIT || frees >= COUNT_LIMIT)
        return refuse(registry, process, -EINVAL);
    error = registry_place(registry, process, device_id, &place);
    if (error < 0)
        return refuse(registry, process, error);
    usage_set_counts(&place->usage, region, allocations, frees);
    return 0;
}

static void raise_peak(struct usage *usage, uint8_t region_or_pool, uint64_t bytes)
{
    if (region_or_pool < TT_ALLOC_REGIONS)
        usage_raise_region_peak(usage, region_or_pool, bytes);
    else
        usage_raise_pool_peak(usage, region_or_pool - TT_ALLOC_RECORD_POOL, bytes);
}

static unsigned __int128 peak_of(const struct usage *usage, uint8_t region_or_pool)
{
    return region_or_pool < TT_ALLOC_REGIONS ? usage->region[region_or_pool].peak
                                             : usage->pool[region_or_pool - TT_ALLOC_RECORD_POOL].peak;
}

static bool has_peak(uint8_t region_or_pool)
{
    return region_or_pool < TT_ALLOC_REGIONS ||
           (region_or_pool >= TT_ALLOC_RECORD_POOL && region_or_pool < TT_ALLOC_RECORD_POOL + TT_ALLOC_POOLS);
}

int registry_resync_peak(struct registry *registry, struct process *process, int32_t device_id, uint8_t region_or_pool,
                         uint64_t bytes)
{
    struct ledger_device *place = ledger_find_device(process->ledger, device_id);
    struct device *device;
    int error;

    if (device_id < 0 || !has_peak(region_or_pool))
        return refuse(registry, process, -EINVAL);
    if (process->is_past_peaks || (place && place->is_past_peaks)) { /* it stays, but had been higher as is known now */
        if (bytes > (place ? peak_of(&place->usage, region_or_pool) : 0))
            process->has_reset_peaks = true;
        return 0;
    }
    error = registry_place(registry, process, device_id, &place);
    if (error < 0)
        return refuse(registry, process, error);
    device = place->userdata;
    raise_peak(&place->usage, region_or_pool, bytes);
    raise_peak(&device->usage, region_or_pool, bytes);
    return 0;
}
