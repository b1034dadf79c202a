/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Processes for tests: in a tree, as /proc shows them, and real ones, that live until they are told to end.
 */

#include "tests/unit/host_fixture.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define SECOND 1000000000ULL
#define TREE_BOOT 1700000000ULL /* as tree_add_host() has it, in seconds */

struct tree_process {
    int32_t pid;
    const char *comm;
    const char *numbers; /* of NSpid; NULL: just pid */
    unsigned uid;
    unsigned long start_seconds;                  /* since the boot */
    unsigned long mount_namespace, pid_namespace; /* 0: not to be read */
};

static inline void tree_add_stat(const struct tree *tree, const struct tree_process *process, char state, int threads)
{
    char directory[64];

    snprintf(directory, sizeof(directory), "proc/%d", process->pid);
    tree_printf(tree, directory, "stat",
                "%d (%s) %c 1 2 3 34816 -1 4194304 95 0 0 0 10 11 12 13 20 0 %d 0 %lu 3133440 377\n", process->pid,
                process->comm, state, threads, process->start_seconds * 100);
}

static inline void tree_add_process(const struct tree *tree, const struct tree_process *process)
{
    char directory[64], name[96], target[64], numbers[32];

    snprintf(directory, sizeof(directory), "proc/%d", process->pid);
    snprintf(numbers, sizeof(numbers), "%d", process->pid);
    tree_add_stat(tree, process, 'S', 3);
    tree_printf(tree, directory, "status", "Name:\tx\nUmask:\t0022\nUid:\t%u\t7\t7\t7\nGid:\t1\nNSpid:\t%s\n",
                process->uid, process->numbers ? process->numbers : numbers);
    if (process->mount_namespace) {
        snprintf(name, sizeof(name), "%s/ns/mnt", directory);
        snprintf(target, sizeof(target), "mnt:[%lu]", process->mount_namespace);
        tree_link(tree, name, target);
    }
    if (process->pid_namespace) {
        snprintf(name, sizeof(name), "%s/ns/pid", directory);
        snprintf(target, sizeof(target), "pid:[%lu]", process->pid_namespace);
        tree_link(tree, name, target);
    }
}

/* A real process. */
struct alive {
    pid_t pid;    /* as we see it */
    int lifeline; /* it lives until this is closed */
};

struct alive_plan {
    const char *comm; /* NULL: the test's own */
    int namespaces;   /* CLONE_NEW* */
    void (*prepare)(void *context);
    void *context;
};

/* After this, the child is what the plan says. -1: namespaces are not permitted here. */
static inline pid_t alive_wait_ready(int fd)
{
    pid_t pid = 0;

    if (read(fd, &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
        pid = -1;
    close(fd);
    return pid;
}

__attribute__((noreturn)) static inline void alive_run(const struct alive_plan *plan, int lifeline, int ready)
{
    char byte;
    pid_t one = 1;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (plan->comm)
        prctl(PR_SET_NAME, plan->comm);
    if (plan->prepare)
        plan->prepare(plan->context);
    (void)!write(ready, &one, sizeof(one));
    close(ready);
    (void)!read(lifeline, &byte, 1);
    _exit(0);
}

/* Its pid is -1 if it could not be made. It is our child, also in namespaces of its own. */
static inline struct alive alive_start(const struct alive_plan *plan)
{
    int lifeline[2], ready[2];
    struct alive alive;

    assert_int_equal(pipe2(lifeline, O_CLOEXEC), 0);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    alive.pid = (pid_t)syscall(SYS_clone, (unsigned long)(plan->namespaces | SIGCHLD), NULL, NULL, NULL, 0);
    if (alive.pid == 0) {
        close(lifeline[1]);
        close(ready[0]);
        alive_run(plan, lifeline[0], ready[1]);
    }
    close(lifeline[0]);
    close(ready[1]);
    alive.lifeline = lifeline[1];
    if (alive_wait_ready(ready[0]) < 0 && alive.pid > 0) {
        waitpid(alive.pid, NULL, 0);
        alive.pid = -1;
    }
    return alive;
}

/* Ends it; a zombie is left until alive_reap(). */
static inline void alive_end(struct alive *alive)
{
    siginfo_t info;

    close(alive->lifeline);
    if (alive->pid > 0)
        assert_int_equal(waitid(P_PID, (id_t)alive->pid, &info, WEXITED | WNOWAIT), 0);
}

static inline void alive_reap(const struct alive *alive)
{
    if (alive->pid > 0)
        assert_int_equal(waitpid(alive->pid, NULL, 0), alive->pid);
}

static inline void alive_stop(struct alive *alive)
{
    alive_end(alive);
    alive_reap(alive);
}

static inline uint64_t clock_read(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}
