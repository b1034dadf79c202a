/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Signals are passed on by the handler itself, because the rest of the program may be waiting for a server. SIGCHLD is
 * blocked and waited for. A signal that was ignored when we were started stays ignored, here and in the command.
 */

#include "smi/run/command.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM};

#define FORWARDED (sizeof(forwarded) / sizeof(forwarded[0]))

static volatile pid_t target; /* 0: the command has ended */
static volatile sig_atomic_t interrupted;

static void forward(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (target == 0)
        interrupted = 1;
    else if (info->si_code != SI_KERNEL)
        kill(target, number);
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_sigaction = forward, .sa_flags = SA_SIGINFO | SA_RESTART}, former;

    sigfillset(&action.sa_mask);
    for (size_t i = 0; i < FORWARDED; i++) {
        if (sigaction(forwarded[i], NULL, &former) == 0 && former.sa_handler != SIG_IGN)
            sigaction(forwarded[i], &action, NULL);
    }
    action = (struct sigaction){.sa_handler = SIG_DFL};
    sigaction(SIGCHLD, &action, NULL); /* were it ignored, nobody could be waited for */
}

/* What waits, and what must not come before the command has a number. */
static void block_signals(sigset_t *ret_former)
{
    sigset_t blocked;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigaddset(&blocked, SIGPIPE); /* nobody reads what we say: no reason to leave a server behind */
    for (size_t i = 0; i < FORWARDED; i++)
        sigaddset(&blocked, forwarded[i]);
    sigprocmask(SIG_BLOCK, &blocked, ret_former);
}

static void unblock_forwarded(const sigset_t *former)
{
    sigset_t open;

    sigemptyset(&open);
    for (size_t i = 0; i < FORWARDED; i++) {
        if (!sigismember(former, forwarded[i]))
            sigaddset(&open, forwarded[i]);
    }
    sigprocmask(SIG_UNBLOCK, &open, NULL);
}

static int spawn(char **words, const sigset_t *mask, pid_t *ret)
{
    posix_spawnattr_t attributes;
    int error = posix_spawnattr_init(&attributes);

    if (error != 0)
        return -error;
    posix_spawnattr_setsigmask(&attributes, mask);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    error = posix_spawnp(ret, words[0], NULL, &attributes, words, environ);
    posix_spawnattr_destroy(&attributes);
    return -error;
}

int run_command_start(char **words, struct run_command *ret)
{
    sigset_t former;
    pid_t pid;
    int r;

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    block_signals(&former);
    catch_signals();
    r = spawn(words, &former, &pid);
    if (r == 0) {
        *ret = (struct run_command){.pid = pid};
        target = pid;
    }
    unblock_forwarded(&former);
    return r;
}

bool run_command_is_interrupted(void)
{
    return interrupted;
}

/* Before it is reaped: afterwards its number may be somebody else's, who must not get its signals. */
static void take_end(struct run_command *command, pid_t pid)
{
    int status;

    if (pid == command->pid)
        target = 0;
    if (waitpid(pid, &status, 0) == pid && pid == command->pid) {
        command->has_ended = true;
        command->status = status;
    }
}

int run_command_reap(struct run_command *command, run_command_note *note, void *userdata)
{
    siginfo_t info = {0};
    int r = 0;

    while (r >= 0 && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0) {
        r = note(userdata, info.si_pid);
        if (r <= 0)
            take_end(command, info.si_pid);
        info.si_pid = 0;
    }
    return r < 0 ? r : 0;
}

void run_command_wait(uint64_t limit)
{
    struct timespec length = {.tv_sec = (time_t)(limit / 1000000000), .tv_nsec = (long)(limit % 1000000000)};
    sigset_t children;

    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigtimedwait(&children, NULL, &length);
}

int run_command_code(const struct run_command *command)
{
    return WIFSIGNALED(command->status) ? 128 + WTERMSIG(command->status) : WEXITSTATUS(command->status);
}
