/* SPDX-License-Identifier: Apache-2.0 */

#include "bench/target.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/clock.h"
#include "bench/give_up.h"
#include "bench/proc.h"
#include "bench/reporter.h"
#include "tt_alloc.h"

#define PATIENCE (10 * NS_PER_S)

static char directory[80]; /* empty: not made yet */
static pid_t owner;        /* of the directory: a child that gives up must leave it */

static void remove_directory(void)
{
    struct dirent *entry;
    DIR *entries;

    if (getpid() != owner)
        return;
    entries = opendir(directory);
    while (entries && (entry = readdir(entries)) != NULL)
        if (entry->d_name[0] != '.' || strlen(entry->d_name) > 2)
            unlinkat(dirfd(entries), entry->d_name, 0);
    if (entries)
        closedir(entries);
    rmdir(directory);
}

static void make_directory(void)
{
    const char *parent = getenv("TMPDIR");

    snprintf(directory, sizeof(directory), "%s/tt-alloc-bench-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(directory))
        give_up("%s", directory);
    owner = getpid();
    atexit(remove_directory);
}

static void make_path(struct target *target)
{
    static unsigned serial;

    if (!directory[0])
        make_directory();
    snprintf(target->path, sizeof(target->path), "%s/%u.sock", directory, serial++);
}

static void wait_for_it(struct target *target)
{
    uint64_t deadline = clock_now() + PATIENCE;
    int fd, error;

    while ((fd = reporter_try_connect(target->path)) < 0) {
        if (clock_now() > deadline)
            give_up("the server does not listen");
        clock_sleep_until(clock_now() + NS_PER_S / 1000);
    }
    close(fd);
    if (target->is_model)
        return;
    error = tt_alloc_connect(target->path, &target->connection);
    if (error < 0) {
        errno = -error;
        give_up("%s", target->path);
    }
}

void target_start(const struct bench *bench, bool is_model, int core, struct target *ret)
{
    const char *const model[] = {"/proc/self/exe", "--model", ret->path, NULL};
    const char *const server[] = {bench->options.server, "--socket", ret->path, NULL};
    struct child_plan plan = {.command = is_model ? model : server, .core = core, .heard = STDERR_FILENO};

    *ret = (struct target){.is_model = is_model};
    make_path(ret);
    child_start(&plan, &ret->child);
    wait_for_it(ret);
}

bool target_figure(struct target *target, const char *name, uint64_t *ret)
{
    struct tt_alloc_list *list;
    bool found = false;
    int error = tt_alloc_list_figures(target->connection, &list);

    if (error < 0) {
        errno = -error;
        give_up("figures");
    }
    for (size_t i = 0; i < tt_alloc_list_count(list) && !found; i++) {
        const struct tt_alloc_figure *figure = tt_alloc_list_figure(list, i);

        found = strcmp(figure->name, name) == 0;
        if (found)
            *ret = figure->value;
    }
    tt_alloc_list_free(list);
    return found;
}

uint64_t target_count(struct target *target, const char *name)
{
    uint64_t value = 0;

    target_figure(target, name, &value);
    return value;
}

void target_stop(struct target *target)
{
    target->connection = tt_alloc_disconnect(target->connection);
    child_kill(&target->child, target->is_model ? SIGKILL : SIGTERM);
}
