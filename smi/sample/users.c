/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A short list, searched from its beginning: a host has few users with device memory.
 */

#include "smi/sample/users.h"
#include "host/root.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct user {
    uint32_t uid;
    char *name; /* NULL: none */
};

static struct user *users;
static size_t user_count;
static const char *tree; /* NULL: this system */

void users_set_root(const char *root)
{
    users_clear();
    tree = root && strcmp(root, "/") != 0 ? root : NULL;
}

static FILE *open_passwd(void)
{
    struct host_root root;
    FILE *file = NULL;
    int fd;

    if (host_root_open(tree, &root) < 0)
        return NULL;
    if (host_root_open_at(&root, &fd, "etc/passwd") == 0) {
        file = fdopen(fd, "r");
        if (!file)
            close(fd);
    }
    host_root_close(&root);
    return file;
}

/* The entry of that name, or, with NULL, of that uid. Lives until the next look-up. */
static const struct passwd *find_in_tree(const char *name, uint32_t uid)
{
    FILE *file = open_passwd();
    const struct passwd *entry = NULL;

    if (!file)
        return NULL;
    while ((entry = fgetpwent(file))) {
        if (name ? strcmp(entry->pw_name, name) == 0 : entry->pw_uid == uid)
            break;
    }
    fclose(file);
    return entry;
}

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
    entry = tree ? find_in_tree(NULL, uid) : getpwuid(uid);
    users[user_count] = (struct user){.uid = uid, .name = entry ? strdup(entry->pw_name) : NULL};
    return users[user_count++].name;
}

bool user_uid(const char *name, uint32_t *ret)
{
    const struct passwd *entry = tree ? find_in_tree(name, 0) : getpwnam(name);

    if (entry)
        *ret = entry->pw_uid;
    return entry != NULL;
}

void users_clear(void)
{
    for (size_t i = 0; i < user_count; i++)
        free(users[i].name);
    free(users);
    users = NULL;
    user_count = 0;
}
