/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Users by uid, in a small table of lists: a host has tens of them.
 */

#include "server/user.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/clock.h"

#define ANSWERED_PER_TURN 65536 /* bytes: a fraction of a millisecond */
#define SILENCE (60 * NSEC_PER_SEC)
#define REFILL_SECONDS 100.0 /* of the whole allowance of log lines */

void users_init(struct users *users)
{
    *users = (struct users){.limits = limits_usual(), .hidden = USER_NOBODY};
    for (size_t i = 0; i < USER_BUCKETS; i++)
        list_init(&users->buckets[i]);
    for (size_t i = 0; i < LIMITS; i++)
        users->refused_last[i] = USER_NOBODY;
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
    user->users = users;
    user->uid = uid;
    user->is_hidden = uid == users->hidden;
    user->is_privileged = !user->is_hidden && (uid == 0 || uid == geteuid());
    user->log_tokens = (double)users->limits.most[LIMIT_LOG_LINES];
    list_append(bucket, &user->link);
    *ret = user;
    return 0;
}

static uint64_t most(const struct user *user, enum limit limit)
{
    return user->users->limits.most[limit];
}

static uint64_t factor(const struct user *user)
{
    return user->is_privileged ? USER_PRIVILEGED_FACTOR : 1;
}

bool user_may_connect(const struct user *user)
{
    return user->is_privileged || user->sessions < most(user, LIMIT_SESSIONS);
}

bool user_may_allocate(const struct user *user)
{
    return user->buffers < most(user, LIMIT_BUFFERS) * factor(user);
}

bool user_may_have_ring(const struct user *user, size_t bytes)
{
    return user->ring_bytes + bytes <= most(user, LIMIT_RING_BYTES) * factor(user);
}

bool user_may_keep(const struct user *user)
{
    return user->is_privileged || user->kept <= most(user, LIMIT_ANSWER_BYTES);
}

bool user_has_turn(struct user *user, unsigned turn)
{
    if (user->turn != turn)
        user->answered = 0;
    user->turn = turn;
    return user->answered < ANSWERED_PER_TURN;
}

void user_answered(struct user *user, size_t size)
{
    user->answered += size;
}

void user_refused(struct user *user, enum limit limit)
{
    user->users->refused[limit]++;
    user->users->refused_last[limit] = user->uid;
}

bool user_is(const struct user *user, const struct user *other)
{
    return user == other && !user->is_hidden;
}

static void refill_log(struct user *user, uint64_t now)
{
    double seconds = (double)(now - user->log_refilled) / (double)NSEC_PER_SEC;
    double full = (double)most(user, LIMIT_LOG_LINES);

    user->log_tokens += seconds * full / REFILL_SECONDS;
    if (user->log_tokens > full)
        user->log_tokens = full;
    user->log_refilled = now;
}

bool user_may_log(struct user *user, unsigned lines, uint64_t now)
{
    double full = (double)most(user, LIMIT_LOG_LINES);
    double cost = lines < full ? lines : full; /* else the longest reports could never be written */

    refill_log(user, now);
    if (full > 0 && user->log_tokens >= cost) {
        user->log_tokens -= cost;
        return true;
    }
    user_refused(user, LIMIT_LOG_LINES);
    return false;
}

/* That there are no lines left is told although there are none, unless nothing may be told at all. */
static bool may_tell(struct user *user, unsigned what, uint64_t now)
{
    return what == LIMIT_LOG_LINES ? most(user, LIMIT_LOG_LINES) > 0 : user_may_log(user, 1, now);
}

bool user_is_worth_telling(struct user *user, unsigned what, uint64_t now)
{
    if (user->told[what] && now - user->told[what] < SILENCE)
        return false;
    if (!may_tell(user, what, now))
        return false;
    user->told[what] = now;
    return true;
}
