/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Names of users, of the host that is looked at: of this system, or, below another root, those in the tree's own
 * etc/passwd. A uid of another host names somebody else here.
 */

#include <stdbool.h>
#include <stdint.h>

/* Where names are looked up from now on: NULL or "/" is this system. Forgets what was looked up; root must live. */
void users_set_root(const char *root);

/* The name of a user, or NULL if he has none. Looked up once per uid, since a directory server may be behind it; lives
 * until users_clear(). */
const char *user_name(uint32_t uid);

/* Whether there is a user of that name. */
bool user_uid(const char *name, uint32_t *ret);

/* Forgets them all. */
void users_clear(void);
