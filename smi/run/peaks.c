/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A sum is largest at a moment at which a process begins, so those are the moments that are looked at.
 */

#include "smi/run/peaks.h"
#include "smi/sample/model.h"

/* Start times are cut to ticks of the kernel's clock, so one that follows another seems to begin before its end. So
 * early in its life no process has opened a device yet. */
#define TOO_YOUNG UINT64_C(20000000)

static void raise_peak(struct run_peak *peak, uint64_t least, uint64_t most, int32_t device)
{
    if (!peak->used || most > peak->most)
        peak->device = device;
    peak->least = least > peak->least ? least : peak->least;
    peak->most = most > peak->most ? most : peak->most;
    peak->used = true;
}

static void find_in_devices(const struct tt_alloc_list *devices, struct run_peak peaks[TT_ALLOC_POOLS])
{
    const struct tt_alloc_device *device;

    for (size_t i = 0; (device = tt_alloc_list_device(devices, i)); i++) {
        for (size_t j = 0; j < device->usage_count; j++) {
            const struct tt_alloc_usage *usage = &device->usage[j];

            if (usage->is_pool && usage->index < TT_ALLOC_POOLS)
                raise_peak(&peaks[usage->index], usage->peak_bytes, usage->peak_bytes, device->device);
        }
    }
}

/* Whether the process was there when another one began. */
static bool was_there(const struct run_process *process, uint64_t moment)
{
    return process->facts.start_time <= moment && (!process->has_ended || process->facts.end_time > moment + TOO_YOUNG);
}

static uint64_t peak_of(const struct run_process *process, int32_t device, uint32_t pool)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < process->facts.usage_count; i++) {
        const struct tt_alloc_usage *usage = &process->facts.usage[i];

        if (usage->is_pool && usage->index == pool && usage->device == device)
            bytes = add_saturating(bytes, usage->peak_bytes);
    }
    return bytes;
}

static uint64_t sum_beside(const struct run_account *account, const struct run_process *beginner, int32_t device,
                           uint32_t pool)
{
    uint64_t bytes = peak_of(beginner, device, pool);

    for (size_t i = 0; i < account->count; i++) {
        const struct run_process *other = &account->processes[i];

        if (other != beginner && was_there(other, beginner->facts.start_time))
            bytes = add_saturating(bytes, peak_of(other, device, pool));
    }
    return bytes;
}

static void find_in_process(const struct run_account *account, const struct run_process *process,
                            struct run_peak peaks[TT_ALLOC_POOLS])
{
    for (size_t i = 0; i < process->facts.usage_count; i++) {
        const struct tt_alloc_usage *usage = &process->facts.usage[i];

        if (usage->is_pool && usage->index < TT_ALLOC_POOLS)
            raise_peak(&peaks[usage->index], usage->peak_bytes,
                       sum_beside(account, process, usage->device, usage->index), usage->device);
    }
}

void run_peaks_find(const struct run_account *account, struct run_peak ret[TT_ALLOC_POOLS])
{
    for (unsigned pool = 0; pool < TT_ALLOC_POOLS; pool++)
        ret[pool] = (struct run_peak){0};
    if (account->devices && !account->was_restarted) {
        find_in_devices(account->devices, ret);
        return;
    }
    for (size_t i = 0; i < account->count; i++)
        find_in_process(account, &account->processes[i], ret);
}
