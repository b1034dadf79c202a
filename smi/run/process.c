/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A restarted server numbers anew, so a process is the same only if its number and its start are as well.
 */

#include "smi/run/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void drop(struct run_process *process)
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
        drop(&process);
        return -ENOMEM;
    }
    if (facts->usage_count > 0)
        memcpy(usage, facts->usage, facts->usage_count * sizeof(usage[0]));
    *ret = process;
    return 0;
}

static struct run_process *find(struct run_process *processes, size_t count, const struct tt_alloc_process *facts)
{
    for (size_t i = count; i-- > 0;) {
        const struct tt_alloc_process *known = &processes[i].facts;

        if (known->serial == facts->serial && known->pid == facts->pid && known->start_time == facts->start_time)
            return &processes[i];
    }
    return NULL;
}

int run_process_keep(struct run_process **processes, size_t *count, const struct tt_alloc_process *facts,
                     bool has_ended)
{
    struct run_process *place = find(*processes, *count, facts), *list, process;
    int r;

    if (place && place->has_ended)
        return 0;
    r = copy(facts, has_ended, &process);
    if (r < 0)
        return r;
    if (place) {
        drop(place);
        *place = process;
        return 0;
    }
    list = reallocarray(*processes, *count + 1, sizeof(list[0]));
    if (!list) {
        drop(&process);
        return -ENOMEM;
    }
    list[(*count)++] = process;
    *processes = list;
    return 0;
}

void run_processes_clear(struct run_process *processes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        drop(&processes[i]);
    free(processes);
}
