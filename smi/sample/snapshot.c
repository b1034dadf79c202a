/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Three questions to the server and a look at the host make a sample: devices, processes, ended processes, and who has
 * what open. They are not one moment's picture, since reports may arrive in between; the differences are as small as
 * the time that all of it takes, some milliseconds.
 */

#include "smi/sample/snapshot.h"
#include "smi/sample/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *snapshot_path(const char *socket, const char *root)
{
    const char *path = secure_getenv("TT_ALLOC_SOCKET");

    if (socket || root)
        return socket;
    return path && path[0] ? path : TT_ALLOC_SOCKET_PATH;
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

static int index_rows(struct snapshot *snapshot)
{
    const struct merged *merged = &snapshot->merged;

    snapshot->devices = calloc(merged->device_count + 1, sizeof(*snapshot->devices));
    snapshot->processes = calloc(merged->process_count + 1, sizeof(*snapshot->processes));
    if (!snapshot->devices || !snapshot->processes)
        return -ENOMEM;
    for (size_t i = 0; i < merged->device_count; i++)
        snapshot->devices[i] = &merged->devices[i];
    for (size_t i = 0; i < merged->process_count; i++)
        snapshot->processes[i] = &merged->processes[i];
    snapshot->device_count = merged->device_count;
    snapshot->process_count = merged->process_count;
    return 0;
}

/* The library lists them in the order of their ends. */
static int index_ended(struct snapshot *snapshot)
{
    const struct tt_alloc_list *list = snapshot->lists[2];
    size_t count = list ? tt_alloc_list_count(list) : 0;

    snapshot->ended = calloc(count + 1, sizeof(*snapshot->ended));
    snapshot->ended_rows = calloc(count + 1, sizeof(*snapshot->ended_rows));
    if (!snapshot->ended || !snapshot->ended_rows)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        snapshot->ended_rows[i] = (struct process_row){
            .facts = *tt_alloc_list_process(list, count - 1 - i),
            .tracking = TRACKING_EXITED,
            .has_uid = true,
            .is_complete = true,
            .has_peaks = true,
        };
        snapshot->ended[i] = &snapshot->ended_rows[i];
    }
    snapshot->ended_count = count;
    return 0;
}

static int make_rows(struct snapshot *snapshot)
{
    int r = merge_rows(snapshot->lists[0], snapshot->lists[1], &snapshot->host, snapshot->time, &snapshot->merged);

    if (r == 0)
        r = index_rows(snapshot);
    return r == 0 ? index_ended(snapshot) : r;
}

/* A CB is a hint only, and nobody's sum depends on it. */
static bool is_partial(const struct process_row *row)
{
    return row->tracking == TRACKING_SHM_ONLY && (row->unknown & ~(1U << HOST_CB)) != 0;
}

static void count_process(struct coverage *coverage, const struct process_row *row)
{
    coverage->reporting += row->tracking == TRACKING_REPORTING;
    coverage->shm_only += row->tracking == TRACKING_SHM_ONLY;
    coverage->untracked += row->tracking == TRACKING_UNTRACKED;
    coverage->partial += is_partial(row);
    coverage->inexact += row->facts.inexact;
    coverage->lost = add_saturating(coverage->lost, row->facts.lost);
}

static bool is_read(const struct host_totals *totals)
{
    return totals->state == HOST_TOTALS_OK || totals->state == HOST_TOTALS_STALE;
}

static struct coverage count_coverage(const struct snapshot *snapshot)
{
    struct coverage coverage = {
        .devices = snapshot->device_count,
        .hidden = snapshot->merged.hidden_opens,
        .totals = snapshot->host.totals_count,
    };

    for (size_t i = 0; i < snapshot->process_count; i++)
        count_process(&coverage, snapshot->processes[i]);
    for (size_t i = 0; i < snapshot->ended_count; i++)
        coverage.leaks += snapshot->ended[i]->facts.buffers > 0 && !snapshot->ended[i]->facts.forgotten;
    for (size_t i = 0; i < snapshot->host.totals_count; i++)
        coverage.totals_read += is_read(&snapshot->host.totals[i]);
    return coverage;
}

static bool has_unknown_holders(const struct host *host)
{
    for (size_t i = 0; i < host->device_count; i++) {
        if (host->devices[i].holders_error != 0)
            return true;
    }
    return false;
}

/* What a host does not offer is not missing. */
static bool is_unread(int error)
{
    return error != 0 && error != -ENOENT;
}

