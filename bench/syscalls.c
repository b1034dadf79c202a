/* SPDX-License-Identifier: Apache-2.0 */

#include "bench/syscalls.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "bench/bench.h"
#include "bench/give_up.h"
#include "bench/rig.h"
#include "bench/table.h"

#define REPORTS 1000000
#define REPORTS_QUICK 100000
#define CALL_STOP (SIGTRAP | 0x80) /* what PTRACE_O_TRACESYSGOOD makes of a stop at a call, on its way in and out */

/* Stops all threads, so that none runs unseen. */
static bool trace_threads(pid_t pid)
{
    struct dirent *entry;
    bool traced = true;
    char path[64];
    DIR *tasks;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    tasks = opendir(path);
    while (tasks && traced && (entry = readdir(tasks)) != NULL) {
        pid_t thread = (pid_t)atoi(entry->d_name);

        if (thread > 0)
            traced = ptrace(PTRACE_SEIZE, thread, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE) == 0 &&
                     ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) == 0;
    }
    if (tasks)
        closedir(tasks);
    return traced;
}

static bool has_answered(const struct child *child)
{
    struct pollfd out = {.fd = fileno(child->out), .events = POLLIN};

    return poll(&out, 1, 0) > 0;
}

/* Until the client has written its answer. */
static uint64_t count_stops(const struct child *child)
{
    uint64_t stops = 0;
    int status;

    while (!has_answered(child)) {
        pid_t thread = waitpid(-1, &status, __WALL);

        errno = 0;
        if (thread < 0 || !WIFSTOPPED(status))
            give_up("traced client");
        if (WSTOPSIG(status) == CALL_STOP)
            stops++;
        ptrace(PTRACE_SYSCALL, thread, NULL, NULL);
    }
    return stops;
}

/* A traced thread stays until its tracer has looked at its end, and the process until all its threads are gone. */
static void kill_traced(pid_t pid)
{
    pid_t ended;

    kill(pid, SIGKILL);
    do
        ended = waitpid(-1, NULL, __WALL);
    while (ended != pid && ended > 0);
}

static void measure_way(struct bench *bench, enum way way)
{
    struct rig_plan plan = {.way = way, .live = 10000, .clients = 1};
    uint64_t reports = bench->options.quick ? REPORTS_QUICK : REPORTS;
    struct rig rig;

    rig_up(bench, &plan, &rig);
    if (trace_threads(rig.clients[0].pid)) {
        rig_tell(&rig, 0, reports, PHASE_SATURATED);
        book_add(&bench->book, (double)count_stops(&rig.clients[0]) / 2 * 1e6 / (double)reports,
                 "%s.syscalls_per_million", way_name(way));
    }
    kill_traced(rig.clients[0].pid);
    rig_down(bench, &rig);
}

void syscalls_measure(struct bench *bench)
{
    measure_way(bench, WAY_OLDER);
    measure_way(bench, WAY_RING);
}

void syscalls_print(const struct bench *bench)
{
    static const struct table_column columns[] = {
        {"calls", ".syscalls_per_million", TABLE_PLAIN, 1},
        {"least", ".syscalls_per_million", TABLE_LEAST, 1},
        {"most", ".syscalls_per_million", TABLE_MOST, 1},
    };
    struct table table = {&bench->book, columns, sizeof(columns) / sizeof(columns[0])};

    table_title(&table, "System calls of a client per million reports, saturated");
    table_row(&table, "older client", "older", NULL);
    table_row(&table, "libtt-alloc, ring", "ring", NULL);
}
