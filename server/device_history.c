/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Between the rows and history.c, which knows nothing of processes.
 */

#include "server/device_history.h"

#include <assert.h>

#include "server/clock.h"

struct history *device_begin_history(struct device *device, uint64_t now)
{
    device->history = history_new(&device->usage, now);
    if (device->history && device->unsettled > 0)
        history_freeze(device->history, &device->usage);
    return device->history;
}

/* A process that has reported nothing brings nothing. */
static bool was_used(const struct usage *usage)
{
    return usage->last_activity > 0;
}

void device_note_arrival(struct device *device, const struct usage *part)
{
    uint64_t now = clock_now();

    if (!was_used(part))
        return;
    if (device->history)
        history_note_arrival(device->history, &device->usage, part, now);
    else
        device_begin_history(device, now);
}

void device_note_departure(struct device *device, const struct usage *part)
{
    if (device->history && was_used(part))
        history_note_departure(device->history, &device->usage, part, clock_now());
}

void device_unsettle(struct device *device)
{
    if (device->unsettled++ == 0 && device->history)
        history_freeze(device->history, &device->usage);
}

void device_settle(struct device *device, uint64_t now)
{
    assert(device->unsettled > 0);
    if (--device->unsettled == 0 && device->history)
        history_thaw(device->history, &device->usage, now);
}

uint64_t devices_history_bytes(const struct devices *devices)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < devices->count; i++)
        if (devices->rows[i]->history)
            bytes += sizeof(*devices->rows[i]->history);
    return bytes;
}
