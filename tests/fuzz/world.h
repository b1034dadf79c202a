/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A whole server but for its listening sockets, made and taken apart again for each input: sessions on socket pairs,
 * requests, registry, drain, reports. The host around it is fake_host.h. What must hold of it at any time, whatever
 * clients did, is in world_check().
 */

#include <stddef.h>
#include <stdint.h>

#include "server/server.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/fake_host.h"

struct world {
    struct server server;
    int first_free_fd; /* a descriptor made now has this number, unless one was left open meanwhile */
};

void world_open(struct world *world, bool has_nodes);
/* The server ends, and nothing may be left. Clients' ends have been closed. */
void world_close(struct world *world);

/* The client's end of a connection of this process, which does not block; -1: the server turned it away. */
int world_connect(struct world *world, const struct fake_process *process);

/* One turn of the loop. */
void world_turn(struct world *world);
/* Whether a turn would do something without anything from a client. */
bool world_is_busy(const struct world *world);
/* Turns until there is nothing left to be done. */
void world_settle(struct world *world);

/* The device rows are the sums of what processes hold, these of their buffers, and so on. */
void world_check(const struct world *world);
