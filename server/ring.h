/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The server's end of a ring: memory that a client writes records into and the server copies them out of.
 * protocol/tt_alloc_protocol.h has the layout; ring.c argues why nothing that a client does to the memory can hurt, and
 * why no wake-up is lost.
 *
 * Taking and giving back are apart, so that the line of the memory that the client watches is written once for many
 * records.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol/tt_alloc_protocol.h"

struct ring;

/* A new ring and a descriptor of its memory, which the caller sends and closes; the ring itself keeps none open.
 * -EINVAL: slots not a power of two within the limits. -EMFILE, -ENOMEM. */
int ring_new(uint64_t slots, struct ring **ret, int *ret_fd);

/* Takes NULL, returns NULL. The client may keep its mapping; it speaks to nobody then. */
struct ring *ring_free(struct ring *ring);

/* Copies the next records, at most `max`, and checks that they stand where they say. Returns how many; 0: the ring is
 * empty. -EPROTO: no client of ours wrote this; the ring must not be read again. */
ssize_t ring_take(struct ring *ring, struct tt_alloc_record *ret, size_t max);

/* Lets the client overwrite what was taken. */
void ring_give_back(struct ring *ring);

/* Records written and not taken by now; more than there are slots: ring_take() will say -EPROTO. */
uint64_t ring_pending(const struct ring *ring);

/* The reports that the client says it has made. Of those that went through the ring, all lie before the tail that is
 * read next, so if ring_pending() is 0 afterwards, all were taken. */
uint64_t ring_made(const struct ring *ring);

/* Of memory, the header included. */
size_t ring_bytes(const struct ring *ring);
