/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is charged to a uid, against the limits that all of them have (limits.h). A uid that was seen once is remembered
 * for good, so that going away and coming back does not renew its allowance of log lines.
 *
 * Root and the server's own user have a multiple of buffers and rings, and as many sessions and answers as fit: they
 * are trusted not to be hostile, but not to be free of mistakes. Whoever the server's user namespace does not know
 * arrives under one uid that stands for all of these (uid_view.h): that user is hidden, has one share, and is nobody's
 * own user, its own neither.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/limits.h"
#include "server/list.h"

#define USER_PRIVILEGED_FACTOR 16 /* of buffers and rings */
#define USER_NOBODY ((uid_t)-1)   /* no user has it */
/* Device rows that one uid may bring into being. */
#define USER_DEVICES_MAX 1024

/* What is told of a uid once in a while: its limits, that it may not ask for dumps, that it sends nonsense, and that it
 * does not read what it asked for. */
enum {
    TOLD_DUMP = LIMITS,
    TOLD_FAULT,
    TOLD_STALL,
    TOLD,
};

struct users;

struct user {
    struct list link; /* users::buckets */
    struct users *users;
    uid_t uid;
    bool is_privileged; /* root or the server's own user */
    bool is_hidden;
    uint64_t sessions;
    uint64_t buffers;
    uint64_t devices;
    size_t kept; /* for its sessions: answers not taken, and what arrived behind the questions */
    size_t ring_bytes;
    uint64_t ended; /* entries in the list of ended processes */
    uint64_t ended_placements;

    unsigned turn; /* of the loop, and what answers to this uid took in it */
    size_t answered;

    uint64_t round; /* of the drain, and how many questions of this uid are in it */
    unsigned round_questions;

    double log_tokens;
    uint64_t log_refilled;
    uint64_t told[TOLD]; /* when the log last said that a limit was in the way; 0: never */
};

#define USER_BUCKETS 64

struct users {
    struct list buckets[USER_BUCKETS];
    struct limits limits;
    uid_t hidden; /* stands for all that the user namespace hides; USER_NOBODY: it hides nobody */
    /* Per limit, how often it was in the way, and of whom last. */
    uint64_t refused[LIMITS];
    uid_t refused_last[LIMITS];
};

/* With the usual limits, and nobody hidden. */
void users_init(struct users *users);
void users_done(struct users *users);

/* The user, made if he is new. -ENOMEM. */
int users_get(struct users *users, uid_t uid, struct user **ret);

bool user_may_connect(const struct user *user);
bool user_may_allocate(const struct user *user);
bool user_may_have_ring(const struct user *user, size_t bytes);
/* What is kept already. */
bool user_may_keep(const struct user *user);

/* Whether more may be answered to this uid in this turn of the loop; what it asks besides waits for a later one,
 * however many connections it asks through. And the bytes of an answer. */
bool user_has_turn(struct user *user, unsigned turn);
void user_answered(struct user *user, size_t size);

/* Counts that a limit was in the way. */
void user_refused(struct user *user, enum limit limit);

/* Whether `other` may look at what is the user's own; whoever is authorised may anyway. */
bool user_is(const struct user *user, const struct user *other);

/* Whether to say in the log that a limit (or another TOLD_) is in the way of this uid: once a minute, because who is
 * told of one knows what to look for, each new connection of the uid could bring it about again, and all are counted.
 * It takes one of the uid's lines; that these are used up (LIMIT_LOG_LINES) takes none.
 */
bool user_is_worth_telling(struct user *user, unsigned what, uint64_t now);

/* Whether the server may write `lines` more log lines about this uid now. Refills over time. */
bool user_may_log(struct user *user, unsigned lines, uint64_t now);
