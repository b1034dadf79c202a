/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sending and receiving with a deadline; stream.h has the rules.
 */

#include "client/stream.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "client/clock.h"

int tt_alloc_stream_wait(int fd, short events, uint64_t deadline)
{
    uint64_t now;

    while ((now = tt_alloc_clock_now()) < deadline) {
        struct pollfd pollfd = {.fd = fd, .events = events};
        int n = poll(&pollfd, 1, (int)((deadline - now + TT_ALLOC_MS - 1) / TT_ALLOC_MS));

        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -errno;
    }
    return -ETIMEDOUT;
}

int tt_alloc_stream_send(int fd, const void *bytes, size_t size, uint64_t deadline)
{
    const char *next = bytes;

    while (size > 0) {
        ssize_t n = send(fd, next, size, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n >= 0) {
            next += n;
            size -= (size_t)n;
        } else if (errno == EAGAIN) {
            int r = tt_alloc_stream_wait(fd, POLLOUT, deadline);
            if (r < 0)
                return r;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

ssize_t tt_alloc_stream_receive(int fd, void *ret_bytes, size_t size, uint64_t deadline)
{
    for (;;) {
        int r = tt_alloc_stream_wait(fd, POLLIN, deadline);
        if (r < 0)
            return r;

        ssize_t n = recv(fd, ret_bytes, size, MSG_DONTWAIT);
        if (n > 0)
            return n;
        if (n == 0)
            return -ECONNRESET;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
}
