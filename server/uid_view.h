/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Whether the server can tell users apart. In a user namespace that does not map all uids of the host, those that are
 * left out arrive under one number, the kernel's overflow uid (65534). Clients in namespaces of their own are no
 * trouble: what counts is where the server runs.
 *
 * What that calls for depends on who may be out there:
 *
 * - The server itself has no uid there: every stranger would pass for its own user. It does not start.
 * - The namespace maps a few uids, as `unshare -r`, PrivateUsers=yes or a container without subordinate uids do: other
 *   accounts of the same system are hidden. The server starts only where these cannot come, on sockets in a directory
 *   that is its user's alone, as those of `tt-smi run` and --demo are.
 * - The namespace maps 65,536 uids or more, as containers with accounts of their own do. Everybody inside is told
 *   apart, and a server there must not fail because the world has other users. It starts and says so.
 *
 * In the last two cases whoever is hidden is one user without privileges, with one share, who sees no single buffers:
 * not even those of his own uid, since they may be another's.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define UID_VIEW_ALL UINT64_C(4294967295) /* uids of the host; 2^32 - 1 is none */
#define UID_VIEW_ACCOUNTS UINT64_C(65536) /* of a container with accounts of its own */

struct uid_view {
    uint64_t mapped; /* uids */
    uid_t overflow;  /* whom those that are not mapped appear as; also gids */
};

/* How many uids the lines of a uid_map cover. Whatever is not such a line ends it. */
uint64_t uid_view_count(const char *map);

/* That of this process. Where the kernel knows no user namespaces, nobody is hidden. */
struct uid_view uid_view_read(void);

bool uid_view_hides(const struct uid_view *view);

/* Whether the server may start at all. -EPERM, and a line was logged. */
int uid_view_check(const struct uid_view *view);
/* Whether it may listen on this socket; NULL: one without a path. -EPERM, and a line was logged. */
int uid_view_check_socket(const struct uid_view *view, const char *path);
