/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From structs to frames. Fields that a record does not use stay zero.
 */

#include "server/records.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "server/clock.h"
#include "server/device_history.h"
#include "server/log.h"

static int add_frame(struct output *output, const void *frame, uint64_t *frames)
{
    int error = output_add(output, frame, TT_ALLOC_FRAME_112);

    if (error < 0)
        return error;
    (*frames)++;
    return 0;
}

static uint64_t since(uint64_t then, uint64_t now)
{
    return then && now > then ? now - then : 0;
}

static int add_region(struct output *output, struct tt_alloc_usage_record record, const struct usage *usage,
                      unsigned region, uint64_t *frames)
{
    if (usage->allocations[region] == 0)
        return 0;
    record.kind = TT_ALLOC_USAGE_REGION;
    record.index = region;
    record.bytes = usage_clamp(usage->region[region].bytes);
    record.buffers = usage->buffers[region];
    record.peak_bytes = usage_clamp(usage->region[region].peak);
    record.allocations = usage->allocations[region];
    record.frees = usage->frees[region];
    return add_frame(output, &record, frames);
}

static uint64_t buffers_in_pool(const struct usage *usage, int pool)
{
    uint64_t buffers = 0;

    for (uint8_t region = 0; region < USAGE_REGIONS; region++)
        if (usage_pool_of(region) == pool)
            buffers += usage->buffers[region];
    return buffers;
}

static bool pool_was_used(const struct usage *usage, int pool)
{
    for (uint8_t region = 0; region < USAGE_REGIONS; region++)
        if (usage_pool_of(region) == pool && usage->allocations[region] > 0)
            return true;
    return false;
}

static int add_pool(struct output *output, struct tt_alloc_usage_record record, const struct usage *usage,
                    unsigned pool, uint64_t *frames)
{
    if (!pool_was_used(usage, (int)pool))
        return 0;
    record.kind = TT_ALLOC_USAGE_POOL;
    record.index = pool;
    record.bytes = usage_clamp(usage->pool[pool].bytes);
    record.buffers = buffers_in_pool(usage, (int)pool);
    record.peak_bytes = usage_clamp(usage->pool[pool].peak);
    return add_frame(output, &record, frames);
}

/* Regions and pools that were ever used; of others nothing is known, and nothing is said. record: what all share. */
static int add_usage(struct output *output, struct tt_alloc_usage_record record, const struct usage *usage,
                     uint64_t *frames)
{
    int error = 0;

    record.type = TT_ALLOC_USAGE;
    for (unsigned region = 0; region < USAGE_REGIONS && error == 0; region++)
        error = add_region(output, record, usage, region, frames);
    for (unsigned pool = 0; pool < USAGE_POOLS && error == 0; pool++)
        error = add_pool(output, record, usage, pool, frames);
    return error;
}

static int add_command(struct output *output, const char *command, uint64_t *frames)
{
    size_t left = command ? strlen(command) : 0;
    int error = 0;

    while (left > 0 && error == 0) {
        struct tt_alloc_text_record record = {.type = TT_ALLOC_TEXT, .device_id = -1};

        record.length = (uint32_t)(left < sizeof(record.text) ? left : sizeof(record.text));
        memcpy(record.text, command, record.length);
        command += record.length;
        left -= record.length;
        error = add_frame(output, &record, frames);
    }
    return error;
}

int record_device(struct output *output, const struct device *device, uint64_t now, uint64_t *frames)
{
    struct tt_alloc_device_record record = device->facts;
    struct tt_alloc_usage_record shared = {.device_id = device->number, .logical_id = device->logical_id};
    int error;

    record.type = TT_ALLOC_DEVICE;
    record.device_id = device->number;
    record.idle = since(device->usage.last_activity, now);
    record.processes = device->processes;
    error = add_frame(output, &record, frames);
    if (error < 0)
        return error;
    shared.idle = record.idle;
    return add_usage(output, shared, &device->usage, frames);
}

