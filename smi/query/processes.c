/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The fields of a process, summed over its devices, region by region: what stands in one row can be added, pool by
 * pool.
 */

#include "smi/query/fields.h"
#include "smi/sample/users.h"

#include <errno.h>
#include <stdlib.h>

static bool is_told(const struct process_row *process)
{
    return process->tracking == TRACKING_REPORTING;
}

static const struct host_process *seen(const struct process_row *process)
{
    return process->seen && process->seen->error == 0 ? process->seen : NULL;
}

static int put_pid(FILE *out, const struct query_row *row, uint32_t index)
{
    int32_t pid = row->process->facts.pid;

    (void)index;
    return query_put_signed(out, pid > 0, pid);
}

static int put_start(FILE *out, const struct query_row *row, uint32_t index)
{
    (void)index;
    return query_put_moment(out, row->process->facts.start_time);
}

static int put_user(FILE *out, const struct query_row *row, uint32_t index)
{
    (void)index;
    return query_put_text(out, row, row->process->has_uid ? user_name(row->process->facts.uid) : NULL);
}

static int put_uid(FILE *out, const struct query_row *row, uint32_t index)
{
    (void)index;
    return query_put_number(out, row->process->has_uid, row->process->facts.uid);
}

static int put_tracking(FILE *out, const struct query_row *row, uint32_t index)
{
    (void)index;
    return query_put_text(out, row, tracking_name(row->process->tracking));
}

static bool uses(const struct process_row *process, int32_t device, const struct filter *filter)
{
    for (size_t i = 0; i < process->held_count; i++) {
        if (process->held[i] == device)
            return true;
    }
    for (size_t i = 0; i < process->facts.usage_count; i++) {
        if (process->facts.usage[i].device == device && filter_has_usage(filter, &process->facts.usage[i]))
            return true;
    }
    return false;
}

/* One by one, unlike in a table: a range would have to be taken apart. Rows of one number stand side by side. */
static void list_devices(FILE *out, const struct query_row *row)
{
    const struct snapshot *snapshot = row->snapshot;
    bool began = false;

    for (size_t i = 0; i < snapshot->device_count; i++) {
        int32_t device = snapshot->devices[i]->facts.device;

        if ((i > 0 && snapshot->devices[i - 1]->facts.device == device) || !uses(row->process, device, row->filter))
            continue;
        fprintf(out, "%s%s", began ? "," : "", device_label(device).text);
        began = true;
    }
}

static int put_devices(FILE *out, const struct query_row *row, uint32_t index)
{
    char *devices = NULL;
    size_t size;
    FILE *list = open_memstream(&devices, &size);
    int r = -ENOMEM;

    (void)index;
    if (!list)
        return -ENOMEM;
    list_devices(list, row);
    if (fclose(list) == 0)
        r = query_put_text(out, row, devices);
    free(devices);
    return r;
}

static int put_container(FILE *out, const struct query_row *row, uint32_t index)
{
    const struct host_process *process = seen(row->process);

    (void)index;
    return query_put_text(out, row, process ? process->container : NULL);
}

static int put_cgroup(FILE *out, const struct query_row *row, uint32_t index)
{
    const struct host_process *process = seen(row->process);

    (void)index;
    return query_put_text(out, row, process ? process->cgroup : NULL);
}

static int put_inner_pid(FILE *out, const struct query_row *row, uint32_t index)
{
    const struct host_process *process = seen(row->process);

    (void)index;
    return query_put_signed(out, process && process->inner_pid > 0, process ? process->inner_pid : 0);
}

static int put_region(FILE *out, const struct query_row *row, uint32_t region)
{
    const struct tt_alloc_process *facts = &row->process->facts;
    struct sum sum = sum_region(facts->usage, facts->usage_count, region, row->filter);

    return query_put_number(out, sum.used || row->process->is_complete, sum.bytes);
}

static int put_peak(FILE *out, const struct query_row *row, uint32_t pool)
{
    const struct tt_alloc_process *facts = &row->process->facts;
    struct sum sum = sum_pool(facts->usage, facts->usage_count, pool, row->filter);

    return query_put_number(out, row->process->has_peaks, sum.peak);
}

static int put_shm(FILE *out, const struct query_row *row, uint32_t memory)
{
    struct host_amount amount = row->process->shm[memory];

    return query_put_number(out, amount.known, amount.bytes);
}

