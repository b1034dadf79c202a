/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How a server is found, reached, trusted and greeted: the same for the half of the library that reports and for the
 * half that asks.
 *
 * The default socket lies in /tmp, where anybody may create the name first. So who listens there is checked on every
 * new connection: root, this process's own effective user, or the user named by TT_ALLOC_SERVER_USER.
 *
 * The environment is read with secure_getenv(): a program that runs with more rights than its caller does not let the
 * caller choose its server.
 */

#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include "tt_alloc_protocol.h"

/* Where the server is and whose it may be. */
struct tt_alloc_target {
    int error;     /* 0, or -ENAMETOOLONG: address.sun_path is then only the beginning of the path, good for messages */
    uid_t trusted; /* besides root and this process's own user; root if nobody else is */
    struct sockaddr_un address;
};

/* path, or with NULL $TT_ALLOC_SOCKET, or TT_ALLOC_SOCKET_PATH. Not to be called while other threads change the
 * environment. Looks TT_ALLOC_SERVER_USER up in the user database if that is a name. */
void tt_alloc_target_resolve(const char *path, struct tt_alloc_target *ret);

#define TT_ALLOC_OWNER_UNKNOWN ((uid_t)-1)

/*
 * Connects and checks whose server it is. Returns a close-on-exec descriptor or a negative errno. Waits until deadline
 * for a server whose queue of new connections is full (-ETIMEDOUT); with deadline 0 not at all.
 *
 * -EACCES means that the socket may not be opened or that the server is not trusted. ret_owner, unless NULL, tells the
 * two apart: it receives the user of the server that was reached, or TT_ALLOC_OWNER_UNKNOWN if none was.
 */
int tt_alloc_target_connect(const struct tt_alloc_target *target, uint64_t deadline, uid_t *ret_owner);

/* The first frame of a connection. */
struct tt_alloc_hello tt_alloc_make_hello(uint64_t features, uint32_t flags);
