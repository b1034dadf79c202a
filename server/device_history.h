/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The history of a device row: it begins with the first report, and is frozen while a process on the row resyncs. A row
 * can do without one if there is no memory for it; with the next report it is tried again.
 */

#include "server/device.h"
#include "server/history.h"

/* Before the first report, at `now`, is in the sums. NULL: no memory. */
struct history *device_begin_history(struct device *device, uint64_t now);

/* is_uncertain: by a process that has unsettled the row. */
static inline void device_note(struct device *device, const struct ledger_change *change, bool is_uncertain,
                               uint64_t now)
{
    if (device->history)
        history_note(device->history, &device->usage, change, is_uncertain, now);
}

/* What a process holds came to the row, or left it. */
void device_note_arrival(struct device *device, const struct usage *part);
void device_note_departure(struct device *device, const struct usage *part);

/* From here on a process on the row counts what is gone beside what is there; until it does no more. In pairs, for each
 * of its places on the row. */
void device_unsettle(struct device *device);
void device_settle(struct device *device, uint64_t now);

/* What all of them take. */
uint64_t devices_history_bytes(const struct devices *devices);
