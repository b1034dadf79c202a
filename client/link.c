/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Frames through a socket that is never waited for, and the one descriptor that comes back through it.
 */

#include "client/link.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void tt_alloc_link_open(struct tt_alloc_link *link, int fd)
{
    struct stat stat = {0};

    (void)fstat(fd, &stat);
    *link = (struct tt_alloc_link){.fd = fd, .inode = stat.st_ino, .device = stat.st_dev};
}

bool tt_alloc_link_is_ours(const struct tt_alloc_link *link)
{
    struct stat stat;

    return link->fd >= 0 && fstat(link->fd, &stat) == 0 && S_ISSOCK(stat.st_mode) && stat.st_ino == link->inode &&
           stat.st_dev == link->device;
}

void tt_alloc_link_close(struct tt_alloc_link *link)
{
    if (tt_alloc_link_is_ours(link))
        close(link->fd);
    *link = TT_ALLOC_LINK_NONE;
}

/* Returns how many bytes went out, or a negative errno. */
static ssize_t send_some(int fd, const void *bytes, size_t size)
{
    ssize_t n;

    do
        n = send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static int send_rest(struct tt_alloc_link *link)
{
    while (link->rest_size > 0) {
        ssize_t n = send_some(link->fd, link->rest, link->rest_size);

        if (n < 0)
            return (int)n;
        link->rest_size -= (size_t)n;
        memmove(link->rest, link->rest + n, link->rest_size);
    }
    return 0;
}

bool tt_alloc_link_is_unread(const struct tt_alloc_link *link)
{
    int bytes = 0;

    return tt_alloc_link_is_ours(link) && ioctl(link->fd, TIOCOUTQ, &bytes) == 0 && bytes > 0;
}

int tt_alloc_link_send_rest(struct tt_alloc_link *link)
{
    return tt_alloc_link_is_ours(link) ? send_rest(link) : -EBADF;
}

int tt_alloc_link_send(struct tt_alloc_link *link, const void *frame)
{
    int r = tt_alloc_link_send_rest(link);
    if (r < 0)
        return r;

    ssize_t n = send_some(link->fd, frame, TT_ALLOC_FRAME_112);
    if (n < 0)
        return (int)n;
    link->rest_size = TT_ALLOC_FRAME_112 - (size_t)n;
    memcpy(link->rest, (const char *)frame + n, link->rest_size);
    return 0;
}

/* The kernel doubles what is set. */
int tt_alloc_link_send_beyond(struct tt_alloc_link *link, const void *frame)
{
    int size, usual;
    socklen_t length = sizeof(size);

    if (!tt_alloc_link_is_ours(link) || getsockopt(link->fd, SOL_SOCKET, SO_SNDBUF, &size, &length) < 0)
        return -EBADF;
    usual = size / 2;
    (void)setsockopt(link->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    int r = tt_alloc_link_send(link, frame);
    (void)setsockopt(link->fd, SOL_SOCKET, SO_SNDBUF, &usual, sizeof(usual));
    return r;
}

ssize_t tt_alloc_link_receive(struct tt_alloc_link *link, void *ret_bytes, size_t size)
{
    if (!tt_alloc_link_is_ours(link))
        return -EBADF;

    ssize_t n = recv(link->fd, ret_bytes, size, MSG_DONTWAIT);
    if (n < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    return n == 0 ? -ECONNRESET : n;
}

/* The descriptor that came with a message, or -1. */
static int attached(struct msghdr *message)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(message);
    int fd = -1;

    if (control != NULL && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS &&
        control->cmsg_len == CMSG_LEN(sizeof(fd)))
        memcpy(&fd, CMSG_DATA(control), sizeof(fd));
    return fd;
}

/* The server sends the frame in one piece, and a stream socket keeps what was sent with a descriptor together. */
static int receive(int fd, struct tt_alloc_ring_message *ret, int *ret_attached)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec piece = {.iov_base = ret, .iov_len = sizeof(*ret)};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    *ret_attached = attached(&message);
    if (n == 0)
        return -ECONNRESET;
    if ((message.msg_flags & MSG_CTRUNC) != 0)
        return -EMFILE;
    return n == sizeof(*ret) && ret->type == TT_ALLOC_RING ? 0 : -EPROTO;
}

int tt_alloc_link_receive_ring(struct tt_alloc_link *link, struct tt_alloc_producer *ret)
{
    struct tt_alloc_ring_message message;
    int fd = -1;
    int r = tt_alloc_link_is_ours(link) ? receive(link->fd, &message, &fd) : -EBADF;

    if (r == 0)
        r = message.status;
    if (r == 0)
        r = fd < 0 ? -EPROTO : tt_alloc_producer_open(fd, message.slots, message.size, ret);
    if (fd >= 0)
        close(fd);
    return r > 0 ? -EPROTO : r;
}
