/* SPDX-License-Identifier: Apache-2.0 */

#include "bench/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/give_up.h"
#include "bench/proc.h"

/* Between fork and exec, in a process with one thread. */
__attribute__((noreturn)) static void become(const struct child_plan *plan, int in, int out)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    proc_pin(plan->core);
    for (const char *const *setting = plan->setting; setting && *setting; setting++)
        putenv((char *)(uintptr_t)*setting);
    if (dup2(in, STDIN_FILENO) < 0 || dup2(out, plan->heard) < 0)
        give_up("dup2");
    execv(plan->command[0], (char *const *)(uintptr_t)plan->command);
    give_up("%s", plan->command[0]);
}

void child_start(const struct child_plan *plan, struct child *ret)
{
    int in[2], out[2];
    pid_t pid;

    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
        give_up("pipe");
    fflush(NULL);
    pid = fork();
    if (pid < 0)
        give_up("fork");
    if (pid == 0)
        become(plan, in[0], out[1]);
    close(in[0]);
    close(out[1]);
    *ret = (struct child){.pid = pid, .in = fdopen(in[1], "w"), .out = fdopen(out[0], "r")};
    if (!ret->in || !ret->out)
        give_up("pipe");
}

void child_hear(struct child *child, char *ret_line, size_t size)
{
    errno = 0;
    if (!fgets(ret_line, (int)size, child->out))
        give_up("a process of the benchmark ended early");
}

static void collect(struct child *child)
{
    fclose(child->out);
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    *child = (struct child){0};
}

void child_end(struct child *child)
{
    fclose(child->in);
    collect(child);
}

void child_kill(struct child *child, int signal)
{
    kill(child->pid, signal);
    fclose(child->in);
    collect(child);
}
