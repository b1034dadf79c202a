/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who is whose child stands in /proc/PID/task/TID/children. A look goes down from this process, and every process that
 * is found is looked below in turn. Those seen are kept in order, because a run may have very many.
 */

#include "smi/run/tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/stat.h"
#include "smi/sample/clock.h"

#define SAME_START (2 * SECOND) /* start times are made of a clock that may be set between */

void run_tree_init(struct run_tree *tree)
{
    *tree = (struct run_tree){.boot_time = clock_read(CLOCK_REALTIME) - clock_read(CLOCK_BOOTTIME)};
}

/* What /proc/PID/stat says. */
static int read_stat(const struct run_tree *tree, struct tree_process *process)
{
    char path[32], text[1024];
    struct host_stat stat;
    FILE *file;
    size_t size;
    int r;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)process->pid);
    file = fopen(path, "re");
    if (!file)
        return -errno;
    size = fread(text, 1, sizeof(text) - 1, file);
    r = ferror(file) ? -errno : 0;
    fclose(file);
    text[size] = '\0';
    if (r == 0)
        r = host_stat_parse(text, &stat);
    if (r < 0)
        return r;
    process->start_time = tree->boot_time + stat.start_ticks * (SECOND / (uint64_t)sysconf(_SC_CLK_TCK));
    process->is_there = stat.is_there;
    memcpy(process->comm, stat.comm, sizeof(process->comm));
    return 0;
}

/* Where a process of this number that began at this time or later stands, or would stand. */
static size_t find_place(const struct run_tree *tree, pid_t pid, uint64_t start_time)
{
    size_t low = 0, high = tree->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct tree_process *process = &tree->seen[middle];

        if (process->pid < pid || (process->pid == pid && process->start_time < start_time))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int insert(struct run_tree *tree, size_t place, const struct tree_process *process)
{
    struct tree_process *seen = reallocarray(tree->seen, tree->count + 1, sizeof(seen[0]));

    if (!seen)
        return -ENOMEM;
    memmove(&seen[place + 1], &seen[place], (tree->count - place) * sizeof(seen[0]));
    seen[place] = *process;
    tree->seen = seen;
    tree->count++;
    return 0;
}

/* 1: the process is new. */
static int add(struct run_tree *tree, const struct tree_process *process)
{
    size_t place = find_place(tree, process->pid, process->start_time);
    struct tree_process *known = place < tree->count ? &tree->seen[place] : NULL;
    int r;

    if (known && known->pid == process->pid && known->start_time == process->start_time) {
        known->is_there = process->is_there;
        memcpy(known->comm, process->comm, sizeof(known->comm));
        return 0;
    }
    r = insert(tree, place, process);
    return r < 0 ? r : 1;
}

/* A queue of numbers, for one look. */
struct queue {
    pid_t *pids;
    size_t count;
};

static int enqueue(struct queue *queue, pid_t pid)
{
    pid_t *pids = reallocarray(queue->pids, queue->count + 1, sizeof(pids[0]));

    if (!pids)
        return -ENOMEM;
    queue->pids = pids;
    pids[queue->count++] = pid;
    return 0;
}

/* Who has gone has no children any more; all else that hinders us may hide some. */
static void note_failure(struct run_tree *tree, pid_t pid, int error)
{
    tree->is_blind = tree->is_blind || pid == getpid() || (error != -ENOENT && error != -ESRCH);
}

/* 1: the process is new. */
static int take(struct run_tree *tree, pid_t pid, struct tree_process *ret)
{
    int r;

    *ret = (struct tree_process){.pid = pid};
    r = read_stat(tree, ret);
    if (r == 0)
        return add(tree, ret);
    note_failure(tree, pid, r);
    return 0;
}

int run_tree_note(struct run_tree *tree, pid_t pid)
{
    struct tree_process process;
    int r = take(tree, pid, &process);

    return r < 0 ? r : 0;
}

/* The children of one thread. */
static int read_children(struct run_tree *tree, pid_t pid, const char *task, pid_t except, struct queue *queue)
{
    char path[64];
    FILE *file;
    int child, r = 0;

    snprintf(path, sizeof(path), "/proc/%d/task/%.16s/children", (int)pid, task);
    file = fopen(path, "re");
    if (!file) {
        note_failure(tree, pid, -errno);
        return 0;
    }
    while (r == 0 && fscanf(file, "%d", &child) == 1) {
        if (child != except)
            r = enqueue(queue, child);
    }
    fclose(file);
    return r;
}

static int look_below(struct run_tree *tree, pid_t pid, pid_t except, struct queue *queue)
{
    char path[32];
    struct dirent *entry;
    DIR *tasks;
    int r = 0;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    tasks = opendir(path);
    if (!tasks) {
        note_failure(tree, pid, -errno);
        return 0;
    }
    while (r == 0 && (entry = readdir(tasks))) {
        if (entry->d_name[0] != '.')
            r = read_children(tree, pid, entry->d_name, except, queue);
    }
    closedir(tasks);
    return r;
}

static int look_at(struct run_tree *tree, pid_t pid)
{
    struct tree_process process;
    int r = take(tree, pid, &process);

    tree->living += process.is_there;
    tree->has_news = tree->has_news || r == 1;
    return r < 0 ? r : 0;
}

int run_tree_look(struct run_tree *tree, pid_t except)
{
    struct queue queue = {0};
    int r = look_below(tree, getpid(), except, &queue);

    tree->living = 0;
    tree->has_news = false;
    for (size_t i = 0; i < tree->count; i++)
        tree->seen[i].is_there = false;
    for (size_t i = 0; r == 0 && i < queue.count; i++) {
        r = look_at(tree, queue.pids[i]);
        if (r == 0)
            r = look_below(tree, queue.pids[i], except, &queue);
    }
    free(queue.pids);
    return r;
}

struct tree_process *run_tree_find_living(const struct run_tree *tree, pid_t pid)
{
    for (size_t i = find_place(tree, pid, 0); i < tree->count && tree->seen[i].pid == pid; i++) {
        if (tree->seen[i].is_there)
            return &tree->seen[i];
    }
    return NULL;
}

static struct tree_process *find_last(const struct run_tree *tree, pid_t pid, uint64_t end_time)
{
    struct tree_process *last = NULL;

    for (size_t i = find_place(tree, pid, 0); i < tree->count && tree->seen[i].pid == pid; i++) {
        if (end_time == 0 || tree->seen[i].start_time < end_time + SAME_START)
            last = &tree->seen[i];
    }
    return last;
}

struct tree_process *run_tree_find(const struct run_tree *tree, pid_t pid, uint64_t start_time, uint64_t end_time)
{
    size_t i;

    if (start_time == 0)
        return find_last(tree, pid, end_time);
    i = find_place(tree, pid, start_time > SAME_START ? start_time - SAME_START : 0);
    return i < tree->count && tree->seen[i].pid == pid && tree->seen[i].start_time < start_time + SAME_START
               ? &tree->seen[i]
               : NULL;
}

void run_tree_clear(struct run_tree *tree)
{
    free(tree->seen);
    *tree = (struct run_tree){0};
}