static int put_difference(FILE *out, const struct query_row *row, uint32_t memory)
{
    struct difference difference = process_difference(row->process, (enum host_memory)memory);

    return query_put_signed(out, difference.known, difference.bytes);
}

static int put_buffers(FILE *out, const struct query_row *row, uint32_t index)
{
    (void)index;
    return query_put_number(out, row->process->has_peaks, count_buffers(&row->process->facts, row->filter));
}

static int put_inexact(FILE *out, const struct query_row *row, uint32_t index)
{
    (void)index;
    return query_put_truth(out, is_told(row->process), row->process->facts.inexact);
}

static int put_lost(FILE *out, const struct query_row *row, uint32_t index)
{
    (void)index;
    return query_put_number(out, is_told(row->process), row->process->facts.lost);
}

static int put_age(FILE *out, const struct query_row *row, uint32_t index)
{
    const struct process_row *process = row->process;

    (void)index;
    return query_put_seconds(out, is_told(process) || process->facts.start_time != 0, process->facts.age);
}

static int put_idle(FILE *out, const struct query_row *row, uint32_t index)
{
    (void)index;
    return query_put_seconds(out, is_told(row->process), row->process->facts.idle);
}

static int put_comm(FILE *out, const struct query_row *row, uint32_t index)
{
    (void)index;
    return query_put_text(out, row, process_is_named(row->process) ? row->process->facts.comm : NULL);
}

static int put_command(FILE *out, const struct query_row *row, uint32_t index)
{
    (void)index;
    return query_put_text(out, row, process_is_named(row->process) ? row->process->facts.command : NULL);
}

/* clang-format off */
static const struct query_field fields[] = {
    {"time", NULL, "when the sample was taken, UTC", query_put_time, 0},
    {"host", NULL, "name of the host", query_put_host, 0},
    {"pid", NULL, "as this host sees it", put_pid, 0},
    {"start_time", NULL, "UTC; with pid it is unique", put_start, 0},
    {"user", NULL, "name of the user", put_user, 0},
    {"uid", NULL, "number of the user", put_uid, 0},
    {"tracking", NULL, "reporting, shm_only or untracked", put_tracking, 0},
    {"devices", NULL, "that it used or has open, with commas between", put_devices, 0},
    {"container", NULL, "docker 3f2a90b1c2d4", put_container, 0},
    {"cgroup", NULL, "path of its control group", put_cgroup, 0},
    {"inner_pid", NULL, "its number in its own PID namespace", put_inner_pid, 0},
    {"dram_bytes", "B", "DRAM without TRACE", put_region, TT_ALLOC_DRAM},
    {"trace_bytes", "B", "TRACE", put_region, TT_ALLOC_TRACE},
    {"l1_bytes", "B", "L1 without L1_SMALL and CB", put_region, TT_ALLOC_L1},
    {"l1_small_bytes", "B", "L1_SMALL", put_region, TT_ALLOC_L1_SMALL},
    {"cb_bytes", "B", "circular buffers", put_region, TT_ALLOC_CB},
    {"buffers", NULL, "live ones", put_buffers, 0},
    {"dram_peak_bytes", "B", "sum of the peaks of the dram pools of its devices", put_peak, TT_ALLOC_POOL_DRAM},
    {"l1_peak_bytes", "B", "sum of the peaks of the l1 pools of its devices", put_peak, TT_ALLOC_POOL_L1},
    {"shm_dram_bytes", "B", "DRAM by tt-metal's totals", put_shm, HOST_DRAM},
    {"shm_l1_bytes", "B", "L1 by tt-metal's totals", put_shm, HOST_L1},
    {"dram_difference_bytes", "B", "DRAM that tt-metal's totals have more than the server", put_difference, HOST_DRAM},
    {"l1_difference_bytes", "B", "L1 that tt-metal's totals have more than the server", put_difference, HOST_L1},
    {"inexact", NULL, "whether reports were lost", put_inexact, 0},
    {"lost_reports", NULL, "how many", put_lost, 0},
    {"age_seconds", "s", "since its start", put_age, 0},
    {"idle_seconds", "s", "since its last report", put_idle, 0},
    {"comm", NULL, "its name", put_comm, 0},
    {"command", NULL, "its command line", put_command, 0},
};
/* clang-format on */

const struct query_fields query_process_fields = {fields, sizeof(fields) / sizeof(fields[0])};
