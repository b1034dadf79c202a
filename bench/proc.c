/* SPDX-License-Identifier: Apache-2.0 */

#include "bench/proc.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bench/clock.h"
#include "bench/give_up.h"

#define PATH_SIZE 320

void proc_pin(int core)
{
    cpu_set_t cores;

    if (core == PROC_ANY_CORE)
        return;
    CPU_ZERO(&cores);
    CPU_SET((size_t)core, &cores);
    if (sched_setaffinity(0, sizeof(cores), &cores) < 0)
        give_up("core %d", core);
}

uint64_t proc_cpu_ns(pid_t pid)
{
    struct timespec time;
    clockid_t clock;

    errno = clock_getcpuclockid(pid, &clock);
    if (errno || clock_gettime(clock, &time) < 0)
        give_up("CPU time of process %d", (int)pid);
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

/* The number behind a key of a status file. */
static uint64_t read_status(const char *path, const char *key)
{
    FILE *file = fopen(path, "re");
    size_t length = strlen(key);
    uint64_t value = 0;
    char line[256];

    if (!file)
        return 0; /* a thread that ended meanwhile */
    while (fgets(line, sizeof(line), file))
        if (strncmp(line, key, length) == 0)
            sscanf(line + length, ": %" SCNu64, &value);
    fclose(file);
    return value;
}

uint64_t proc_rss_bytes(pid_t pid)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    return read_status(path, "VmRSS") * 1024;
}

uint64_t proc_sleeps(pid_t pid)
{
    char path[PATH_SIZE];
    struct dirent *entry;
    uint64_t sleeps = 0;
    DIR *tasks;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    tasks = opendir(path);
    if (!tasks)
        give_up("%s", path);
    while ((entry = readdir(tasks)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)pid, entry->d_name);
        sleeps += read_status(path, "voluntary_ctxt_switches");
    }
    closedir(tasks);
    return sleeps;
}
