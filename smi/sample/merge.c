/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The order of the steps: who holds what is told in numbers of rows, so devices come first; what a device holds that
 * the server was not told of depends on who reports, so it comes last.
 */

#include "smi/sample/merge.h"
#include "smi/sample/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A number that only processes used may be that of a node too; then the node is meant. */
struct device_row *merged_find_device(const struct merged *merged, int32_t number)
{
    struct device_row *found = NULL;

    for (size_t i = 0; i < merged->device_count; i++) {
        if (merged->devices[i].facts.device == number && (!found || merged->devices[i].node))
            found = &merged->devices[i];
    }
    return found;
}

static const struct device_row *row_of_node(const struct merged *merged, const struct host_device *node)
{
    for (size_t i = 0; i < merged->device_count; i++) {
        if (merged->devices[i].node == node)
            return &merged->devices[i];
    }
    return NULL;
}

static int compare_holdings(const void *a, const void *b)
{
    const struct holding *left = a, *right = b;
    int order = (left->pid > right->pid) - (left->pid < right->pid);

    return order ? order : (left->device > right->device) - (left->device < right->device);
}

static void list_holders(const struct host_device *node, int32_t number, struct merged *merged)
{
    for (size_t i = 0; i < node->holder_count; i++)
        merged->holdings[merged->holding_count++] = (struct holding){node->holders[i].pid, number};
    merged->hidden_opens += node->hidden_opens;
}

int merge_holdings(const struct host *host, struct merged *merged)
{
    size_t most = 0;

    for (size_t i = 0; i < host->device_count; i++)
        most += host->devices[i].holder_count;
    merged->holdings = calloc(most + 1, sizeof(*merged->holdings));
    merged->held = calloc(most + 1, sizeof(*merged->held));
    if (!merged->holdings || !merged->held)
        return -ENOMEM;
    for (size_t i = 0; i < host->device_count; i++)
        list_holders(&host->devices[i], row_of_node(merged, &host->devices[i])->facts.device, merged);
    qsort(merged->holdings, merged->holding_count, sizeof(*merged->holdings), compare_holdings);
    for (size_t i = 0; i < merged->holding_count; i++)
        merged->held[i] = merged->holdings[i].device;
    return 0;
}

/* ---- What a device holds beyond what the server was told ---- */

static int compare_pid(const void *key, const void *entry)
{
    int32_t pid = *(const int32_t *)key, other = ((const struct process_row *)entry)->facts.pid;

    return (pid > other) - (pid < other);
}

/* 0 is nobody's number, though a server that cannot see a PID says it. */
static bool is_reporting(const struct merged *merged, int32_t pid)
{
    const struct process_row *row =
        bsearch(&pid, merged->processes, merged->process_count, sizeof(*merged->processes), compare_pid);

    return pid > 0 && row && row->tracking == TRACKING_REPORTING;
}

/* From here on the row has usages of its own, and peaks that nobody saw together. */
static void add_slot(struct device_row *row, const struct host_slot *slot)
{
    if (row->facts.usage != row->made.list) {
        row->made.count = row->facts.usage_count < USAGE_MAX ? row->facts.usage_count : USAGE_MAX;
        if (row->made.count > 0)
            memcpy(row->made.list, row->facts.usage, row->made.count * sizeof(row->made.list[0]));
    }
    made_usage_add(&row->made, row->facts.device, slot->held);
    row->facts.usage = row->made.list;
    row->facts.usage_count = row->made.count;
    row->is_partial = row->is_partial || row->made.unknown != 0;
    row->has_peaks = false;
}

/* Whoever wrote an unverified slot may be one of those that report, so that the server's figures may have it already:
 * too little, and said to be so, rather than twice. */
static void add_totals(const struct merged *merged, const struct host_totals *totals, struct device_row *row)
{
    for (size_t i = 0; i < totals->slot_count; i++) {
        const struct host_slot *slot = &totals->slots[i];
        bool is_unverified = slot->state == HOST_SLOT_UNVERIFIED;

        if (is_unverified && row->is_told)
            row->is_partial = true;
        else if (is_unverified || (slot->state == HOST_SLOT_LIVE && !is_reporting(merged, slot->pid)))
            add_slot(row, slot);
    }
}

/* Who holds it is known, and tells all of his memory there. */
static bool is_covered(const struct merged *merged, const struct host_device *node)
{
    for (size_t i = 0; i < node->holder_count; i++) {
        if (!is_reporting(merged, node->holders[i].pid))
            return false;
    }
    return node->holders_error == 0 && node->hidden_opens == 0;
}

void merge_complete(bool is_server_asked, const struct host *host, struct merged *merged)
{
    for (size_t i = 0; i < host->totals_count; i++) {
        if (merged->chips[i])
            add_totals(merged, &host->totals[i], merged->chips[i]);
    }
    for (size_t i = 0; i < merged->device_count; i++) {
        struct device_row *row = &merged->devices[i];
        bool is_known = row->is_told || (is_server_asked && row->node);

        row->is_complete = is_known && !row->is_partial && (!row->node || is_covered(merged, row->node));
        if (!row->is_told && row->node)
            row->facts.processes = (uint32_t)row->node->holder_count;
    }
}

int merge_rows(const struct tt_alloc_list *devices, const struct tt_alloc_list *processes, const struct host *host,
               uint64_t now, struct merged *ret)
{
    struct merged merged = {0};
    int r = merge_devices(devices, host, &merged);

    if (r == 0)
        r = merge_holdings(host, &merged);
    if (r == 0)
        r = merge_processes(processes, host, now, &merged);
    if (r < 0) {
        merged_clear(&merged);
        return r;
    }
    merge_complete(devices != NULL, host, &merged);
    *ret = merged;
    return 0;
}

void merged_clear(struct merged *merged)
{
    for (size_t i = 0; i < merged->process_count; i++)
        free(merged->processes[i].made);
    free(merged->devices);
    free(merged->processes);
    free(merged->holdings);
    free(merged->held);
    free(merged->totals);
    free(merged->chips);
    *merged = (struct merged){0};
}
