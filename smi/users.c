/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A short list, searched from its beginning: a host has few users with device memory.
 */

#include "smi/users.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>

struct user {
    uint32_t uid;
    char *name; /* NULL: none */
};

static struct user *users;
static size_t user_count;

const char *user_name(uint32_t uid)
{
    struct user *grown;
    const struct passwd *entry;

    for (size_t i = 0; i < user_count; i++) {
        if (users[i].uid == uid)
            return users[i].name;
    }
    grown = reallocarray(users, user_count + 1, sizeof(*users));
    if (!grown)
        return NULL;
    users = grown;
    entry = getpwuid(uid);
    users[user_count] = (struct user){.uid = uid, .name = entry ? strdup(entry->pw_name) : NULL};
    return users[user_count++].name;
}

void users_clear(void)
{
    for (size_t i = 0; i < user_count; i++)
        free(users[i].name);
    free(users);
    users = NULL;
    user_count = 0;
}
