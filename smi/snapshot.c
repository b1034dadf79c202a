/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Three questions make a sample: devices, processes, ended processes. They are not one moment's picture, since reports
 * may arrive in between; the differences are as small as the time between three answers.
 */

#include "smi/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *snapshot_default_path(void)
{
    const char *path = secure_getenv("TT_ALLOC_SOCKET");

    return path && path[0] ? path : TT_ALLOC_SOCKET_PATH;
}

static uint64_t wall_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int fetch(struct tt_alloc_connection *connection, struct snapshot *snapshot)
{
    int r = tt_alloc_list_devices(connection, NULL, &snapshot->lists[0]);

    if (r == 0)
        r = tt_alloc_list_processes(connection, NULL, &snapshot->lists[1]);
    if (r == 0)
        r = tt_alloc_list_ended(connection, NULL, &snapshot->lists[2]);
    return r;
}

static int index_devices(struct snapshot *snapshot)
{
    const struct tt_alloc_list *list = snapshot->lists[0];
    size_t count = tt_alloc_list_count(list);

    snapshot->devices = calloc(count + 1, sizeof(*snapshot->devices));
    if (!snapshot->devices)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        snapshot->devices[i] = tt_alloc_list_device(list, i);
    snapshot->device_count = count;
    return 0;
}

static int index_processes(struct snapshot *snapshot)
{
    const struct tt_alloc_list *list = snapshot->lists[1];
    size_t count = tt_alloc_list_count(list);

    snapshot->processes = calloc(count + 1, sizeof(*snapshot->processes));
    if (!snapshot->processes)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        snapshot->processes[i] = tt_alloc_list_process(list, i);
    snapshot->process_count = count;
    return 0;
}

/* The library lists them in the order of their ends. */
static int index_ended(struct snapshot *snapshot)
{
    const struct tt_alloc_list *list = snapshot->lists[2];
    size_t count = tt_alloc_list_count(list);

    snapshot->ended = calloc(count + 1, sizeof(*snapshot->ended));
    if (!snapshot->ended)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        snapshot->ended[i] = tt_alloc_list_process(list, count - 1 - i);
    snapshot->ended_count = count;
    return 0;
}

static int index_all(struct snapshot *snapshot)
{
    int r = index_devices(snapshot);

    if (r == 0)
        r = index_processes(snapshot);
    return r == 0 ? index_ended(snapshot) : r;
}

static struct coverage count_coverage(const struct snapshot *snapshot)
{
    struct coverage coverage = {.devices = snapshot->device_count, .reporting = snapshot->process_count};

    for (size_t i = 0; i < snapshot->process_count; i++) {
        coverage.inexact += snapshot->processes[i]->inexact;
        coverage.lost = add_saturating(coverage.lost, snapshot->processes[i]->lost);
    }
    for (size_t i = 0; i < snapshot->ended_count; i++)
        coverage.leaks += snapshot->ended[i]->buffers > 0;
    return coverage;
}

/* The connection may be old, so the server's age is not what it said when it was made. */
static void describe_server(const struct tt_alloc_connection *connection, struct snapshot *snapshot)
{
    struct tt_alloc_server server;

    tt_alloc_get_server(connection, &server);
    snapshot->protocol_version = server.protocol_version;
    snapshot->uptime = snapshot->time > server.start_time ? snapshot->time - server.start_time : server.uptime;
}

int snapshot_take(struct tt_alloc_connection *connection, const char *path, int error, struct snapshot *ret)
{
    struct snapshot snapshot = {.time = wall_clock(), .path = path};
    int r = 0;

    gethostname(snapshot.host, sizeof(snapshot.host) - 1);
    snapshot.error = connection ? fetch(connection, &snapshot) : error;
    if (snapshot.error == 0) {
        describe_server(connection, &snapshot);
        r = index_all(&snapshot);
        snapshot.coverage = r == 0 ? count_coverage(&snapshot) : (struct coverage){0};
    }
    if (r < 0)
        snapshot_clear(&snapshot);
    else
        *ret = snapshot;
    return r;
}

static size_t keep_processes(const struct tt_alloc_process **processes, size_t count, const struct filter *filter)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (filter_has_process(filter, processes[i]))
            processes[kept++] = processes[i];
    }
    return kept;
}

static void keep_devices(struct snapshot *snapshot, const struct filter *filter)
{
    size_t kept = 0;

    for (size_t i = 0; i < snapshot->device_count; i++) {
        if (filter_has_device(filter, snapshot->devices[i]->device))
            snapshot->devices[kept++] = snapshot->devices[i];
    }
    snapshot->device_count = kept;
}

int snapshot_select(struct snapshot *snapshot, const struct filter *filter)
{
    const struct tt_alloc_process **leaks = calloc(snapshot->ended_count + 1, sizeof(struct tt_alloc_process *));

    if (!leaks)
        return -ENOMEM;
    keep_devices(snapshot, filter);
    snapshot->process_count = keep_processes(snapshot->processes, snapshot->process_count, filter);
    sort_processes(snapshot->processes, snapshot->process_count, filter);
    snapshot->ended_count = keep_processes(snapshot->ended, snapshot->ended_count, filter);
    free(snapshot->leaks);
    snapshot->leaks = leaks;
    snapshot->leak_count = 0;
    for (size_t i = 0; i < snapshot->ended_count; i++) {
        if (count_buffers(snapshot->ended[i], filter) > 0)
            leaks[snapshot->leak_count++] = snapshot->ended[i];
    }
    sort_processes(leaks, snapshot->leak_count, filter);
    return 0;
}

void snapshot_clear(struct snapshot *snapshot)
{
    if (!snapshot)
        return;
    free(snapshot->devices);
    free(snapshot->processes);
    free(snapshot->ended);
    free(snapshot->leaks);
    for (size_t i = 0; i < sizeof(snapshot->lists) / sizeof(snapshot->lists[0]); i++)
        tt_alloc_list_free(snapshot->lists[i]);
    *snapshot = (struct snapshot){0};
}

bool snapshot_has_device(const struct snapshot *snapshot, int32_t device)
{
    for (size_t i = 0; i < snapshot->device_count; i++) {
        if (snapshot->devices[i]->device == device)
            return true;
    }
    return false;
}

static bool has_pid(const struct tt_alloc_process **processes, size_t count, int32_t pid)
{
    for (size_t i = 0; i < count; i++) {
        if (processes[i]->pid == pid)
            return true;
    }
    return false;
}

bool snapshot_has_process(const struct snapshot *snapshot, int32_t pid)
{
    return has_pid(snapshot->processes, snapshot->process_count, pid);
}

bool snapshot_has_ended(const struct snapshot *snapshot, int32_t pid)
{
    return has_pid(snapshot->ended, snapshot->ended_count, pid);
}
