/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The server: one loop, one registry, the sockets it listens on and the sessions it has. A session feeds the registry
 * with what comes through its socket and its ring.
 */

#include <ev.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/drain.h"
#include "server/hardware.h"
#include "server/list.h"
#include "server/listener.h"
#include "server/pace.h"
#include "server/places.h"
#include "server/registry.h"
#include "server/reporter.h"
#include "server/socket_watch.h"
#include "server/termination.h"
#include "server/uid_view.h"

#define SERVER_GROUP "tt-alloc" /* its members may see what the buffers of others are */
#define SERVER_READ_SIZE 65520  /* a multiple of all three frame sizes, just under 64 KiB */

struct server {
    struct ev_loop *loop;
    struct registry registry;
    struct hardware hardware;
    struct reporter reporter;
    struct drain drain;
    struct pace pace;
    struct listeners listeners;
    struct socket_watch socket_watch;
    struct list sessions;
    uint64_t started;    /* monotonic */
    uint64_t start_time; /* the same by the host's clock, for people */
    struct uid_view uid_view;
    gid_t group; /* of SERVER_GROUP; (gid_t)-1 if there is none */
    struct places places;
    uint8_t *scratch; /* what one read brings in, behind what a session kept back */

    unsigned turn; /* of the loop, and what was read in it */
    size_t read_in_turn;

    struct termination termination;
    ev_timer watchdog;
    ev_timer status;
    ev_idle no_wait;
};

struct server_options {
    const char *const *paths; /* sockets to make; with none, and none passed by systemd, the default one */
    size_t path_count;
    size_t leak_lines;
    struct limits limits;
    const char *root; /* of the host's files; NULL: "/" */
};

/* Everything but the loop's turning. -errno, and a line was logged. Pair with server_done(), also on failure. */
int server_init(struct server *server, const struct server_options *options);
/* Serves until a signal ends it. -errno if it cannot, and a line was logged. */
int server_run(struct server *server);
void server_done(struct server *server);

/* Begins to watch a descriptor. If the kernel has no memory for that, the watcher is called with EV_ERROR soon, and is
 * not active any more. */
void server_watch(struct server *server, ev_io *watcher);

/* Has systemd told how many processes report, within a second; nothing without systemd. */
void server_update_status(struct server *server);
