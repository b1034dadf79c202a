/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One growing buffer per peer, given back as soon as all of it is sent.
 */

#include "server/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void output_done(struct output *output)
{
    free(output->bytes);
    *output = (struct output){0};
}

int output_add(struct output *output, const void *bytes, size_t size)
{
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

int output_send(struct output *output, int fd)
{
    ssize_t sent;

    if (output_waiting(output) == 0)
        return 0;
    do
        sent = send(fd, output->bytes + output->sent, output_waiting(output), MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno == EAGAIN ? 0 : -errno;

    output->sent += (size_t)sent;
    if (output_waiting(output) == 0)
        output_done(output);
    return 1;
}
