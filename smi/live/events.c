/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A peak is told when it is over, that is, when less is in use than was: a model that is being loaded sets a new one
 * every second, and only the last of them says anything.
 */

#include "smi/live/events.h"
#include "smi/sample/users.h"
#include "smi/text/format.h"
#include "smi/views/amounts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATIO 0.05 /* by how much a peak must pass the one that was told last */

struct peak_track {
    int32_t device;
    uint32_t pool;
    uint64_t told;
};

__attribute__((format(printf, 4, 5))) static void tell(struct events *events, uint64_t time, enum ink ink,
                                                       const char *format, ...)
{
    struct event event = {.time = time, .ink = ink};
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(event.text, sizeof(event.text), format, arguments);
    va_end(arguments);
    if (events->count == EVENTS_MAX)
        memmove(events->list, events->list + 1, --events->count * sizeof(event));
    events->list[events->count++] = event;
}

static int tell_end(struct events *events, const struct process_row *row, const struct filter *filter)
{
    const char *user = row->has_uid ? user_name(row->facts.uid) : NULL;
    char *amounts = amounts_describe(&row, 1, filter, " of ");
    char *devices = join_devices(&row, 1, filter, true);
    bool is_leak = count_buffers(&row->facts, filter) > 0;

    if (amounts && devices && is_leak)
        tell(events, row->facts.end_time, INK_RED, "pid %d (%s) exited and left %s on %s %s: %s", row->facts.pid,
             user ? user : "?", amounts, devices_title(devices), devices, row->facts.comm);
    else if (amounts && devices)
        tell(events, row->facts.end_time, INK_PLAIN, "pid %d (%s) exited: %s", row->facts.pid, user ? user : "?",
             row->facts.comm);
    free(amounts);
    free(devices);
    return amounts && devices ? 0 : -ENOMEM;
}

static bool is_new(const struct events *events, const struct process_row *row)
{
    return row->facts.end_time > events->last_end ||
           (row->facts.end_time == events->last_end && row->facts.serial > events->last_serial);
}

/* The list has the newest first. */
static int note_ends(struct events *events, const struct snapshot *snapshot, const struct filter *filter)
{
    size_t fresh = 0;
    int r = 0;

    while (fresh < snapshot->ended_count && fresh < EVENTS_MAX && is_new(events, snapshot->ended[fresh]))
        fresh++;
    for (size_t i = fresh; r == 0 && i > 0; i--)
        r = tell_end(events, snapshot->ended[i - 1], filter);
    if (fresh > 0) {
        events->last_end = snapshot->ended[0]->facts.end_time;
        events->last_serial = snapshot->ended[0]->facts.serial;
    }
    return r;
}

static struct peak_track *find_track(struct events *events, int32_t device, uint32_t pool)
{
    struct peak_track *grown;

    for (size_t i = 0; i < events->peak_count; i++) {
        if (events->peaks[i].device == device && events->peaks[i].pool == pool)
            return &events->peaks[i];
    }
    grown = reallocarray(events->peaks, events->peak_count + 1, sizeof(*grown));
    if (!grown)
        return NULL;
    events->peaks = grown;
    grown[events->peak_count] = (struct peak_track){device, pool, UINT64_MAX};
    return &grown[events->peak_count++];
}

/* What was the peak before the first sample is no news. */
static int note_peak(struct events *events, const struct snapshot *snapshot, const struct device_row *row,
                     const struct tt_alloc_usage *usage)
{
    struct peak_track *track = find_track(events, row->facts.device, usage->index);

    if (!track)
        return -ENOMEM;
    if (track->told == UINT64_MAX) {
        track->told = usage->peak_bytes;
    } else if (usage->bytes < usage->peak_bytes && (double)usage->peak_bytes > (double)track->told * (1 + RATIO)) {
        track->told = usage->peak_bytes;
        tell(events, snapshot->time, INK_YELLOW, "device %s %s peak %s", device_row_label(row).text,
             pool_titles[usage->index], format_size(usage->peak_bytes).text);
    }
    return 0;
}

static int note_peaks(struct events *events, const struct snapshot *snapshot)
{
    int r = 0;

    for (size_t i = 0; i < snapshot->device_count; i++) {
        const struct device_row *row = snapshot->devices[i];

        for (size_t j = 0; r == 0 && row->has_peaks && j < row->facts.usage_count; j++) {
            if (row->facts.usage[j].is_pool)
                r = note_peak(events, snapshot, row, &row->facts.usage[j]);
        }
    }
    return r;
}

static void note_server(struct events *events, const struct snapshot *snapshot)
{
    bool is_told = snapshot_is_told(snapshot);

    if (snapshot->path && events->began && is_told != events->was_told)
        tell(events, snapshot->time, is_told ? INK_GREEN : INK_RED, "%s",
             is_told ? "the server answers again" : "the server does not answer any more");
    events->began = true;
    events->was_told = is_told;
}

int events_note(struct events *events, const struct snapshot *snapshot, const struct filter *filter)
{
    int r = note_ends(events, snapshot, filter);

    note_server(events, snapshot);
    return r == 0 ? note_peaks(events, snapshot) : r;
}

void events_clear(struct events *events)
{
    free(events->peaks);
    *events = (struct events){0};
}
