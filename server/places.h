/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How many connections there are descriptors for, and who may have the next one.
 *
 * A uid has a fixed limit (limits.h), but several of them could still take everything, and accounts are cheap where a
 * user has thousands of subordinate uids. So there are two rules more. A uid may have no more than are left: the first
 * greedy one gets half of the places at most, the next one half of the rest, and somebody who comes with nothing finds
 * one until dozens of them were greedy. And neither those with privileges nor all others together get the last
 * sixteenth, so neither can lock the other out: root can look at a server that is flooded, and users are served beside
 * a program of root that leaks connections.
 *
 * Whoever is over is refused, and nobody is sent away to make room. A connection that never said anything may belong
 * to an application that has not allocated yet; older ones do not come back when they are cut off, so that their
 * reports would be lost unseen. And whom it hits should not depend on what others do.
 */

#include <stddef.h>
#include <stdint.h>

#include "server/user.h"

struct places {
    uint64_t all;
    uint64_t privileged; /* taken */
    uint64_t others;     /* taken */
};

enum place {
    PLACE_FREE,
    PLACE_OVER_LIMIT, /* the uid has as many as it may have */
    PLACE_SHORT,      /* too few are left */
};

/* A connection takes two descriptors: the socket and the process's. */
void places_init(struct places *places, size_t descriptors);

enum place places_look(const struct places *places, const struct user *user);
void places_take(struct places *places, struct user *user);
void places_give_back(struct places *places, struct user *user);
