/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Users by uid, in a small table of lists: a host has tens of them.
 */

#include "server/user.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/clock.h"

/* journald takes 10,000 lines in 30 s from a service. One uid may use a fifth of that in a burst, and less in the long
 * run. */
#define LOG_BURST 2000.0
#define LOG_PER_SECOND 20.0

#define FAULTS_EVERY (60 * NSEC_PER_SEC)

void users_init(struct users *users)
{
    for (size_t i = 0; i < USER_BUCKETS; i++)
        list_init(&users->buckets[i]);
}

void users_done(struct users *users)
{
    for (size_t i = 0; i < USER_BUCKETS; i++)
        list_for_each (link, &users->buckets[i])
            free(LIST_ENTRY(link, struct user, link));
    users_init(users);
}

int users_get(struct users *users, uid_t uid, struct user **ret)
{
    struct list *bucket = &users->buckets[uid % USER_BUCKETS];
    struct user *user;

    list_for_each (link, bucket) {
        user = LIST_ENTRY(link, struct user, link);
        if (user->uid == uid) {
            *ret = user;
            return 0;
        }
    }

    user = calloc(1, sizeof(*user));
    if (!user)
        return -ENOMEM;
    user->uid = uid;
    user->is_privileged = uid == 0 || uid == geteuid();
    user->log_tokens = LOG_BURST;
    list_append(bucket, &user->link);
    *ret = user;
    return 0;
}

bool user_may_allocate(const struct user *user)
{
    return user->buffers < (user->is_privileged ? USER_BUFFERS_MAX_PRIVILEGED : USER_BUFFERS_MAX);
}

bool user_may_have_ring(const struct user *user, size_t bytes)
{
    return user->ring_bytes + bytes <= USER_RING_BYTES_MAX * (user->is_privileged ? 16 : 1);
}

bool user_may_log(struct user *user, unsigned lines, uint64_t now, bool *ret_first)
{
    double seconds = (double)(now - user->log_refilled) / (double)NSEC_PER_SEC;
    double cost = lines < LOG_BURST ? lines : LOG_BURST; /* else the longest reports could never be written */

    user->log_tokens += seconds * LOG_PER_SECOND;
    if (user->log_tokens > LOG_BURST)
        user->log_tokens = LOG_BURST;
    user->log_refilled = now;

    *ret_first = false;
    if (user->log_tokens >= cost) {
        user->log_tokens -= cost;
        user->log_suppressed = 0;
        return true;
    }
    *ret_first = user->log_suppressed == 0;
    user->log_suppressed += lines;
    return false;
}

bool user_may_log_fault(struct user *user, uint64_t now)
{
    bool is_first_refusal;

    if (user->fault_told != 0 && now - user->fault_told < FAULTS_EVERY)
        return false;
    if (!user_may_log(user, 1, now, &is_first_refusal))
        return false;
    user->fault_told = now;
    return true;
}
