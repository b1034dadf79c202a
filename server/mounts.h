/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Whether others see what we see. A server in a mount namespace of its own can make a socket in its /tmp that no
 * application will ever find, and nothing would fail.
 */

#include <stdbool.h>
#include <stdio.h>

/*
 * Whether the directory of this path is surely another one than that of other processes: if we may look, it is compared
 * with what PID 1 sees there; else systemd's PrivateTmp= is known by the name of the directory it mounts. What an
 * ordinary user cannot be told of: PrivateTmp=disconnected, and namespaces that somebody else made.
 */
bool mounts_hide(const char *path);

/* The second half of it, from the text of /proc/self/mountinfo. */
bool mounts_are_private(FILE *mountinfo, const char *path);