static_assert(HISTORY_UNIT == TT_ALLOC_HISTORY_UNIT, "samples travel as they are");

static int add_series(struct output *output, struct tt_alloc_history_record record, const struct history_series *series,
                      uint64_t *frames)
{
    int error = 0;

    for (size_t i = 0; i < series->count && error == 0; i += record.count) {
        size_t left = series->count - i;

        record.index = (uint32_t)i;
        record.count = (uint32_t)(left < TT_ALLOC_HISTORY_SAMPLES ? left : TT_ALLOC_HISTORY_SAMPLES);
        memset(record.samples, 0, sizeof(record.samples));
        memcpy(record.samples, series->samples + i, record.count * sizeof(record.samples[0]));
        error = add_frame(output, &record, frames);
    }
    return error;
}

int record_history(struct output *output, struct device *device, const struct tt_alloc_list_request *request,
                   uint64_t now, uint64_t *frames)
{
    struct tt_alloc_history_record record = {
        .type = TT_ALLOC_HISTORY, .device_id = device->number, .resolution = request->resolution};
    struct history_series series;
    uint64_t wall = clock_wall();
    int error = 0;

    if (!device->history)
        return 0;
    for (unsigned pool = 0; pool < USAGE_POOLS && error == 0; pool++) {
        if (!pool_was_used(&device->usage, (int)pool))
            continue;
        history_read(device->history, &device->usage, pool, request->resolution / 1000, request->limit, now, &series);
        record.pool = pool;
        record.time = wall - (now - series.time);
        error = add_series(output, record, &series, frames);
    }
    return error;
}

/* On one device row, or on all (-1). */
static int add_places(struct output *output, const struct process *process, int32_t number, uint64_t now,
                      uint64_t *frames)
{
    int error = 0;

    for (size_t i = 0; i < ledger_device_count(process->ledger) && error == 0; i++) {
        const struct ledger_device *place = ledger_device(process->ledger, i);
        const struct device *device = place->userdata;
        struct tt_alloc_usage_record shared = {.logical_id = place->device_id, .since = clock_steady(process->created)};

        if (!device || (number >= 0 && device->number != number))
            continue;
        shared.device_id = device->number;
        shared.idle = since(place->usage.last_activity, now);
        error = add_usage(output, shared, &place->usage, frames);
    }
    return error;
}

int record_process(struct output *output, const struct process *process, bool with_command, int32_t number,
                   uint64_t now, uint64_t *frames)
{
    struct tt_alloc_process_record record = {
        .type = TT_ALLOC_PROCESS,
        .device_id = -1,
        .process_id = process->pid,
        .uid = process->user->uid,
        .start_time = process->facts.start_time,
        .serial = process->serial,
        .buffers = ledger_count(process->ledger),
        .age = since(process->facts.started ? process->facts.started : process->created, now),
        .idle = since(process->last_activity, now),
        .flags = (process_is_inexact(process) ? TT_ALLOC_PROCESS_INEXACT : 0) |
                 (process->has_reset_peaks ? TT_ALLOC_PROCESS_PEAKS_RESET : 0),
        .label_pid = process->label_pid,
        .sessions = process->sessions,
        .lost = process->lost,
        .job = process->job,
    };
    int error;

    memcpy(record.comm, process->facts.comm, sizeof(record.comm));
    error = add_frame(output, &record, frames);
    if (error == 0 && with_command)
        error = add_command(output, process->facts.command, frames);
    if (error == 0)
        error = add_places(output, process, number, now, frames);
    return error;
}

