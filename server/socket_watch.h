/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Notices when a socket that the server listens on is not at its path any more: an age cleaner took it, or somebody by
 * hand. The server would go on serving those who are connected, and nobody else would ever find it.
 *
 * One of our own making is made again, under the same lock and as carefully as the first; if that does not work,
 * because something else stands there, it is said once and tried again, more and more seldom. One that was passed is
 * not ours to make: a warning says what to do.
 */

#include <ev.h>

struct server;

struct socket_watch {
    struct server *server;
    int fd; /* of inotify; -1 where there is none: then nothing is noticed */
    ev_io news;
    ev_timer look;
    double pause; /* seconds until the next look */
};

/* Once the server listens. Failure is logged and costs nothing but the watching. */
void socket_watch_init(struct socket_watch *watch, struct server *server);
void socket_watch_done(struct socket_watch *watch);
