/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One function per list, all alike: find the place where the answer stopped, add records until enough wait, remember
 * the place. An answer that looks at much and shows little (a filter over a million buffers) stops after a number of
 * slots, so that the loop turns.
 */

#include "server/answer.h"

#include <assert.h>
#include <errno.h>

#include "server/clock.h"
#include "server/records.h"

#define SLOTS_PER_TURN 32768

static bool may_see(const struct answer *answer, const struct user *user)
{
    return answer->viewer.is_authorised || user_is(answer->viewer.user, user);
}

static bool reached_limit(const struct answer *answer)
{
    return answer->request.limit && answer->listed >= answer->request.limit;
}

static bool is_full(const struct answer *answer, const struct output *output)
{
    return output_waiting(output) >= OUTPUT_ENOUGH || reached_limit(answer);
}

static int check_process(const struct answer *answer, const struct registry *registry)
{
    const struct tt_alloc_list_request *request = &answer->request;
    const struct process *process = processes_find_pid(&registry->processes, request->process_id);

    if (request->process_id == 0)
        return 0;
    if (request->process_id < 0)
        return -EINVAL;
    if (!process)
        return -ESRCH;
    return request->type == TT_ALLOC_LIST_BUFFERS && !may_see(answer, process->user) ? -EPERM : 0;
}

static int check_device(const struct answer *answer, const struct registry *registry)
{
    int32_t number = answer->request.device_id;

    if (number == TT_ALLOC_ALL_DEVICES)
        return 0;
    if (number < 0)
        return -EINVAL;
    return devices_find(&registry->devices, number) ? 0 : -ENODEV;
}

static bool has_resolution(const struct tt_alloc_list_request *request)
{
    return request->resolution == TT_ALLOC_HISTORY_SECOND || request->resolution == TT_ALLOC_HISTORY_MINUTE;
}

/* What is wrong with the request itself. Entries of ended processes may name what is no longer there. */
static int check_request(const struct answer *answer, const struct registry *registry)
{
    const struct tt_alloc_list_request *request = &answer->request;
    int error = 0;

    if (request->type == TT_ALLOC_LIST_FIGURES || request->type == TT_ALLOC_LIST_ENDED)
        return 0;
    if (request->type == TT_ALLOC_LIST_BUFFERS && (request->region < -1 || request->region >= TT_ALLOC_REGIONS))
        return -EINVAL;
    if (request->type == TT_ALLOC_LIST_HISTORY && !has_resolution(request))
        return -EINVAL;
    error = check_device(answer, registry);
    if (error < 0 || request->type == TT_ALLOC_LIST_DEVICES || request->type == TT_ALLOC_LIST_HISTORY)
        return error;
    return check_process(answer, registry);
}

void answer_begin(struct answer *answer, const struct tt_alloc_list_request *request, struct viewer viewer,
                  const struct registry *registry)
{
    *answer = (struct answer){.request = *request, .viewer = viewer, .is_open = true, .at = -1};
    answer->status = check_request(answer, registry);
}

/* Each of the following returns 1 when the list is at its end, 0 to be continued, -ENOMEM. */

static int list_devices(struct answer *answer, struct registry *registry, struct output *output)
{
    const struct device *device;
    uint64_t now = clock_now();

    while ((device = devices_after(&registry->devices, answer->at))) {
        int32_t wanted = answer->request.device_id;

        if (is_full(answer, output))
            return reached_limit(answer);
        answer->at = device->number;
        if (wanted >= 0 && device->number != wanted)
            continue;
        answer->listed++;
        if (record_device(output, device, now, &answer->frames) < 0)
            return -ENOMEM;
    }
    return 1;
}

/* One device's history is produced in one go: 24 KiB at most. */
static int list_history(struct answer *answer, struct registry *registry, struct output *output)
{
    struct device *device;
    uint64_t now = clock_now();

    while ((device = devices_after(&registry->devices, answer->at))) {
        if (output_waiting(output) >= OUTPUT_ENOUGH)
            return 0;
        answer->at = device->number;
        if (answer->request.device_id >= 0 && device->number != answer->request.device_id)
            continue;
        if (record_history(output, device, &answer->request, now, &answer->frames) < 0)
            return -ENOMEM;
    }
    return 1;
}

static bool uses_device(const struct process *process, int32_t number)
{
    for (size_t i = 0; i < ledger_device_count(process->ledger); i++) {
        const struct device *device = ledger_device(process->ledger, i)->userdata;

        if (device && device->number == number)
            return true;
    }
    return false;
}

static bool wants_process(const struct answer *answer, const struct process *process)
{
    const struct tt_alloc_list_request *request = &answer->request;

    return (request->process_id == 0 || process->pid == request->process_id) &&
           (request->device_id < 0 || uses_device(process, request->device_id));
}

