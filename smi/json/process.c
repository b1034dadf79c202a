/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A process, whoever told of it. The server knows buffers and peaks; tt-metal's totals know bytes; the driver only that
 * it has a device open. What a source cannot know is null, and the memory of a process that nothing tells of is null as
 * a whole: an empty list would say that it holds nothing.
 */

#include "smi/json/rows.h"
#include "smi/sample/users.h"

static bool is_told(const struct process_row *row)
{
    return row->tracking == TRACKING_REPORTING || row->tracking == TRACKING_EXITED;
}

static json_t *identity(const struct process_row *row)
{
    const struct tt_alloc_process *process = &row->facts;
    const char *command = process_is_named(row) ? process->command : NULL;

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "pid",
                     json_count_if(process->pid > 0, (uint64_t)process->pid), "start_time",
                     json_moment(process->start_time), "user", json_text(row->has_uid ? user_name(process->uid) : NULL),
                     "uid", json_count_if(row->has_uid, process->uid), "command", json_text(command), "comm",
                     json_text(process_is_named(row) ? process->comm : NULL), "serial",
                     is_told(row) ? json_identifier(process->serial) : json_null(), "label_pid",
                     json_count_if(process->label_pid > 0, (uint64_t)process->label_pid));
}

static json_t *figures(const struct process_row *row, const struct filter *filter, bool holding)
{
    const struct tt_alloc_process *process = &row->facts;
    bool is_known = row->tracking != TRACKING_UNTRACKED;

    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "inexact",
                     is_told(row) ? json_boolean(process->inexact) : json_null(), "lost_reports",
                     json_count_if(is_told(row), process->lost), "buffers",
                     json_count_if(row->has_peaks, count_buffers(process, filter)), "usage",
                     is_known ? json_usage_list(row, filter, false, holding) : json_null(), "pools",
                     is_known ? json_usage_list(row, filter, true, holding) : json_null());
}

/* The keys that live and ended processes share. */
static json_t *shared_keys(const struct process_row *row, const struct filter *filter, bool holding)
{
    return json_merge(identity(row), figures(row, filter, holding));
}

/* ---- What the host tells ---- */

static json_t *held_devices(const struct process_row *row)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < row->held_count; i++)
        list = json_append(list, json_device_name(row->held[i]));
    return list;
}

/* The number of the only node that it has open. */
static json_t *only_node(const struct process_row *row, const struct host *host)
{
    int32_t found = -1;

    if (row->held_count != 1)
        return json_null();
    for (size_t i = 0; i < host->device_count; i++) {
        if (host_device_is_held_by(&host->devices[i], row->facts.pid))
            found = host->devices[i].number;
    }
    return found >= 0 ? json_integer(found) : json_null();
}

static json_t *openness(const struct process_row *row, const struct snapshot *snapshot)
{
    bool is_known = snapshot_knows_holders(snapshot) && row->facts.pid > 0;

    return json_pack("{s:o, s:o}", "held_devices", is_known ? held_devices(row) : json_null(), "device",
                     is_known ? only_node(row, &snapshot->host) : json_null());
}

/* A process of a container that cannot be looked into has no entry of its own, only the number that it wrote. */
static json_t *place(const struct process_row *row)
{
    const struct host_process *seen = row->seen && row->seen->error == 0 ? row->seen : NULL;
    bool is_unverified = row->tracking == TRACKING_SHM_ONLY && row->facts.pid == 0;
    int32_t inner = seen ? seen->inner_pid : is_unverified ? row->facts.label_pid : 0;

    return json_pack("{s:o, s:o, s:o}", "cgroup", json_text(seen ? seen->cgroup : NULL), "container",
                     json_text(seen ? seen->container : NULL), "inner_pid", json_count_if(inner > 0, (uint64_t)inner));
}

static json_t *shm(const struct process_row *row)
{
    json_t *object = json_object();
    bool is_known = false;

    for (enum host_memory i = 0; object && i < HOST_MEMORIES; i++) {
        is_known = is_known || row->shm[i].known;
        object = json_merge(object, json_pack("{s:o}", regions[region_of_memory(i)].name, json_amount(row->shm[i])));
    }
    if (is_known || !object)
        return object;
    json_decref(object);
    return json_null();
}

static json_t *difference(const struct process_row *row)
{
    json_t *object = json_object();
    bool is_known = false;

    for (enum host_memory i = 0; object && i < HOST_MEMORIES; i++) {
        struct difference more = process_difference(row, i);

        is_known = is_known || more.known;
        object = json_merge(object, json_pack("{s:o}", regions[region_of_memory(i)].name,
                                              more.known ? json_integer(more.bytes) : json_null()));
    }
    if (is_known || !object)
        return object;
    json_decref(object);
    return json_null();
}

json_t *json_process(const struct process_row *row, const struct snapshot *snapshot, const struct filter *filter)
{
    const struct tt_alloc_process *process = &row->facts;
    const char *command = process_is_named(row) ? process->command : NULL;
    json_t *life = json_pack("{s:s, s:o, s:o, s:o, s:o, s:b}", "tracking", tracking_name(row->tracking), "sessions",
                             json_count_if(is_told(row), process->sessions), "age_seconds",
                             json_seconds_if(is_told(row) || process->start_time != 0, process->age), "idle_seconds",
                             json_seconds_if(is_told(row), process->idle), "cmdline", json_text(command), "complete",
                             row->is_complete);
    json_t *totals = json_pack("{s:o, s:o}", "shm", shm(row), "difference_bytes", difference(row));

    life = json_merge(shared_keys(row, filter, false), life);
    return json_merge(json_merge(json_merge(life, place(row)), openness(row, snapshot)), totals);
}

/* ---- Ended processes: the host has forgotten them ---- */

static json_t *ended_keys(const struct tt_alloc_process *process)
{
    bool hung_up = process->reason == TT_ALLOC_REASON_HUNG_UP;

    return json_pack("{s:s, s:o, s:o, s:n}", "ended", hung_up ? "hung_up" : "exited", "end_time",
                     json_moment(process->end_time), "lifetime_seconds", json_seconds_if(true, process->age), "cgroup");
}

json_t *json_ended(const struct process_row *row, const struct snapshot *snapshot, const struct filter *filter)
{
    json_t *mark = json_pack("{s:b}", "forgotten", row->facts.forgotten);

    (void)snapshot;
    return json_merge(json_merge(shared_keys(row, filter, false), ended_keys(&row->facts)), mark);
}

json_t *json_leak(const struct process_row *row, const struct snapshot *snapshot, const struct filter *filter)
{
    bool hung_up = row->facts.reason == TT_ALLOC_REASON_HUNG_UP;
    json_t *reason = json_pack("{s:s}", "reason", hung_up ? "owner_hung_up" : "owner_exited");

    (void)snapshot;
    return json_merge(json_merge(reason, shared_keys(row, filter, true)), ended_keys(&row->facts));
}
