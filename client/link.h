/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One connection to the server, as a reporter has it: frames go out whole or not at all, and nobody waits here.
 *
 * Programs that close every descriptor they do not know are common, and the number may mean something else by now. So a
 * link remembers what file it opened, and looks each time.
 *
 * Not thread-safe. Nothing here is a point of cancellation if the caller has switched cancellation off.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "client/ring.h"

struct tt_alloc_link {
    int fd; /* -1: none */
    ino_t inode;
    dev_t device;
    size_t rest_size; /* of a frame that went out in part */
    char rest[TT_ALLOC_FRAME_112];
};

#define TT_ALLOC_LINK_NONE ((struct tt_alloc_link){.fd = -1})

/* Takes the descriptor of a connected socket over. */
void tt_alloc_link_open(struct tt_alloc_link *link, int fd);

/* Closes the descriptor if it is still ours. */
void tt_alloc_link_close(struct tt_alloc_link *link);

/* Whether the number still means what was opened. */
bool tt_alloc_link_is_ours(const struct tt_alloc_link *link);

/* One frame, behind the rest of an earlier one. 0: the server will get it. -EAGAIN: the socket is full and nothing of
 * the frame went out. -EBADF: the descriptor is not ours any more. Anything else: the connection is broken. */
int tt_alloc_link_send(struct tt_alloc_link *link, const void *frame);

/* The same with more room for this one frame, where the system grants it. */
int tt_alloc_link_send_beyond(struct tt_alloc_link *link, const void *frame);

/* Only the rest of an earlier frame. */
int tt_alloc_link_send_rest(struct tt_alloc_link *link);

/* Whether the server has yet to read some of what was sent. False where the system cannot tell. */
bool tt_alloc_link_is_unread(const struct tt_alloc_link *link);

/* What has arrived, at most size bytes: how many, or a negative errno. -EAGAIN: nothing; -ECONNRESET: the end; -EBADF:
 * the descriptor is not ours any more. */
ssize_t tt_alloc_link_receive(struct tt_alloc_link *link, void *ret_bytes, size_t size);

/* Takes the answer to a RING_REQUEST, which has arrived, and opens the ring in it. -EAGAIN: nothing has arrived.
 * -EPROTO: something else; -ECONNRESET; -EMFILE: this process may have no more descriptors; else the status of the
 * answer or the error of tt_alloc_producer_open(). */
int tt_alloc_link_receive_ring(struct tt_alloc_link *link, struct tt_alloc_producer *ret);
