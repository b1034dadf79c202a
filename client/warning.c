/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Wording and writing of the warning; warning.h says what it must not do.
 */

#include "client/warning.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A write to a pipe that nobody reads raises SIGPIPE in this thread: it is held back and taken off again, unless one
 * was waiting there before. */
static void write_quietly(const char *line, size_t length)
{
    struct pollfd pollfd = {.fd = STDERR_FILENO, .events = POLLOUT};
    const struct timespec at_once = {0};
    sigset_t pipe_signal, before, pending;

    if (poll(&pollfd, 1, 0) != 1 || pollfd.revents != POLLOUT)
        return;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    if (write(STDERR_FILENO, line, length) < 0 && errno == EPIPE && !sigismember(&pending, SIGPIPE))
        sigtimedwait(&pipe_signal, NULL, &at_once);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int word(char *ret, size_t size, const struct tt_alloc_target *target, int error, uid_t owner)
{
    const char *path = target->address.sun_path;
    char why[128];

    if (error == -EACCES && owner != TT_ALLOC_OWNER_UNKNOWN)
        return snprintf(ret, size,
                        "tt-alloc: the allocation server at %s runs as uid %u, which is not trusted: nothing is "
                        "reported to it; if it is the right one: export TT_ALLOC_SERVER_USER=%u",
                        path, owner, owner);
    if (error == -ENAMETOOLONG)
        return snprintf(ret, size,
                        "tt-alloc: the socket path %s... is longer than %zu bytes: nothing is reported; "
                        "use a shorter one: export TT_ALLOC_SOCKET=%s",
                        path, sizeof(target->address.sun_path) - 1, TT_ALLOC_SOCKET_PATH);
    if (error == -ECONNRESET || error == -EPIPE)
        return snprintf(
            ret, size,
            "tt-alloc: the server at %s closed the connection: nothing is tracked before it answers; if this "
            "goes on it is an older one, or none: systemctl status tt-allocation-server",
            path);
    return snprintf(ret, size,
                    "tt-alloc: no allocation server at %s (%s): nothing is tracked before one is there; "
                    "start it with: systemctl start tt-allocation-server",
                    path, strerror_r(-error, why, sizeof(why)));
}

void tt_alloc_warn_unreachable(const struct tt_alloc_target *target, int error, uid_t owner)
{
    char line[512];
    int length = word(line, sizeof(line) - 1, target, error, owner);

    if (length < 0)
        return;
    if ((size_t)length >= sizeof(line) - 1)
        length = sizeof(line) - 2;
    for (int i = 0; i < length; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?'; /* whatever is in the path, it stays one line */
    line[length] = '\n';
    write_quietly(line, (size_t)length + 1);
}
