/* SPDX-License-Identifier: Apache-2.0 */

/*
 * SO_PEERPIDFD (Linux 6.5) gives a pidfd that cannot be another process's. Before it there is pidfd_open(), which takes
 * a number: the peer may have died, and its PID may have been used again, between connect and now. So the start time in
 * /proc is read before and after; a process that was started after its peer connected cannot be the peer.
 */

#include "server/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/clock.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

#define PF_EXITING 0x4 /* of the kernel's task flags, field 9 of /proc/PID/stat */
#define COMMAND_MAX 4096

/* Reads a small file of /proc/PID whole. Returns its length, or a negative errno. */
static ssize_t read_proc(pid_t pid, const char *name, char *out, size_t size)
{
    char path[64];
    ssize_t length = 0, got;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    while ((got = read(fd, out + length, size - 1 - (size_t)length)) > 0)
        length += got;
    if (got < 0)
        length = -errno;
    else
        out[length] = '\0';
    close(fd);
    return length;
}

struct proc_stat {
    char state;
    unsigned flags;
    uint64_t start_ticks;
    char comm[16];
};

/* The command name stands in parentheses and may hold any byte, so the fields are counted from the last one. */
static int read_stat(pid_t pid, struct proc_stat *ret)
{
    struct proc_stat stat = {0};
    char text[1024];
    char *open_paren, *close_paren;
    unsigned long long start;
    ssize_t length = read_proc(pid, "stat", text, sizeof(text));

    if (length < 0)
        return (int)length;
    open_paren = strchr(text, '(');
    close_paren = strrchr(text, ')');
    if (!open_paren || !close_paren || close_paren < open_paren)
        return -EIO;
    if (sscanf(close_paren + 1, " %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               &stat.state, &stat.flags, &start) != 3)
        return -EIO;

    stat.start_ticks = start;
    *close_paren = '\0';
    snprintf(stat.comm, sizeof(stat.comm), "%.15s", open_paren + 1);
    *ret = stat;
    return 0;
}

bool peer_is_gone(const struct peer *peer)
{
    struct pollfd exit = {.fd = peer->pidfd, .events = POLLIN};

    return peer->pidfd >= 0 && poll(&exit, 1, 0) == 1;
}

static int open_pidfd_checked(pid_t pid)
{
    struct proc_stat before, after;
    int pidfd;

    if (pid <= 0 || read_stat(pid, &before) < 0)
        return -1;
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0)
        return -1;
    if (read_stat(pid, &after) < 0 || before.start_ticks != after.start_ticks) {
        close(pidfd);
        return -1;
    }
    return pidfd;
}

static int open_pidfd(int fd, pid_t pid)
{
    int pidfd = -1;
    socklen_t length = sizeof(pidfd);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) == 0)
        return pidfd;
    if (errno == EMFILE || errno == ENFILE)
        return -errno;
    if (errno == ENOPROTOOPT)
        return open_pidfd_checked(pid);
    return -1;
}

int peer_from_socket(int fd, struct peer *ret)
{
    struct ucred credentials;
    socklen_t length = sizeof(credentials);
    int pidfd;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0)
        return -EIO;
    pidfd = open_pidfd(fd, credentials.pid);
    if (pidfd < -1)
        return pidfd;

    *ret = (struct peer){.pid = credentials.pid, .uid = credentials.uid, .gid = credentials.gid, .pidfd = pidfd};
    return 0;
}

void peer_done(struct peer *peer)
{
    if (peer->pidfd >= 0)
        close(peer->pidfd);
    peer->pidfd = -1;
}

/*
 * A dying process closes its descriptors before its pidfd becomes readable, so at hang-up the pidfd alone would call
 * every death a disconnect. The exiting flag is set before that.
 */
bool peer_has_exited(const struct peer *peer)
{
    struct proc_stat stat;

    if (peer->pidfd < 0 || peer->pid <= 0)
        return false;
    if (peer_is_gone(peer))
        return true;
    if (read_stat(peer->pid, &stat) < 0)
        return peer_is_gone(peer);
    return (stat.flags & PF_EXITING) || strchr("ZXx", stat.state);
}

bool peer_is_in_group(int fd, const struct peer *peer, gid_t group)
{
    gid_t groups[256];
    socklen_t length = sizeof(groups);

    if (peer->gid == group)
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length) < 0)
        return false;
    for (size_t i = 0; i < length / sizeof(groups[0]); i++)
        if (groups[i] == group)
            return true;
    return false;
}

/* Arguments stand apart by zero bytes. */
static char *read_command(pid_t pid)
{
    char text[COMMAND_MAX];
    ssize_t length = read_proc(pid, "cmdline", text, sizeof(text));

    while (length > 0 && text[length - 1] == '\0')
        length--;
    if (length <= 0)
        return NULL;
    for (ssize_t i = 0; i < length; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    return strndup(text, (size_t)length);
}

/* A process keeps its number until it was waited for, and until then it can be sent signal 0 (or we may not: also
 * alive). */
static bool still_has_its_number(const struct peer *peer)
{
    return peer->pidfd >= 0 && (syscall(SYS_pidfd_send_signal, peer->pidfd, 0, NULL, 0) == 0 || errno == EPERM);
}

void peer_read_facts(const struct peer *peer, struct process_facts *ret)
{
    struct process_facts facts = {.comm = "?"};
    struct proc_stat stat;

    if (peer->pid > 0 && read_stat(peer->pid, &stat) == 0) {
        facts.start_ticks = stat.start_ticks;
        facts.started = stat.start_ticks * (NSEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK));
        facts.start_time = clock_wall() - clock_now() + facts.started;
        memcpy(facts.comm, stat.comm, sizeof(facts.comm));
        facts.command = read_command(peer->pid);
    }
    if (!still_has_its_number(peer)) {
        process_facts_done(&facts);
        facts = (struct process_facts){.comm = "?"};
    }
    *ret = facts;
}

void process_facts_done(struct process_facts *facts)
{
    free(facts->command);
    facts->command = NULL;
}
