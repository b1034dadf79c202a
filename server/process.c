/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The table of processes: a list in order of arrival for walking, buckets by PID for finding.
 */

#include "server/process.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

void processes_init(struct processes *processes)
{
    *processes = (struct processes){.next_serial = 1};
    list_init(&processes->all);
    for (size_t i = 0; i < PROCESS_BUCKETS; i++)
        list_init(&processes->buckets[i]);
}

void processes_done(struct processes *processes)
{
    assert(list_is_empty(&processes->all));
    (void)processes;
}

struct process *processes_find(const struct processes *processes, pid_t pid, uint64_t start_ticks,
                               const struct user *user)
{
    const struct list *bucket = &processes->buckets[(unsigned)pid % PROCESS_BUCKETS];

    if (start_ticks == 0)
        return NULL;
    list_for_each (link, bucket) {
        struct process *process = LIST_ENTRY(link, struct process, hash_link);

        if (process->pid == pid && process->facts.start_ticks == start_ticks && process->user == user)
            return process;
    }
    return NULL;
}

struct process *processes_find_pid(const struct processes *processes, pid_t pid)
{
    const struct list *bucket = &processes->buckets[(unsigned)pid % PROCESS_BUCKETS];
    struct process *newest = NULL;

    list_for_each (link, bucket) {
        struct process *process = LIST_ENTRY(link, struct process, hash_link);

        if (process->pid == pid)
            newest = process;
    }
    return newest;
}

struct process *processes_after(const struct processes *processes, uint64_t serial)
{
    list_for_each (link, &processes->all) {
        struct process *process = LIST_ENTRY(link, struct process, link);

        if (process->serial > serial)
            return process;
    }
    return NULL;
}

struct process *processes_next(const struct processes *processes, const struct process *process)
{
    struct list *next = process->link.next;

    return next == &processes->all ? NULL : LIST_ENTRY(next, struct process, link);
}

int processes_add(struct processes *processes, const struct peer *peer, struct process_facts *facts, struct user *user,
                  uint64_t now, struct process **ret)
{
    struct process *process = calloc(1, sizeof(*process));
    int error;

    if (!process)
        return -ENOMEM;
    error = ledger_new(&process->ledger, NULL);
    if (error < 0) {
        free(process);
        return error;
    }

    process->serial = processes->next_serial++;
    process->pid = peer->pid;
    process->facts = *facts;
    *facts = (struct process_facts){0};
    process->user = user;
    list_init(&process->reporters);
    list_init(&process->sweep_link);
    list_init(&process->unlocated_link);
    process->created = now;
    process->last_activity = now;
    list_append(&processes->all, &process->link);
    list_append(&processes->buckets[(unsigned)process->pid % PROCESS_BUCKETS], &process->hash_link);
    processes->count++;
    *ret = process;
    return 0;
}

void processes_remove(struct processes *processes, struct process *process)
{
    list_remove(&process->link);
    list_remove(&process->hash_link);
    list_remove(&process->sweep_link);
    list_remove(&process->unlocated_link);
    processes->count--;
    ledger_free(process->ledger);
    process_facts_done(&process->facts);
    free(process);
}
