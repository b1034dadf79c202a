/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A peak is told when it is over, that is, when less is in use than was: a model that is being loaded sets a new one
 * every second, and only the last of them says anything. The chips of a mesh do so all at once, in one line.
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

#define RATIO 0.05                           /* by how much a peak must pass the one that was told last */
#define PRESSING (60 * UINT64_C(1000000000)) /* so long a leak is not pushed out */

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
        tell(events, row->facts.end_time, INK_RED, "pid %d (%s, %s) left %s on %s %s", row->facts.pid, row->facts.comm,
             user ? user : "?", amounts, devices_title(devices), devices);
    else if (amounts && devices)
        tell(events, row->facts.end_time, INK_PLAIN, "pid %d (%s, %s) exited", row->facts.pid, row->facts.comm,
             user ? user : "?");
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

struct peak {
    uint32_t pool;
    uint64_t bytes;
    int32_t device;
};

/* What was the peak before the first sample is no news. -ENOMEM, else whether it is. */
static int is_news(struct events *events, int32_t device, const struct tt_alloc_usage *usage)
{
    struct peak_track *track = find_track(events, device, usage->index);
    bool is_over = usage->bytes < usage->peak_bytes;

    if (!track)
        return -ENOMEM;
    if (track->told == UINT64_MAX) {
        track->told = usage->peak_bytes;
        return 0;
    }
    if (!is_over || (double)usage->peak_bytes <= (double)track->told * (1 + RATIO))
        return 0;
    track->told = usage->peak_bytes;
    return 1;
}

static int compare_peaks(const void *a, const void *b)
{
    const struct peak *left = a, *right = b;

    if (left->pool != right->pool)
        return left->pool < right->pool ? -1 : 1;
    return (left->bytes > right->bytes) - (left->bytes < right->bytes);
}

static int tell_peak(struct events *events, uint64_t time, const struct peak *peaks, size_t count)
{
    int32_t *devices = calloc(count, sizeof(*devices));
    char *list = NULL;

    for (size_t i = 0; devices && i < count; i++)
        devices[i] = peaks[i].device;
    if (devices)
        list = join_numbers(devices, count);
    if (list)
        tell(events, time, INK_YELLOW, "%s %.100s %s peak %s", devices_title(list), list, pool_titles[peaks->pool],
             format_size(peaks->bytes).text);
    free(devices);
    free(list);
    return list ? 0 : -ENOMEM;
}

/* Devices whose pools went equally far share a line. */
static int tell_peaks(struct events *events, uint64_t time, struct peak *peaks, size_t count)
{
    int r = 0;

    if (count > 1)
        qsort(peaks, count, sizeof(*peaks), compare_peaks);
    for (size_t i = 0, length; r == 0 && i < count; i += length) {
        for (length = 1; i + length < count && compare_peaks(&peaks[i], &peaks[i + length]) == 0; length++)
            ;
        r = tell_peak(events, time, &peaks[i], length);
    }
    return r;
}

static int collect_peaks(struct events *events, const struct device_row *row, struct peak *peaks, size_t *count)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && row->has_peaks && i < row->facts.usage_count; i++) {
        const struct tt_alloc_usage *usage = &row->facts.usage[i];

        r = usage->is_pool ? is_news(events, row->facts.device, usage) : 0;
        if (r > 0)
            peaks[(*count)++] = (struct peak){usage->index, usage->peak_bytes, row->facts.device};
    }
    return r < 0 ? r : 0;
}

static int note_peaks(struct events *events, const struct snapshot *snapshot)
{
    struct peak *peaks;
    size_t room = 1, count = 0;
    int r = 0;

    for (size_t i = 0; i < snapshot->device_count; i++)
        room += snapshot->devices[i]->facts.usage_count;
    peaks = calloc(room, sizeof(*peaks));
    if (!peaks)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < snapshot->device_count; i++)
        r = collect_peaks(events, snapshot->devices[i], peaks, &count);
    if (r == 0)
        r = tell_peaks(events, snapshot->time, peaks, count);
    free(peaks);
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

static bool is_pressing(const struct event *event, uint64_t now)
{
    return event->ink == INK_RED && now < event->time + PRESSING;
}

void events_choose(const struct events *events, size_t lines, uint64_t now, uint64_t until, bool ret_chosen[EVENTS_MAX])
{
    size_t left = lines;

    memset(ret_chosen, 0, EVENTS_MAX * sizeof(*ret_chosen));
    for (int pressing = 1; pressing >= 0; pressing--) {
        for (size_t i = events->count; left > 0 && i > 0; i--) {
            const struct event *event = &events->list[i - 1];

            if (ret_chosen[i - 1] || event->time > until || (pressing && !is_pressing(event, now)))
                continue;
            ret_chosen[i - 1] = true;
            left--;
        }
    }
}

void events_clear(struct events *events)
{
    free(events->peaks);
    *events = (struct events){0};
}
