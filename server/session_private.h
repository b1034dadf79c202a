/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the two halves of a session share: session.c (its life) and session_end.c (its end).
 */

#include <sys/types.h>

#include "server/session.h"

/* Bytes read, 0 when there are none now, -ECONNRESET at the end of the stream. */
ssize_t session_receive(struct session *session, size_t size);

/* The peer takes no more answers. */
void session_stop_answering(struct session *session);

/* Takes in what had arrived by now and no more: a child of the peer may go on writing for ever. The end must follow. */
void session_read_the_rest(struct session *session);

/* What waits in the ring is taken in first: a little at once, much in slices, and then session_drained() is called. */
void session_end(struct session *session, bool exited);
