/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The server filters by one device, one region and one PID; what it cannot filter by is left out here.
 */

#include "smi/sample/details.h"
#include "smi/sample/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool passes(const struct filter *filter, const struct tt_alloc_buffer *buffer)
{
    return filter_has_device(filter, buffer->device) && filter_has_region(filter, buffer->region) &&
           (!filter->by_uid || buffer->uid == filter->uid) && (filter->pid == 0 || buffer->pid == filter->pid);
}

static int pick(const struct filter *filter, struct top *top)
{
    size_t count = top->answer ? tt_alloc_list_count(top->answer) : 0;

    top->buffers = calloc(count + 1, sizeof(*top->buffers));
    if (!top->buffers)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct tt_alloc_buffer *buffer = tt_alloc_list_buffer(top->answer, i);

        if (passes(filter, buffer))
            top->buffers[top->buffer_count++] = buffer;
    }
    return 0;
}

/* Of processes of other users, by what is told of them all. */
static uint64_t count_others(const struct snapshot *snapshot, const struct filter *filter)
{
    uint64_t buffers = 0;

    for (size_t i = 0; i < snapshot->process_count; i++) {
        const struct process_row *row = snapshot->processes[i];

        if (row->tracking == TRACKING_REPORTING && row->facts.uid != geteuid() && filter_has_process(filter, row))
            buffers = add_saturating(buffers, count_buffers(&row->facts, filter));
    }
    return buffers;
}

/* What the server counts as hidden may be more than what was asked for. */
static uint64_t count_hidden(const struct snapshot *snapshot, const struct filter *filter)
{
    uint64_t hidden = tt_alloc_list_hidden(snapshot->details.top.answer);
    bool is_filtered = filter->by_uid || filter->device_count > 0 || filter->region >= 0 || filter->pid != 0;

    return hidden > 0 && is_filtered ? count_others(snapshot, filter) : hidden;
}

/* A device or process that the server does not know has no buffers; and who asks for a process whose buffers are not
 * for him is told how many there are. */
static int ask_buffers(struct tt_alloc_connection *connection, const struct filter *filter, struct snapshot *snapshot)
{
    struct top *top = &snapshot->details.top;
    bool one_device = filter->device_count == 1;
    struct tt_alloc_filter narrow = {
        .by_device = one_device,
        .device = one_device ? filter->devices[0] : 0,
        .by_region = filter->region >= 0,
        .region = filter->region >= 0 ? (uint32_t)filter->region : 0,
        .pid = filter->pid,
    };
    bool is_far = one_device && filter->devices[0] < 0; /* which no server numbers so */
    int r = is_far ? -ENODEV : tt_alloc_list_buffers(connection, &narrow, &top->answer);

    if (r == -EPERM) {
        top->hidden = count_others(snapshot, filter);
        top->is_denied = true;
    }
    if (r == -ENODEV || r == -ESRCH || r == -EPERM)
        return pick(filter, top);
    if (r < 0) {
        snapshot->error = r;
        return r == -ENOMEM ? r : 0;
    }
    r = pick(filter, top);
    if (r == 0)
        top->hidden = count_hidden(snapshot, filter);
    return r;
}

static int ask_top(struct tt_alloc_connection *connection, const struct options *options, struct snapshot *snapshot)
{
    int r = ask_buffers(connection, &options->filter, snapshot);

    return r == 0 && snapshot->error == 0 ? top_arrange(&snapshot->details.top, options->count) : r;
}

static int ask_figures(struct tt_alloc_connection *connection, struct snapshot *snapshot)
{
    struct details *details = &snapshot->details;
    struct tt_alloc_server server;
    int r = tt_alloc_list_figures(connection, &details->figures);

    tt_alloc_get_server(connection, &server);
    details->is_authorised = server.authorised;
    snprintf(details->server_name, sizeof(details->server_name), "%s", server.name);
    if (r < 0)
        snapshot->error = r;
    return r == -ENOMEM ? r : 0;
}

int details_ask(struct tt_alloc_connection *connection, const struct options *options, struct snapshot *snapshot)
{
    snapshot->details.top.each = options->each;
    snapshot->details.top.by = options->by;
    if (!connection || snapshot->error != 0)
        return 0;
    if (options->view == VIEW_TOP)
        return ask_top(connection, options, snapshot);
    return options->view == VIEW_DOCTOR ? ask_figures(connection, snapshot) : 0;
}

void details_clear(struct details *details)
{
    top_clear(&details->top);
    tt_alloc_list_free(details->figures);
    *details = (struct details){0};
}
