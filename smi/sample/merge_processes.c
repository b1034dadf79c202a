/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A row for each process that reports, then for each that tt-metal's totals or the driver name besides. All are sorted
 * by PID, so that ten thousand of them are joined without a search of each among all.
 */

#include "smi/sample/merge.h"
#include "smi/sample/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare_numbers(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a, right = *(const int32_t *)b;

    return (left > right) - (left < right);
}

static int compare_rows(const void *a, const void *b)
{
    return compare_numbers(&((const struct process_row *)a)->facts.pid, &((const struct process_row *)b)->facts.pid);
}

static size_t count_slots(const struct host *host)
{
    size_t count = 0;

    for (size_t i = 0; i < host->totals_count; i++)
        count += host->totals[i].slot_count;
    return count;
}

/* The PIDs that the host tells of, ascending and each once. Returns how many. */
static size_t collect_pids(const struct host *host, const struct merged *merged, int32_t *pids)
{
    size_t count = 0, kept = 0;

    for (size_t i = 0; i < merged->holding_count; i++)
        pids[count++] = merged->holdings[i].pid;
    for (size_t i = 0; i < host->totals_count; i++) {
        for (size_t j = 0; j < host->totals[i].slot_count; j++) {
            if (host->totals[i].slots[j].state == HOST_SLOT_LIVE)
                pids[count++] = host->totals[i].slots[j].pid;
        }
    }
    qsort(pids, count, sizeof(*pids), compare_numbers);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || pids[i] != pids[i - 1])
            pids[kept++] = pids[i];
    }
    return kept;
}

static struct process_row *find_row(const struct merged *merged, size_t count, int32_t pid)
{
    struct process_row key = {.facts.pid = pid};

    return pid > 0 ? bsearch(&key, merged->processes, count, sizeof(key), compare_rows) : NULL;
}

static void add_told(const struct tt_alloc_list *processes, struct merged *merged)
{
    size_t count = processes ? tt_alloc_list_count(processes) : 0;

    for (size_t i = 0; i < count; i++)
        merged->processes[merged->process_count++] = (struct process_row){
            .facts = *tt_alloc_list_process(processes, i),
            .tracking = TRACKING_REPORTING,
            .has_uid = true,
            .is_complete = true,
            .has_peaks = true,
        };
    qsort(merged->processes, merged->process_count, sizeof(*merged->processes), compare_rows);
}

/* Why a command is not known differs; a question mark stands for all of it. */
static struct process_row seen_row(int32_t pid, const struct host_process *seen, uint64_t now)
{
    struct process_row row = {
        .facts = {.pid = pid, .comm = "", .command = "?"},
        .tracking = TRACKING_UNTRACKED,
        .seen = seen,
    };

    if (!seen || seen->error != 0)
        return row;
    row.has_uid = seen->has_uid;
    row.facts.uid = seen->uid;
    row.facts.start_time = seen->start_time;
    row.facts.age = seen->start_time && now > seen->start_time ? now - seen->start_time : 0;
    row.facts.label_pid = seen->inner_pid;
    row.facts.comm = seen->comm;
    row.facts.command = seen->command ? seen->command : seen->comm;
    return row;
}

static void add_seen(const struct host *host, const int32_t *pids, size_t count, uint64_t now, struct merged *merged)
{
    size_t told = merged->process_count;

    for (size_t i = 0; i < count; i++) {
        const struct host_process *seen = host_find_process(host, pids[i]);
        struct process_row *row = find_row(merged, told, pids[i]);

        if (row)
            row->seen = seen;
        else
            merged->processes[merged->process_count++] = seen_row(pids[i], seen, now);
    }
    qsort(merged->processes, merged->process_count, sizeof(*merged->processes), compare_rows);
}

/* Both are sorted by PID. */
static void hand_out_holdings(struct merged *merged)
{
    size_t next = 0;

    for (size_t i = 0; i < merged->process_count; i++) {
        struct process_row *row = &merged->processes[i];
        size_t first = next;

        if (row->facts.pid <= 0)
            continue;
        while (next < merged->holding_count && merged->holdings[next].pid == row->facts.pid)
            next++;
        row->held = merged->held + first;
        row->held_count = next - first;
    }
}

/* ---- What tt-metal's totals say of a process ---- */

