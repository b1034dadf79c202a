/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* The candidate that word is most likely a slip of; NULL if none is near. */
const char *suggest(const char *word, const char *const *candidates, size_t count);
