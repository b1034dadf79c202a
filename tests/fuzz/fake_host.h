/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The host as a fuzz target wants it: who is on the other end of a socket, which nodes he has open, and what time it
 * is. Linked before the server's library, it takes the place of server/peer.c and server/hardware.c, so that no input
 * has to wait for /proc or for a real process, and the same input does the same thing every time.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/hardware.h"

#define FAKE_NODES 3

struct fake_process {
    pid_t pid;
    uid_t uid;
    uint64_t start_ticks; /* 0: nobody knows when it was started */
    bool is_in_group;
    bool has_pidfd;
    unsigned life; /* from 1 on; it may come again under the same number */
    unsigned gone; /* the last life that is over */
    int32_t held[FAKE_NODES];
    size_t held_count;
};

/* The clock stands at its first value, no process is there, and the host has nodes 0, 1, 2 or none. */
void fake_host_begin(bool has_nodes);
/* The clock is the real one again, and all sockets must have been closed. */
void fake_host_end(void);
void fake_host_pass(uint64_t ns);

/* Those there are; the caller says who they are. With a PID of 0 it is in another namespace. */
#define FAKE_PROCESSES 4
struct fake_process *fake_host_get(size_t index);
/* It dies; who connects with its number from now on is another one. */
void fake_host_exit(struct fake_process *process);
/* Whoever is identified next is this one. */
void fake_host_connects(const struct fake_process *process);
/* The next server's registry learns of the nodes. */
void fake_host_tell_nodes(struct registry *registry);
