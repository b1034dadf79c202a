/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* The name of a user, or NULL if he has none. Looked up once per uid, since a directory server may be behind it; lives
 * until users_clear(). */
const char *user_name(uint32_t uid);

/* Forgets them all. */
void users_clear(void);