bool snapshot_is_incomplete(const struct snapshot *snapshot)
{
    const struct coverage *coverage = &snapshot->coverage;

    return snapshot->error != 0 || snapshot->host_error != 0 || coverage->untracked > 0 || coverage->hidden > 0 ||
           coverage->partial > 0 || coverage->inexact > 0 || coverage->lost > 0 ||
           coverage->totals_read < coverage->totals || is_unread(snapshot->host.devices_error) ||
           is_unread(snapshot->host.totals_error) || has_unknown_holders(&snapshot->host) ||
           snapshot->details.top.hidden > 0;
}

bool snapshot_knows_devices(const struct snapshot *snapshot)
{
    return snapshot_is_told(snapshot) || snapshot->merged.device_count > 0 ||
           (snapshot->host_error == 0 && snapshot->host.devices_error == 0);
}

bool snapshot_knows_holders(const struct snapshot *snapshot)
{
    return snapshot->host_error == 0 && snapshot->host.devices_error == 0 && !has_unknown_holders(&snapshot->host);
}

bool snapshot_knows_processes(const struct snapshot *snapshot)
{
    return snapshot_is_told(snapshot) || snapshot->merged.process_count > 0 || snapshot_knows_holders(snapshot);
}

/* The connection may be old, so the server's age is not what it said when it was made. */
static void describe_server(const struct tt_alloc_connection *connection, struct snapshot *snapshot)
{
    struct tt_alloc_server server;

    tt_alloc_get_server(connection, &server);
    snapshot->protocol_version = server.protocol_version;
    snapshot->uptime = snapshot->time > server.start_time ? snapshot->time - server.start_time : server.uptime;
}

/* A tree of another host tells its own name and time. */
static void read_host(const char *root, unsigned parts, struct snapshot *snapshot)
{
    snapshot->host_error = host_read(root, parts, &snapshot->host);
    if (root && snapshot->host.time != 0)
        snapshot->time = snapshot->host.time;
    if (snapshot->host.name[0])
        memcpy(snapshot->name, snapshot->host.name, sizeof(snapshot->name));
    else if (root)
        strcpy(snapshot->name, "?");
    else
        gethostname(snapshot->name, sizeof(snapshot->name) - 1);
}

static void drop_lists(struct snapshot *snapshot)
{
    for (size_t i = 0; i < sizeof(snapshot->lists) / sizeof(snapshot->lists[0]); i++)
        snapshot->lists[i] = tt_alloc_list_free(snapshot->lists[i]);
}

/* The host comes last: who has just begun to report is not taken for one who does not. */
int snapshot_take(struct tt_alloc_connection *connection, const char *path, int error, const char *root, unsigned parts,
                  struct snapshot *ret)
{
    struct snapshot snapshot = {.time = clock_read(CLOCK_REALTIME), .path = path, .root = root};
    int r;

    snapshot.error = connection ? fetch(connection, &snapshot) : error;
    if (snapshot_is_told(&snapshot))
        describe_server(connection, &snapshot);
    else
        drop_lists(&snapshot);
    read_host(root, parts, &snapshot);
    r = make_rows(&snapshot);
    if (r < 0) {
        snapshot_clear(&snapshot);
        return r;
    }
    snapshot.coverage = count_coverage(&snapshot);
    *ret = snapshot;
    return 0;
}

static size_t keep_processes(const struct process_row **processes, size_t count, const struct filter *filter)
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
        if (filter_has_device(filter, snapshot->devices[i]->facts.device))
            snapshot->devices[kept++] = snapshot->devices[i];
    }
    snapshot->device_count = kept;
}

int snapshot_select(struct snapshot *snapshot, const struct filter *filter)
{
    const struct process_row **leaks = calloc(snapshot->ended_count + 1, sizeof(*leaks));

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
        const struct tt_alloc_process *facts = &snapshot->ended[i]->facts;

        if (count_buffers(facts, filter) > 0 && !facts->forgotten)
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
    free(snapshot->ended_rows);
    merged_clear(&snapshot->merged);
    host_clear(&snapshot->host);
    drop_lists(snapshot);
    details_clear(&snapshot->details);
    *snapshot = (struct snapshot){0};
}

bool snapshot_has_device(const struct snapshot *snapshot, int32_t device)
{
    for (size_t i = 0; i < snapshot->device_count; i++) {
        if (snapshot->devices[i]->facts.device == device)
            return true;
    }
    return false;
}

static bool has_pid(const struct process_row **processes, size_t count, int32_t pid)
{
    for (size_t i = 0; i < count; i++) {
        if (processes[i]->facts.pid == pid)
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
