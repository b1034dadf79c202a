/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * SIGTERM and SIGINT end the loop. They arrive through a descriptor of our own, and not through libev's watchers of
 * signals: of those nobody learns whether the kernel had the memory to watch libev's pipe, and a server without it is
 * deaf to `systemctl stop`.
 */

#include <ev.h>
#include <stdbool.h>

struct server;

struct termination {
    int fd;        /* of both signals */
    bool has_come; /* the end: the loop is not to turn any more */
    int error;     /* why, if it was not a signal */
    ev_io arrived;
};

/* From now on both signals wait for the loop. -errno, and a line was logged. Pair with termination_done(). */
int termination_init(struct termination *termination, struct server *server);
void termination_done(struct termination *termination, struct server *server);
