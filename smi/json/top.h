/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "smi/sample/snapshot.h"

#include <jansson.h>

/* The key that holds what json_top() returns: "buffers" for single ones, else "top". */
const char *json_top_key(const struct snapshot *snapshot);

/* Groups of live buffers, or single ones, as the table of tt-smi top has them. NULL when out of memory. */
json_t *json_top(const struct snapshot *snapshot);
