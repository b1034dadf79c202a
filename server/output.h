/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What waits to be sent to one peer. It costs nothing while it is empty.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An answer stops producing frames when this much waits. One process and what it holds is never torn apart, so a little
 * more than that can wait; no peer makes the server keep more than about 400 KiB for it. */
#define OUTPUT_ENOUGH 65536

struct output {
    uint8_t *bytes;
    size_t length;
    size_t sent;
    size_t capacity;
    bool has_fd;
    int fd;       /* goes with the byte at fd_at */
    size_t fd_at; /* in bytes */
};

void output_done(struct output *output);

/* -ENOMEM: nothing was added. */
int output_add(struct output *output, const void *bytes, size_t size);
/* The same with a descriptor, which is the output's on success. -EBUSY: one is waiting already. */
int output_add_with_fd(struct output *output, const void *bytes, size_t size, int fd);

static inline size_t output_waiting(const struct output *output)
{
    return output->length - output->sent;
}

/* Sends what the socket takes: 1 if something was sent, 0 if it took nothing, negative errno if the peer is lost. */
int output_send(struct output *output, int fd);
