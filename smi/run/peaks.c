/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Beginnings and ends of processes are gone through in the order of time, with the sum of the peaks of those that are
 * there. It is largest at a moment at which a process begins. Both moments are the server's: a process is there from
 * when it was first heard of until its end was noticed, and one that a server tells no such time of was always there.
 */

#include "smi/run/peaks.h"
#include "smi/sample/model.h"
#include "smi/sample/order.h"

#include <errno.h>
#include <stdlib.h>

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

/* At one time, in this order. */
enum step { STEP_END, STEP_BEGIN };

/* What a process does to the sum of a pool of a device. */
struct event {
    int32_t device;
    uint32_t pool;
    uint64_t time;
    enum step step;
    uint64_t bytes;
    uint64_t least; /* of that surely at one time */
};

struct events {
    struct event *list;
    size_t count;
};

static int compare_events(const void *a, const void *b)
{
    const struct event *left = a, *right = b;
    int order = COMPARE(left->pool, right->pool);

    if (order == 0)
        order = COMPARE(left->device, right->device);
    if (order == 0)
        order = COMPARE(left->time, right->time);
    return order ? order : COMPARE(left->step, right->step);
}

static bool is_same(const struct tt_alloc_usage *a, const struct tt_alloc_usage *b)
{
    return b->is_pool && a->index == b->index && a->device == b->device;
}

/* A device that the process knows by two numbers is told of twice, and counts at the first. */
static bool take_usage(const struct run_process *process, size_t place, struct event *ret)
{
    const struct tt_alloc_usage *usage = &process->facts.usage[place], *other;
    struct event event = {.device = usage->device, .pool = usage->index, .time = usage->since};

    if (!usage->is_pool || usage->index >= TT_ALLOC_POOLS)
        return false;
    for (size_t i = 0; i < process->facts.usage_count; i++) {
        other = &process->facts.usage[i];
        if (!is_same(usage, other))
            continue;
        if (i < place)
            return false;
        event.bytes = add_saturating(event.bytes, other->peak_bytes);
        event.least = other->peak_bytes > event.least ? other->peak_bytes : event.least;
    }
    *ret = event;
    return true;
}

static void add_process(struct events *events, const struct run_process *process)
{
    struct event event;

    for (size_t i = 0; i < process->facts.usage_count; i++) {
        if (!take_usage(process, i, &event))
            continue;
        event.step = STEP_BEGIN;
        events->list[events->count++] = event;
        if (process->facts.usage[i].until <= event.time)
            continue;
        event.step = STEP_END;
        event.time = process->facts.usage[i].until;
        events->list[events->count++] = event;
    }
}

static int list_events(const struct run_account *account, struct events *ret)
{
    struct events events = {0};
    size_t usages = 0;

    for (size_t i = 0; i < account->count; i++)
        usages += account->processes[i].facts.usage_count;
    events.list = calloc(2 * usages + 1, sizeof(events.list[0]));
    if (!events.list)
        return -ENOMEM;
    for (size_t i = 0; i < account->count; i++)
        add_process(&events, &account->processes[i]);
    qsort(events.list, events.count, sizeof(events.list[0]), compare_events);
    *ret = events;
    return 0;
}

/* In more bits than a process could fill with what it says. */
static uint64_t clamp(unsigned __int128 sum)
{
    return sum > UINT64_MAX ? UINT64_MAX : (uint64_t)sum;
}

static void go_through(const struct events *events, struct run_peak peaks[TT_ALLOC_POOLS])
{
    unsigned __int128 sum = 0;

    for (size_t i = 0; i < events->count; i++) {
        const struct event *event = &events->list[i], *before = i > 0 ? event - 1 : NULL;

        if (before && (before->device != event->device || before->pool != event->pool))
            sum = 0;
        if (event->step == STEP_END) {
            sum -= event->bytes;
            continue;
        }
        sum += event->bytes;
        raise_peak(&peaks[event->pool], event->least, clamp(sum), event->device);
    }
}

static bool were_any_reset(const struct run_account *account)
{
    for (size_t i = 0; i < account->count; i++) {
        if (account->processes[i].facts.peaks_reset)
            return true;
    }
    return false;
}

int run_peaks_find(const struct run_account *account, struct run_peak ret[TT_ALLOC_POOLS])
{
    bool of_devices = account->devices && !account->was_restarted;
    bool is_open = of_devices ? account->resets > 0 : were_any_reset(account);
    struct events events;
    int r;

    for (unsigned pool = 0; pool < TT_ALLOC_POOLS; pool++)
        ret[pool] = (struct run_peak){.is_open = is_open};
    if (of_devices) {
        find_in_devices(account->devices, ret);
        return 0;
    }
    r = list_events(account, &events);
    if (r < 0)
        return r;
    go_through(&events, ret);
    free(events.list);
    return 0;
}
