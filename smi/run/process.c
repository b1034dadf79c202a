/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A restarted server numbers anew, so a process is the same only if its number and its start are as well.
 */

#include "smi/run/process.h"
#include "smi/sample/order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void run_process_drop(struct run_process *process)
{
    free((void *)process->facts.usage);
    free((char *)process->facts.comm);
    free((char *)process->facts.command);
}

static int copy(const struct tt_alloc_process *facts, bool has_ended, struct run_process *ret)
{
    struct run_process process = {.facts = *facts, .has_ended = has_ended};
    struct tt_alloc_usage *usage = calloc(facts->usage_count + 1, sizeof(usage[0]));

    process.facts.usage = usage;
    process.facts.comm = strdup(facts->comm);
    process.facts.command = strdup(facts->command);
    if (!usage || !process.facts.comm || !process.facts.command) {
        run_process_drop(&process);
        return -ENOMEM;
    }
    if (facts->usage_count > 0)
        memcpy(usage, facts->usage, facts->usage_count * sizeof(usage[0]));
    *ret = process;
    return 0;
}

static int compare(const struct tt_alloc_process *a, const struct tt_alloc_process *b)
{
    int order = COMPARE(a->serial, b->serial);

    if (order == 0)
        order = COMPARE(a->pid, b->pid);
    return order ? order : COMPARE(a->start_time, b->start_time);
}

/* Where the process stands, or would stand. */
static size_t find_place(const struct run_process *processes, size_t count, const struct tt_alloc_process *facts)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(&processes[middle].facts, facts) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Takes the process over on success. */
static int insert(struct run_process **processes, size_t *count, size_t place, const struct run_process *process)
{
    struct run_process *list = reallocarray(*processes, *count + 1, sizeof(list[0]));

    if (!list)
        return -ENOMEM;
    memmove(&list[place + 1], &list[place], (*count - place) * sizeof(list[0]));
    list[place] = *process;
    *processes = list;
    (*count)++;
    return 0;
}

int run_process_keep(struct run_process **processes, size_t *count, const struct tt_alloc_process *facts,
                     bool has_ended)
{
    size_t place = find_place(*processes, *count, facts);
    struct run_process *known = place < *count ? &(*processes)[place] : NULL, process;
    int r;

    if (known && compare(&known->facts, facts) != 0)
        known = NULL;
    if (known && known->has_ended)
        return 0;
    r = copy(facts, has_ended, &process);
    if (r < 0)
        return r;
    if (known) {
        run_process_drop(known);
        *known = process;
        return 0;
    }
    r = insert(processes, count, place, &process);
    if (r < 0)
        run_process_drop(&process);
    return r;
}

void run_processes_clear(struct run_process *processes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        run_process_drop(&processes[i]);
    free(processes);
}
