/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A connection that cannot be served: counted by its reason and told of in the log, for each uid once a minute at most.
 * Who refuses is the listener when descriptors have run out, and the session otherwise.
 */

struct server;

/* error: -EDQUOT the uid has as many as it may, -EUSERS too few are left for it, -EMFILE, -ENFILE, -ENOMEM, -EIO. The
 * socket is still open, so that it can be told whose it is. */
void refusal_note(struct server *server, int fd, int error);
