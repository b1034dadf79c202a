/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One growing buffer per peer, given back as soon as all of it is sent.
 */

#include "server/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void close_fd(struct output *output)
{
    if (output->has_fd)
        close(output->fd);
    output->has_fd = false;
}

void output_done(struct output *output)
{
    close_fd(output);
    free(output->bytes);
    *output = (struct output){0};
}

/* A long answer to a peer who reads and never quite catches up must not keep what he has read. */
static void forget_sent(struct output *output)
{
    if (output->sent == 0)
        return;
    memmove(output->bytes, output->bytes + output->sent, output_waiting(output));
    output->length -= output->sent;
    output->fd_at -= output->has_fd ? output->sent : 0;
    output->sent = 0;
}

int output_add(struct output *output, const void *bytes, size_t size)
{
    if (output->capacity - output->length < size)
        forget_sent(output);
    if (output->capacity - output->length < size) {
        size_t capacity = output->capacity ? 2 * output->capacity : 512;
        uint8_t *grown;

        while (capacity - output->length < size)
            capacity *= 2;
        grown = realloc(output->bytes, capacity);
        if (!grown)
            return -ENOMEM;
        output->bytes = grown;
        output->capacity = capacity;
    }
    memcpy(output->bytes + output->length, bytes, size);
    output->length += size;
    return 0;
}

int output_add_with_fd(struct output *output, const void *bytes, size_t size, int fd)
{
    int error;

    if (output->has_fd)
        return -EBUSY;
    error = output_add(output, bytes, size);
    if (error < 0)
        return error;
    output->has_fd = true;
    output->fd = fd;
    output->fd_at = output->length - size;
    return 0;
}

static ssize_t send_with_fd(const struct output *output, int fd)
{
    struct iovec iovec = {.iov_base = output->bytes + output->sent, .iov_len = output_waiting(output)};
    union {
        struct cmsghdr header;
        uint8_t room[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct msghdr message = {
        .msg_iov = &iovec, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

    memcpy(CMSG_DATA(&control.header), &output->fd, sizeof(int));
    return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* A descriptor travels with the first of the bytes that are sent in one call, so what stands before goes alone. */
static ssize_t send_some(const struct output *output, int fd)
{
    size_t size = output_waiting(output);

    if (output->has_fd && output->fd_at == output->sent)
        return send_with_fd(output, fd);
    if (output->has_fd)
        size = output->fd_at - output->sent;
    return send(fd, output->bytes + output->sent, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int output_send(struct output *output, int fd)
{
    ssize_t sent;

    if (output_waiting(output) == 0)
        return 0;
    do
        sent = send_some(output, fd);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno == EAGAIN ? 0 : -errno;

    if (output->has_fd && output->fd_at == output->sent)
        close_fd(output);
    output->sent += (size_t)sent;
    if (output_waiting(output) == 0)
        output_done(output);
    return 1;
}
