/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Facts of single processes. Each file of /proc/PID may be missing or closed to us without the others being so; only
 * without "stat", or where "status" vanishes meanwhile, there is no process. Command names and arguments are whatever
 * the process wants them to be.
 */

#include "host/process.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/container.h"
#include "host/directory.h"
#include "host/stat.h"

#define NSEC_PER_SEC 1000000000ULL
#define SMALL_MAX 65536 /* "status" names every group of a process */
#define COMMAND_MAX 4096
#define PATH_SIZE 32

static uint64_t start_in_wall_time(uint64_t boot_time, uint64_t ticks)
{
    uint64_t per_second = (uint64_t)sysconf(_SC_CLK_TCK);
    uint64_t since_boot;

    if (boot_time == 0 || __builtin_mul_overflow(ticks, NSEC_PER_SEC / per_second, &since_boot))
        return 0;
    return __builtin_add_overflow(boot_time, since_boot, &since_boot) ? 0 : since_boot;
}

static int read_stat(const struct directory *directory, uint64_t boot_time, struct host_process *process)
{
    struct host_stat stat;
    char *text;
    int error = directory_read(directory, "stat", SMALL_MAX, &text, NULL);

    if (error < 0)
        return error == -ENOENT ? -ESRCH : error;
    error = host_stat_parse(text, &stat);
    free(text);
    if (error < 0)
        return error;
    if (!stat.is_there)
        return -ESRCH;
    process->start_time = start_in_wall_time(boot_time, stat.start_ticks);
    memcpy(process->comm, stat.comm, sizeof(process->comm));
    return 0;
}

/* What follows "\nName:" to the end of the line. A command name cannot forge one: its newlines are escaped there. */
static const char *find_field(const char *status, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = status; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && line[length] == ':')
            return line + length + 1;
    }
    return NULL;
}

/* Its numbers in all PID namespaces that it is in, ours first. */
static int32_t last_number(const char *text, int32_t otherwise)
{
    int32_t number = otherwise;
    int length;

    for (int32_t next; sscanf(text, "%*[ \t]%" SCNd32 "%n", &next, &length) == 1; text += length)
        number = next;
    return number;
}

static void parse_status(const char *text, struct host_process *process)
{
    const char *uid = find_field(text, "Uid"), *numbers = find_field(text, "NSpid");

    process->has_uid = uid && sscanf(uid, "%" SCNu32, &process->uid) == 1;
    if (numbers)
        process->inner_pid = last_number(numbers, process->pid);
}

/* In /proc it is missing only once its process is. A tree need not have been given one. */
static int read_status(const struct directory *directory, struct host_process *process)
{
    char *text;
    int error = directory_read(directory, "status", SMALL_MAX, &text, NULL);

    if (error == -ESRCH || (error == -ENOENT && directory->root->is_live))
        return -ESRCH;
    if (error < 0)
        return 0;
    parse_status(text, process);
    free(text);
    return 0;
}

/* Arguments stand apart by zeros, and a process that gives itself a title leaves many of them. */
static char *make_command(char *text, size_t size, const char *comm)
{
    size_t begin = 0;

    for (size_t i = 0; i < size; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    while (size > 0 && isspace((unsigned char)text[size - 1]))
        size--;
    while (begin < size && isspace((unsigned char)text[begin]))
        begin++;
    return begin < size ? strndup(text + begin, size - begin) : strdup(comm);
}

static int read_command(const struct directory *directory, struct host_process *process)
{
    char *text;
    size_t size;

    if (directory_read(directory, "cmdline", COMMAND_MAX, &text, &size) < 0) {
        process->command = strdup(process->comm);
    } else {
        process->command = make_command(text, size, process->comm);
        free(text);
    }
    return process->command ? 0 : -ENOMEM;
}

static int read_cgroup(const struct directory *directory, struct host_process *process)
{
    char *text;
    int error;

    if (directory_read(directory, "cgroup", SMALL_MAX, &text, NULL) < 0)
        return 0;
    error = host_container_find(text, &process->cgroup, &process->container);
    free(text);
    return error == -ENOMEM ? error : 0;
}

uint64_t host_process_read_namespace(const struct host_root *root, int32_t pid, const char *kind)
{
    char target[64], format[32];
    uint64_t number;

    if (host_root_read_link(root, target, sizeof(target), "proc/%" PRId32 "/ns/%s", pid, kind) < 0)
        return 0;
    snprintf(format, sizeof(format), "%s:[", kind);
    if (strncmp(target, format, strlen(format)) != 0 || sscanf(target + strlen(format), "%" SCNu64, &number) != 1)
        return 0;
    return number;
}

/* path is to live as long as the directory. */
static struct directory open_process(const struct host_root *root, int32_t pid, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "proc/%" PRId32, pid);
    return directory_open(root, path);
}

static void read_identity(const struct directory *directory, uint64_t boot_time, int32_t pid, struct host_process *ret)
{
    *ret = (struct host_process){.pid = pid, .inner_pid = pid};
    ret->error = read_stat(directory, boot_time, ret);
    if (ret->error == 0)
        ret->error = read_status(directory, ret);
}

void host_process_read_identity(const struct host_root *root, uint64_t boot_time, int32_t pid, struct host_process *ret)
{
    char path[PATH_SIZE];
    struct directory directory = open_process(root, pid, path);

    read_identity(&directory, boot_time, pid, ret);
    directory_close(&directory);
}

static int read_all(const struct directory *directory, uint64_t boot_time, int32_t pid, struct host_process *process)
{
    int error;

    read_identity(directory, boot_time, pid, process);
    if (process->error < 0)
        return 0;
    process->pid_namespace = host_process_read_namespace(directory->root, pid, "pid");
    error = read_command(directory, process);
    return error < 0 ? error : read_cgroup(directory, process);
}

int host_process_read(const struct host_root *root, uint64_t boot_time, int32_t pid, struct host_process *ret)
{
    char path[PATH_SIZE];
    struct directory directory = open_process(root, pid, path);
    struct host_process process;
    int error = read_all(&directory, boot_time, pid, &process);

    directory_close(&directory);
    if (error < 0) {
        host_process_done(&process);
        return error;
    }
    *ret = process;
    return 0;
}

void host_process_done(struct host_process *process)
{
    if (!process)
        return;
    free(process->command);
    free(process->cgroup);
    free(process->container);
    *process = (struct host_process){0};
}
