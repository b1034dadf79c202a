/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which processes matter. A host may have ten thousand of them, so they are gathered, sorted and merged, and never
 * looked for one by one.
 */

#include "host/process.h"

#include <errno.h>
#include <stdlib.h>

struct pids {
    int32_t *list;
    size_t count;
};

/* As many as there can be. */
static size_t count_candidates(const struct host *host)
{
    size_t count = 0;

    for (size_t i = 0; i < host->device_count; i++)
        count += host->devices[i].holder_count;
    for (size_t i = 0; i < host->totals_count; i++)
        count += host->totals[i].slot_count;
    return count;
}

static void gather_slots(const struct host_totals *totals, struct pids *pids)
{
    for (size_t i = 0; i < totals->slot_count; i++)
        if (totals->slots[i].state == HOST_SLOT_LIVE)
            pids->list[pids->count++] = totals->slots[i].pid;
}

static void gather_holders(const struct host_device *device, struct pids *pids)
{
    for (size_t i = 0; i < device->holder_count; i++)
        if (device->holders[i].pid > 0)
            pids->list[pids->count++] = device->holders[i].pid;
}

static int compare_pids(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a, right = *(const int32_t *)b;

    return (left > right) - (left < right);
}

static void sort_once_each(struct pids *pids)
{
    size_t kept = 0;

    if (pids->count > 1)
        qsort(pids->list, pids->count, sizeof(pids->list[0]), compare_pids);
    for (size_t i = 0; i < pids->count; i++)
        if (kept == 0 || pids->list[kept - 1] != pids->list[i])
            pids->list[kept++] = pids->list[i];
    pids->count = kept;
}

/* ret takes from old what is in both. On failure it is to be freed, and old holds what it held otherwise. */
static int merge(const struct host_root *root, const struct host *host, const struct pids *pids,
                 struct host_process *old, struct host_process *ret, size_t *ret_count)
{
    size_t count = 0, taken = 0, i = 0;

    while (taken < host->process_count || i < pids->count) {
        bool is_known = taken < host->process_count && (i == pids->count || old[taken].pid <= pids->list[i]);

        if (is_known) {
            i += i < pids->count && old[taken].pid == pids->list[i];
            ret[count++] = old[taken];
            old[taken++] = (struct host_process){0};
        } else if (host_process_read(root, host->boot_time, pids->list[i++], &ret[count++]) < 0) {
            return -ENOMEM;
        }
    }
    *ret_count = count;
    return 0;
}

static void free_processes(struct host_process *processes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        host_process_done(&processes[i]);
    free(processes);
}

static int add(const struct host_root *root, const struct pids *pids, struct host *host)
{
    size_t room = pids->count + host->process_count, count = 0;
    struct host_process *old = host->processes;
    struct host_process *processes = calloc(room ? room : 1, sizeof(*processes));
    int error;

    if (!processes)
        return -ENOMEM;
    error = merge(root, host, pids, old, processes, &count);
    if (error < 0) {
        free_processes(processes, room);
        free_processes(old, host->process_count);
        host->processes = NULL;
        host->process_count = 0;
        return error;
    }
    free(old);
    host->processes = processes;
    host->process_count = count;
    return 0;
}

int host_processes_read(const struct host_root *root, struct host *host)
{
    size_t room = count_candidates(host);
    struct pids pids = {.list = calloc(room ? room : 1, sizeof(int32_t))};
    int error;

    if (!pids.list)
        return -ENOMEM;
    for (size_t i = 0; i < host->device_count; i++)
        gather_holders(&host->devices[i], &pids);
    for (size_t i = 0; i < host->totals_count; i++)
        gather_slots(&host->totals[i], &pids);
    sort_once_each(&pids);
    error = add(root, &pids, host);
    free(pids.list);
    return error;
}
