/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The keeper has no other descriptors than it needs: pipes that were handed to the command through us must close when
 * the command closes them, and not when the server does.
 */

#include "smi/run/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "smi/demo/tree.h"

#define PROGRAM "tt-allocation-server"
#define PATIENCE_MS 5000 /* for a server that was told to leave */
#define FIRST_FREE 10    /* above every number that has a meaning here */

enum {
    LISTENER = 3, /* where LISTEN_FDS begins */
    LIFE,
    AFTER_LAST,
};

static void move(int from, int to)
{
    if (from < 0 || dup2(from, to) < 0)
        _exit(1);
}

/* First out of each other's way. */
static void arrange_descriptors(const struct keeper *keeper)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int from[] = {null, null, keeper->log, keeper->listener, keeper->life};

    for (int to = 0; to < AFTER_LAST; to++)
        from[to] = fcntl(from[to], F_DUPFD_CLOEXEC, FIRST_FREE);
    for (int to = 0; to < AFTER_LAST; to++)
        move(from[to], to);
    fcntl(LIFE, F_SETFD, FD_CLOEXEC);
    close_range(AFTER_LAST, UINT_MAX, 0);
}

/* Beside this program, else wherever PATH leads. */
static void execute(void)
{
    char beside[PATH_MAX + sizeof(PROGRAM)], *name;
    ssize_t length = readlink("/proc/self/exe", beside, PATH_MAX);

    beside[length > 0 ? length : 0] = '\0';
    name = strrchr(beside, '/');
    if (name) {
        strcpy(name + 1, PROGRAM);
        execl(beside, PROGRAM, "--log-level", "warning", NULL);
    }
    execlp(PROGRAM, PROGRAM, "--log-level", "warning", NULL);
}

/* What a service manager told us is not meant for the server. */
static void set_environment(void)
{
    char pid[16];

    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "1", 1);
    unsetenv("LISTEN_FDNAMES");
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

_Noreturn static void become_server(pid_t keeper)
{
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != keeper)
        _exit(1);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    set_environment();
    execute();
    dprintf(STDERR_FILENO, PROGRAM ": %s\n", strerror(errno));
    _exit(127);
}

bool keeper_found_no_program(const char *words)
{
    const char *name = PROGRAM ": ";

    return strncmp(words, name, strlen(name)) == 0 && strcmp(words + strlen(name), strerror(ENOENT)) == 0;
}

/* Until the pipe closes, or the server ends. */
static void keep(int server)
{
    struct pollfd watched[] = {{.fd = LIFE}, {.fd = server, .events = POLLIN}};

    while (poll(watched, 2, -1) == 0 || (watched[0].revents == 0 && watched[1].revents == 0))
        ;
}

static void end(pid_t pid, int server)
{
    struct pollfd watched = {.fd = server, .events = POLLIN};

    kill(pid, SIGTERM);
    if (server >= 0 && poll(&watched, 1, PATIENCE_MS) == 0)
        kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

_Noreturn void keeper_run(const struct keeper *keeper)
{
    pid_t self = getpid(), pid;
    int server;

    setsid();
    arrange_descriptors(keeper);
    pid = fork();
    if (pid == 0)
        become_server(self);
    close(LISTENER);
    server = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (pid > 0) {
        keep(server);
        end(pid, server);
    }
    unlink(keeper->path);
    demo_tree_remove(keeper->directory);
    rmdir(keeper->directory);
    _exit(pid > 0 ? 0 : 1);
}
