/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Counting places. All of it is by comparing sums, however many users and connections there are.
 */

#include "server/places.h"

#include <assert.h>

#define OWN_DESCRIPTORS 32 /* the loop's, listening sockets, files of the host, rings on their way */

void places_init(struct places *places, size_t descriptors)
{
    size_t own = descriptors / 4 < OWN_DESCRIPTORS ? descriptors / 4 : OWN_DESCRIPTORS;

    *places = (struct places){.all = (descriptors - own) / 2};
}

static uint64_t *taken(struct places *places, const struct user *user)
{
    return user->is_privileged ? &places->privileged : &places->others;
}

/* For this kind of user. */
static uint64_t places_left(const struct places *places, bool is_privileged)
{
    uint64_t left = places->all - places->privileged - places->others;
    uint64_t taken = is_privileged ? places->privileged : places->others;
    uint64_t most = places->all - places->all / 16 - 1;
    uint64_t own = most > taken ? most - taken : 0;

    return left < own ? left : own;
}

enum place places_look(const struct places *places, const struct user *user)
{
    uint64_t left = places_left(places, user->is_privileged);

    if (!user_may_connect(user))
        return PLACE_OVER_LIMIT;
    return left > (user->is_privileged ? 0 : user->sessions) ? PLACE_FREE : PLACE_SHORT;
}

void places_take(struct places *places, struct user *user)
{
    (*taken(places, user))++;
    user->sessions++;
}

void places_give_back(struct places *places, struct user *user)
{
    assert(*taken(places, user) > 0 && user->sessions > 0);
    (*taken(places, user))--;
    user->sessions--;
}