int record_ended(struct output *output, const struct ended *ended, bool with_command, uint64_t *frames)
{
    struct tt_alloc_process_record record = {
        .type = TT_ALLOC_ENDED,
        .device_id = -1,
        .process_id = ended->pid,
        .uid = ended->user->uid,
        .start_time = ended->start_time,
        .serial = ended->process_serial,
        .buffers = ended->buffers,
        .age = ended->lifetime,
        .idle = ended->idle,
        .end_time = ended->end_time,
        .flags = (ended->is_inexact ? TT_ALLOC_PROCESS_INEXACT : 0) |
                 (ended->is_forgotten ? TT_ALLOC_PROCESS_FORGOTTEN : 0) |
                 (ended->has_reset_peaks ? TT_ALLOC_PROCESS_PEAKS_RESET : 0) |
                 (ended->is_accounted ? TT_ALLOC_PROCESS_ACCOUNTED : 0),
        .reason = ended->reason,
        .label_pid = ended->label_pid,
        .lost = ended->lost,
        .job = ended->job,
    };
    int error;

    memcpy(record.comm, ended->comm, sizeof(record.comm));
    error = add_frame(output, &record, frames);
    if (error == 0 && with_command)
        error = add_command(output, ended->command, frames);
    for (size_t i = 0; i < ended->placement_count && error == 0; i++) {
        const struct placement *place = &ended->placements[i];
        struct tt_alloc_usage_record shared = {
            .device_id = place->number, .logical_id = place->logical_id, .since = ended->since, .until = ended->until};

        error = add_usage(output, shared, &place->usage, frames);
    }
    return error;
}

int record_buffer(struct output *output, const struct process *process, const struct ledger_buffer *buffer,
                  uint64_t now, uint64_t *frames)
{
    const struct device *device = buffer->device->userdata;
    struct tt_alloc_buffer_record record = {
        .type = TT_ALLOC_BUFFER,
        .device_id = device->number,
        .buffer_id = buffer->id,
        .size = buffer->size,
        .region = buffer->region,
        .references = buffer->references,
        .age = since(buffer->born, now),
        .process_id = process->pid,
        .uid = process->user->uid,
        .serial = process->serial,
    };

    return add_frame(output, &record, frames);
}

static int add_figure(struct output *output, const char *name, uint64_t value, uint64_t *frames)
{
    struct tt_alloc_figure_record record = {.type = TT_ALLOC_FIGURE, .device_id = -1, .value = value};

    snprintf(record.name, sizeof(record.name), "%s", name);
    return add_frame(output, &record, frames);
}

static uint64_t live_buffers(const struct registry *registry)
{
    uint64_t buffers = 0;

    list_for_each (link, &registry->processes.all)
        buffers += ledger_count(LIST_ENTRY(link, struct process, link)->ledger);
    return buffers;
}

static int add_limit(struct output *output, const struct users *users, enum limit limit, uint64_t *frames)
{
    const char *name = limit_kinds[limit].figure;
    char figure[48];
    int error = add_figure(output, name, users->limits.most[limit], frames);

    snprintf(figure, sizeof(figure), "%s_refused", name);
    if (error == 0)
        error = add_figure(output, figure, users->refused[limit], frames);
    snprintf(figure, sizeof(figure), "%s_uid", name);
    if (error == 0)
        error = add_figure(output, figure, users->refused_last[limit], frames);
    return error;
}

int record_figures(struct output *output, const struct registry *registry, uint64_t started, uint64_t now,
                   uint64_t *frames)
{
    const struct figures *figures = &registry->figures;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"uptime_ns", since(started, now)},
        {"processes", registry->processes.count},
        {"processes_ended", registry->ended.next_serial - 1},
        {"devices", registry->devices.count},
        {"buffers", live_buffers(registry)},
        {"history_bytes", devices_history_bytes(&registry->devices)},
#define FIGURE_ROW(name) {#name, figures->name},
        FIGURES(FIGURE_ROW)
#undef FIGURE_ROW
            {"log_lines_lost", log_lines_lost()},
    };
    int error = 0;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && error == 0; i++)
        error = add_figure(output, rows[i].name, rows[i].value, frames);
    for (enum limit limit = 0; limit < LIMITS && error == 0; limit++)
        error = add_limit(output, &registry->users, limit, frames);
    return error;
}
