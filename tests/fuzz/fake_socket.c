/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What stands in for the kernel. Behaves like it where the server can tell the difference: bytes stay in order and may
 * be taken in part, a full peer is EAGAIN, a closed one the end of the stream or EPIPE, and a descriptor travels with
 * the first of the bytes that it was sent with.
 */

#include "tests/fuzz/fake_socket.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "tests/fuzz/check.h"

#define FIRST_FD 100
#define FDS 64

enum kind {
    CLOSED,
    SOCKET,
    PIDFD,
};

struct descriptor {
    enum kind kind;
    struct descriptor *peer; /* of a socket; NULL: closed */
    size_t length;           /* of what has arrived */
    int passed;              /* descriptor; -1: none */
    size_t passed_at;
    const unsigned *gone; /* of a pidfd */
    unsigned life;
};

static struct descriptor descriptors[FDS];
static uint8_t arrived[FDS][FAKE_SOCKET_BYTES];
static unsigned open_count;

static struct descriptor *find(int fd)
{
    if (fd < FIRST_FD || fd >= FIRST_FD + FDS || descriptors[fd - FIRST_FD].kind == CLOSED)
        return NULL;
    return &descriptors[fd - FIRST_FD];
}

static uint8_t *bytes_of(const struct descriptor *descriptor)
{
    return arrived[descriptor - descriptors];
}

static struct descriptor *find_room(int *ret_fd)
{
    for (int i = 0; i < FDS; i++)
        if (descriptors[i].kind == CLOSED) {
            open_count++;
            *ret_fd = FIRST_FD + i;
            return &descriptors[i];
        }
    abort(); /* more than any target needs */
}

void fake_socket_pair(int ret[2])
{
    struct descriptor *ends[2];

    for (int i = 0; i < 2; i++) {
        ends[i] = find_room(&ret[i]);
        *ends[i] = (struct descriptor){.kind = SOCKET, .passed = -1};
    }
    ends[0]->peer = ends[1];
    ends[1]->peer = ends[0];
}

int fake_socket_pidfd(const unsigned *gone, unsigned life)
{
    int fd;

    *find_room(&fd) = (struct descriptor){.kind = PIDFD, .gone = gone, .life = life};
    return fd;
}

unsigned fake_socket_count(void)
{
    return open_count;
}

int close(int fd)
{
    struct descriptor *descriptor = find(fd);

    if (!descriptor)
        return (int)syscall(SYS_close, fd);
    if (descriptor->kind == SOCKET && descriptor->passed >= 0)
        close(descriptor->passed);
    if (descriptor->peer)
        descriptor->peer->peer = NULL;
    *descriptor = (struct descriptor){.kind = CLOSED};
    open_count--;
    return 0;
}

/* ---- Sending ---- */

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    const struct descriptor *descriptor = find(fd);
    struct descriptor *peer = descriptor ? descriptor->peer : NULL;

    (void)flags;
    if (!peer) {
        errno = descriptor ? EPIPE : EBADF;
        return -1;
    }
    if (size > FAKE_SOCKET_BYTES - peer->length)
        size = FAKE_SOCKET_BYTES - peer->length;
    if (size == 0) {
        errno = EAGAIN;
        return -1;
    }
    memcpy(bytes_of(peer) + peer->length, bytes, size);
    peer->length += size;
    return (ssize_t)size;
}

/* One descriptor is on its way at most. */
ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    const struct descriptor *descriptor = find(fd);
    const struct cmsghdr *header = CMSG_FIRSTHDR(message);
    struct descriptor *peer = descriptor ? descriptor->peer : NULL;
    size_t at = peer ? peer->length : 0;
    ssize_t sent;

    if (header && peer && peer->passed >= 0) {
        errno = ETOOMANYREFS;
        return -1;
    }
    sent = send(fd, message->msg_iov[0].iov_base, message->msg_iov[0].iov_len, flags);
    if (header && sent > 0) {
        memcpy(&peer->passed, CMSG_DATA(header), sizeof(peer->passed));
        peer->passed = dup(peer->passed);
        peer->passed_at = at;
    }
    return sent;
}

/* ---- Receiving ---- */

static void drop(struct descriptor *descriptor, size_t size)
{
    descriptor->length -= size;
    memmove(bytes_of(descriptor), bytes_of(descriptor) + size, descriptor->length);
    if (descriptor->passed >= 0 && descriptor->passed_at < size) {
        close(descriptor->passed);
        descriptor->passed = -1;
    }
    descriptor->passed_at -= descriptor->passed_at < size ? descriptor->passed_at : size;
}

ssize_t recv(int fd, void *ret, size_t size, int flags)
{
    struct descriptor *descriptor = find(fd);

    if (!descriptor || (descriptor->length == 0 && descriptor->peer)) {
        errno = descriptor ? EAGAIN : EBADF;
        return -1;
    }
    if (size > descriptor->length)
        size = descriptor->length;
    memcpy(ret, bytes_of(descriptor), size);
    if (!(flags & MSG_PEEK))
        drop(descriptor, size);
    return (ssize_t)size;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    struct descriptor *descriptor = find(fd);
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    bool is_passed = descriptor && descriptor->passed >= 0 && descriptor->length > 0;
    size_t size = message->msg_iov[0].iov_len;

    message->msg_controllen = 0;
    if (is_passed && descriptor->passed_at > 0 && size > descriptor->passed_at)
        size = descriptor->passed_at;
    else if (is_passed && descriptor->passed_at == 0) {
        *header =
            (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(header), &descriptor->passed, sizeof(int));
        message->msg_controllen = CMSG_SPACE(sizeof(int));
        descriptor->passed = -1;
    }
    return recv(fd, message->msg_iov[0].iov_base, size, flags);
}

int ioctl(int fd, unsigned long request, ...)
{
    const struct descriptor *descriptor = find(fd);
    va_list arguments;
    void *argument;

    va_start(arguments, request);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    if (!descriptor)
        return (int)syscall(SYS_ioctl, fd, request, argument);
    CHECK(request == SIOCINQ);
    *(int *)argument = (int)descriptor->length;
    return 0;
}

/* ---- Waiting ---- */

static short ready(const struct descriptor *descriptor)
{
    if (descriptor->kind == PIDFD)
        return *descriptor->gone >= descriptor->life ? POLLIN : 0;
    if (!descriptor->peer)
        return POLLIN | POLLOUT | POLLHUP;
    return (short)((descriptor->length > 0 ? POLLIN : 0) |
                   (descriptor->peer->length < FAKE_SOCKET_BYTES ? POLLOUT : 0));
}

/* glibc says of poll() that it only writes to fds; the compiler must not see that this here reads them. */
static __attribute__((noinline)) int look(struct pollfd *fds, nfds_t count)
{
    int found = 0;

    for (nfds_t i = 0; i < count; i++) {
        const struct descriptor *descriptor = find(fds[i].fd);

        if (!descriptor)
            return -1;
        fds[i].revents = (short)(ready(descriptor) & (fds[i].events | POLLHUP));
        found += fds[i].revents != 0;
    }
    return found;
}

/* Nobody waits here: a turn of the loop is made when the input says so. */
int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    int found = look(fds, count);

    return found < 0 ? (int)syscall(SYS_poll, fds, count, timeout) : found;
}
