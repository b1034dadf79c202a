/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A link in /proc tells the PID namespace of a process at little cost, and most processes are in ours, where their
 * number is the one that we know. Only for others, and where the link cannot be read, the status is asked.
 */

#include "host/census.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/process.h"

static int32_t to_pid(const char *name)
{
    char *end;
    long number = strtol(name, &end, 10);

    return *end == '\0' && number > 0 && number <= INT32_MAX ? (int32_t)number : 0;
}

static size_t count_names(char *const *names)
{
    size_t count = 0;

    while (names[count])
        count++;
    return count;
}

static int compare_residents(const void *a, const void *b)
{
    const struct host_resident *left = a, *right = b;

    if (left->inner_pid != right->inner_pid)
        return left->inner_pid < right->inner_pid ? -1 : 1;
    return (left->pid > right->pid) - (left->pid < right->pid);
}

const struct host_process *host_census_read(const struct host_census *census, struct host_resident *resident)
{
    if (!resident->is_read)
        host_process_read_identity(census->root, census->boot_time, resident->pid, &resident->process);
    resident->is_read = true;
    return &resident->process;
}

static void add(struct host_census *census, int32_t pid, uint64_t our_namespace)
{
    struct host_resident *resident = &census->residents[census->count];
    uint64_t namespace = our_namespace ? host_process_read_namespace(census->root, pid, "pid") : 0;

    *resident = (struct host_resident){.inner_pid = pid, .pid = pid};
    if (namespace == 0 || namespace != our_namespace) {
        const struct host_process *process = host_census_read(census, resident);

        if (process->error == -ESRCH)
            return;
        resident->inner_pid = process->inner_pid;
    }
    census->count++;
}

static int take(struct host_census *census)
{
    uint64_t our_namespace = census->root->is_live ? host_process_read_namespace(census->root, getpid(), "pid") : 0;
    char **names;
    int error = host_root_list(census->root, &names, "proc");

    if (error < 0)
        return error;
    census->residents = calloc(count_names(names) + 1, sizeof(*census->residents));
    for (char **name = names; census->residents && *name; name++) {
        int32_t pid = to_pid(*name);

        if (pid > 0)
            add(census, pid, our_namespace);
    }
    host_root_free_names(names);
    if (!census->residents)
        return -ENOMEM;
    qsort(census->residents, census->count, sizeof(census->residents[0]), compare_residents);
    return 0;
}

/* The first whose number is not smaller. */
static size_t find_first(const struct host_census *census, int32_t inner_pid)
{
    size_t low = 0, high = census->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (census->residents[middle].inner_pid < inner_pid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int host_census_find(struct host_census *census, int32_t inner_pid, struct host_resident **ret, size_t *ret_count)
{
    size_t first, end;

    if (!census->is_taken) {
        census->error = take(census);
        census->is_taken = true;
    }
    if (census->error < 0)
        return census->error;
    first = find_first(census, inner_pid);
    for (end = first; end < census->count && census->residents[end].inner_pid == inner_pid; end++)
        ;
    *ret = end > first ? &census->residents[first] : NULL;
    *ret_count = end - first;
    return 0;
}

int host_census_search(const struct host_census *census, struct host_resident *resident, const struct host_shm **ret)
{
    if (!resident->is_searched) {
        resident->shm_error = host_shm_open(census->root, resident->pid, &resident->shm);
        if (resident->shm_error == 0)
            host_shm_close(&resident->shm);
        resident->is_searched = true;
    }
    if (resident->shm_error == 0)
        *ret = &resident->shm;
    return resident->shm_error;
}

void host_census_done(struct host_census *census)
{
    free(census->residents);
    *census = (struct host_census){0};
}
