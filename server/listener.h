/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The sockets the server listens on: those that systemd passed, and those it made itself.
 *
 * A path in /tmp belongs to nobody, so a socket is made with care: a lock file beside it settles which of two servers
 * may, a connect tells whether a server answers already, and only a dead socket of the server's own user is ever
 * removed. What is made has mode 0666 and is removed again at the end, if it is still the same one.
 */

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/socket_file.h"

struct server;

struct listener {
    struct server *server;
    int fd;
    ev_io acceptable;
    ev_timer pause;      /* when the kernel has no descriptor or memory for another connection */
    uint64_t told_pause; /* when the log last said so; 0: never */

    char *path;              /* NULL: of a passed one that has none, or not in our mount namespace */
    bool passed;             /* not of our own making: not ours to remove or to make again */
    bool told;               /* that it is gone */
    struct socket_file file; /* of a passed one only which it is */
};

struct listeners {
    struct listener **items;
    size_t count;
    int spare_fd; /* given up for a moment to turn a connection away when descriptors have run out */
};

/*
 * Takes over the sockets that systemd passed, then makes those of `paths`; with neither, the default one. -errno, and a
 * line was logged: -EADDRINUSE another server is there, -EEXIST something else is. Pair with listeners_done(), also on
 * failure.
 */
int listeners_init(struct listeners *listeners, struct server *server, const char *const *paths, size_t count);

/* Listens on the socket that was made instead of the former one, whose queue is taken in first. */
void listener_move(struct listener *listener, int former_fd);
void listeners_done(struct listeners *listeners);