/* Where the walk over processes goes on; serials begin at 1. */
static struct process *process_after(const struct answer *answer, const struct registry *registry)
{
    return processes_after(&registry->processes, answer->at < 0 ? 0 : (uint64_t)answer->at);
}

static int list_processes(struct answer *answer, struct registry *registry, struct output *output)
{
    struct process *process = process_after(answer, registry);
    uint64_t now = clock_now();

    for (; process; process = processes_next(&registry->processes, process)) {
        if (is_full(answer, output))
            return reached_limit(answer);
        answer->at = (int64_t)process->serial;
        if (!wants_process(answer, process))
            continue;
        answer->listed++;
        if (record_process(output, process, may_see(answer, process->user), answer->request.device_id, now,
                           &answer->frames) < 0)
            return -ENOMEM;
    }
    return 1;
}

static bool wants_ended(const struct answer *answer, const struct ended *entry)
{
    const struct tt_alloc_list_request *request = &answer->request;

    if (request->process_id && entry->pid != request->process_id)
        return false;
    for (size_t i = 0; i < entry->placement_count; i++)
        if (entry->placements[i].number == request->device_id)
            return true;
    return request->device_id < 0;
}

static int list_ended(struct answer *answer, struct registry *registry, struct output *output)
{
    const struct ended *entry;

    while ((entry = ended_after(&registry->ended, answer->at < 0 ? 0 : (uint64_t)answer->at))) {
        if (is_full(answer, output))
            return reached_limit(answer);
        answer->at = (int64_t)entry->serial;
        if (!wants_ended(answer, entry))
            continue;
        answer->listed++;
        if (record_ended(output, entry, may_see(answer, entry->user), &answer->frames) < 0)
            return -ENOMEM;
    }
    return 1;
}

static bool wants_buffer(const struct answer *answer, const struct ledger_buffer *buffer)
{
    const struct tt_alloc_list_request *request = &answer->request;
    const struct device *device = buffer->device->userdata;

    return (request->region < 0 || buffer->region == request->region) &&
           (request->device_id < 0 || device->number == request->device_id);
}

/* 1 when the process has no more, 0 when output or slots are used up. */
static int list_buffers_of(struct answer *answer, const struct process *process, size_t *slots, struct output *output)
{
    struct ledger_buffer buffer;
    uint64_t now = clock_now();

    if (answer->walking != process->serial) {
        answer->walking = process->serial;
        answer->cursor = 0;
    }
    while (!is_full(answer, output)) {
        if (!ledger_walk(process->ledger, &answer->cursor, slots, &buffer))
            return *slots > 0;
        if (!wants_buffer(answer, &buffer))
            continue;
        answer->listed++;
        if (record_buffer(output, process, &buffer, now, &answer->frames) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int list_buffers(struct answer *answer, struct registry *registry, struct output *output)
{
    struct process *process = process_after(answer, registry);
    size_t slots = SLOTS_PER_TURN;

    for (; process; process = processes_next(&registry->processes, process)) {
        if (wants_process(answer, process) && may_see(answer, process->user)) {
            int result = list_buffers_of(answer, process, &slots, output);

            if (result < 0)
                return result;
            if (result == 0)
                return reached_limit(answer);
        } else if (wants_process(answer, process))
            answer->hidden += ledger_count(process->ledger);
        answer->at = (int64_t)process->serial;
    }
    return 1;
}

static int continue_list(struct answer *answer, struct registry *registry, uint64_t started, struct output *output)
{
    if (answer->status < 0)
        return 1;

    switch (answer->request.type) {
    case TT_ALLOC_LIST_DEVICES:
        return list_devices(answer, registry, output);
    case TT_ALLOC_LIST_PROCESSES:
        return list_processes(answer, registry, output);
    case TT_ALLOC_LIST_ENDED:
        return list_ended(answer, registry, output);
    case TT_ALLOC_LIST_BUFFERS:
        return list_buffers(answer, registry, output);
    case TT_ALLOC_LIST_HISTORY:
        return list_history(answer, registry, output);
    case TT_ALLOC_LIST_FIGURES:
        return record_figures(output, registry, started, clock_now(), &answer->frames) < 0 ? -ENOMEM : 1;
    default:
        assert(false);
        return -EINVAL;
    }
}

static int add_end(struct output *output, uint32_t request_type, int status, uint64_t count, uint64_t hidden)
{
    struct tt_alloc_end_record end = {.type = TT_ALLOC_END,
                                      .device_id = -1,
                                      .count = count,
                                      .status = status,
                                      .request = request_type,
                                      .hidden = hidden};

    return output_add(output, &end, sizeof(end));
}

int answer_continue(struct answer *answer, struct registry *registry, uint64_t started, struct output *output)
{
    int result = continue_list(answer, registry, started, output);

    if (result <= 0)
        return result;
    answer->is_open = false;
    return add_end(output, answer->request.type, answer->status, answer->frames, answer->hidden);
}