static int add_made(struct process_row *row, int32_t device, const struct host_amount held[HOST_MEMORIES])
{
    struct made_usage made = {0};
    struct tt_alloc_usage *grown;

    made_usage_add(&made, device, held);
    grown = reallocarray(row->made, row->facts.usage_count + made.count + 1, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    memcpy(grown + row->facts.usage_count, made.list, made.count * sizeof(*grown));
    row->made = grown;
    row->facts.usage = grown;
    row->facts.usage_count = usages_drop_unknown(grown, row->facts.usage_count + made.count, row->unknown);
    return 0;
}

static void add_shm(struct process_row *row, const struct host_amount held[HOST_MEMORIES])
{
    row->unknown |= unknown_memories(held);
    for (size_t memory = 0; memory < HOST_MEMORIES; memory++) {
        if (row->unknown & (1U << memory))
            row->shm[memory] = (struct host_amount){0};
        else
            row->shm[memory] = (struct host_amount){true, add_saturating(row->shm[memory].bytes, held[memory].bytes)};
    }
}

static int add_slot(struct process_row *row, int32_t device, const struct host_slot *slot)
{
    add_shm(row, slot->held);
    if (row->tracking == TRACKING_REPORTING)
        return 0;
    row->tracking = TRACKING_SHM_ONLY;
    return add_made(row, device, slot->held);
}

static int add_verified(const struct host_totals *totals, int32_t device, struct merged *merged)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < totals->slot_count; i++) {
        const struct host_slot *slot = &totals->slots[i];
        struct process_row *row = NULL;

        if (slot->state == HOST_SLOT_LIVE)
            row = find_row(merged, merged->process_count, slot->pid);
        if (row)
            r = add_slot(row, device, slot);
    }
    return r;
}

/* ---- Processes that cannot be verified ---- */

/* In a container that cannot be looked into, a process is known by its own number and name only. Files of one place
 * that say the same of both mean the same process; within one file each slot is a process of its own, so that the first
 * of one file goes with the first of another. */
struct unverified {
    const struct host_slot *slot;
    int32_t through_pid;
    size_t nth; /* of its file with this number and name */
    size_t file;
};

static bool is_alike(const struct host_slot *a, const struct host_slot *b)
{
    return a->state == b->state && a->inner_pid == b->inner_pid && strcmp(a->comm, b->comm) == 0;
}

static size_t count_alike(const struct host_totals *totals, size_t end)
{
    size_t count = 0;

    for (size_t i = 0; i < end; i++)
        count += is_alike(&totals->slots[i], &totals->slots[end]);
    return count;
}

static size_t collect_unverified(const struct host *host, struct unverified *list)
{
    size_t count = 0;

    for (size_t i = 0; i < host->totals_count; i++) {
        const struct host_totals *totals = &host->totals[i];

        for (size_t j = 0; j < totals->slot_count; j++) {
            if (totals->slots[j].state == HOST_SLOT_UNVERIFIED)
                list[count++] = (struct unverified){&totals->slots[j], totals->through_pid, count_alike(totals, j), i};
        }
    }
    return count;
}

static int compare_writers(const struct unverified *a, const struct unverified *b)
{
    if (a->through_pid != b->through_pid)
        return a->through_pid < b->through_pid ? -1 : 1;
    if (a->slot->inner_pid != b->slot->inner_pid)
        return a->slot->inner_pid < b->slot->inner_pid ? -1 : 1;
    if (a->nth != b->nth)
        return a->nth < b->nth ? -1 : 1;
    return strcmp(a->slot->comm, b->slot->comm);
}

static int compare_unverified(const void *a, const void *b)
{
    const struct unverified *left = a, *right = b;
    int order = compare_writers(left, right);

    return order ? order : (left->file > right->file) - (left->file < right->file);
}

static struct process_row *add_row(const struct host_slot *slot, struct merged *merged)
{
    struct process_row *row = &merged->processes[merged->process_count++];

    *row = (struct process_row){
        .facts = {.label_pid = slot->inner_pid, .comm = slot->comm, .command = slot->comm},
        .tracking = TRACKING_SHM_ONLY,
    };
    return row;
}

static int add_unverified(const struct host *host, size_t slots, struct merged *merged)
{
    struct unverified *list = calloc(slots + 1, sizeof(*list));
    struct process_row *row = NULL;
    size_t count;
    int r = 0;

    if (!list)
        return -ENOMEM;
    count = collect_unverified(host, list);
    qsort(list, count, sizeof(*list), compare_unverified);
    for (size_t i = 0; r == 0 && i < count; i++) {
        if (i == 0 || compare_writers(&list[i - 1], &list[i]) != 0)
            row = add_row(list[i].slot, merged);
        r = add_slot(row, merged->totals[list[i].file], list[i].slot);
    }
    free(list);
    return r;
}

int merge_processes(const struct tt_alloc_list *processes, const struct host *host, uint64_t now, struct merged *merged)
{
    size_t told = processes ? tt_alloc_list_count(processes) : 0, slots = count_slots(host);
    int32_t *pids = calloc(merged->holding_count + slots + 1, sizeof(*pids));
    int r = 0;

    merged->processes = calloc(told + merged->holding_count + 2 * slots + 1, sizeof(*merged->processes));
    if (!pids || !merged->processes) {
        free(pids);
        return -ENOMEM;
    }
    add_told(processes, merged);
    add_seen(host, pids, collect_pids(host, merged, pids), now, merged);
    free(pids);
    hand_out_holdings(merged);
    for (size_t i = 0; r == 0 && i < host->totals_count; i++)
        r = add_verified(&host->totals[i], merged->totals[i], merged);
    if (r == 0)
        r = add_unverified(host, slots, merged);
    if (r == 0) /* those that were added are behind the others, and have no PID */
        qsort(merged->processes, merged->process_count, sizeof(*merged->processes), compare_rows);
    return r;
}
