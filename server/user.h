/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is charged to a uid. Limits are per uid and not per connection or process, because more of those would mean more
 * quota. A uid that was seen once is remembered for good, so that going away and coming back does not renew its
 * allowance of log lines.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/list.h"

/* Live buffers of one uid: about 150 MiB of the server's memory. Root and the server's own user have 16 times that. */
#define USER_BUFFERS_MAX (UINT64_C(4) << 20)
#define USER_BUFFERS_MAX_PRIVILEGED (UINT64_C(64) << 20)
/* Bytes kept for the sessions of one uid: answers not taken, and what arrived behind the questions. */
#define USER_KEPT_MAX ((size_t)64 << 20)
/* Memory of the rings of one uid, if its processes fill them. Root and the server's own user have 16 times that. */
#define USER_RING_BYTES_MAX ((size_t)256 << 20)
/* Device rows that one uid may bring into being. */
#define USER_DEVICES_MAX 1024

struct user {
    struct list link; /* users::buckets */
    uid_t uid;
    bool is_privileged; /* root or the server's own user */
    uint64_t sessions;
    uint64_t buffers;
    uint64_t devices;
    size_t kept;
    size_t ring_bytes;
    uint64_t ended; /* entries in the list of ended processes */
    uint64_t ended_placements;

    double log_tokens;
    uint64_t log_refilled;
    uint64_t log_suppressed;
    uint64_t fault_told; /* monotonic, when a fault was last told of; 0: never */
};

#define USER_BUCKETS 64

struct users {
    struct list buckets[USER_BUCKETS];
};

void users_init(struct users *users);
void users_done(struct users *users);

/* The user, made if he is new. -ENOMEM. */
int users_get(struct users *users, uid_t uid, struct user **ret);

bool user_may_allocate(const struct user *user);
bool user_may_have_ring(const struct user *user, size_t bytes);

/*
 * Whether the server may write `lines` more log lines about this uid now. Refills over time. The first refusal is worth
 * a line of its own: *ret_first says that this was it.
 */
bool user_may_log(struct user *user, unsigned lines, uint64_t now, bool *ret_first);

/*
 * Whether a fault is worth a line that each new connection of this uid could bring about again: one a minute, because
 * who is told of one knows what to look for, and all of them are counted.
 */
bool user_may_log_fault(struct user *user, uint64_t now);
