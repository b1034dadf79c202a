/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Who is on the other end of a socket, as the kernel tells it. A PID in a message is a label; this is the identity:
 * PID, uid and gid from SO_PEERCRED, and a pidfd, which stays bound to that very process when its number is used again.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct peer {
    pid_t pid; /* in the server's namespace; 0: not visible from there */
    uid_t uid; /* when it connected */
    gid_t gid;
    int pidfd; /* -1: the kernel has none, or the process was gone before we could ask */
};

/* -EIO if the kernel does not tell who the peer is, -EMFILE, -ENFILE. Pair with peer_done(). */
int peer_from_socket(int fd, struct peer *ret);
void peer_done(struct peer *peer);

/* Whether all of the process is gone. False where nothing can be found out. */
bool peer_is_gone(const struct peer *peer);

/* Whether the process is gone or on its way out. False where nothing can be found out. */
bool peer_has_exited(const struct peer *peer);

/* Whether the peer of the socket belongs to the group, primary or supplementary. */
bool peer_is_in_group(int fd, const struct peer *peer, gid_t group);

struct process_facts {
    uint64_t start_ticks; /* since boot, in clock ticks: with the PID it names the process. 0: unknown */
    uint64_t start_time;  /* ns since 1970. 0: unknown */
    uint64_t started;     /* the same by the clock that never jumps; ages count from here */
    char comm[16];        /* "?" if unknown */
    char *command;        /* arguments joined with spaces, owned by the struct; NULL if unknown */
};

/*
 * Reads what /proc says of the peer. What cannot be read, or may belong to another process because the peer is gone, is
 * left unknown. Pair with process_facts_done().
 */
void peer_read_facts(const struct peer *peer, struct process_facts *ret);
void process_facts_done(struct process_facts *facts);
