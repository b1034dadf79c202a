/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The entries of the JSON document's arrays, for json.c. Each returns NULL when out of memory, and the caller owns it.
 */

#include "smi/snapshot.h"

#include <jansson.h>

/* Integers of JSON are signed: a sum that saturated stays at the most there is. */
json_int_t json_clamp(uint64_t value);

/* Text of any bytes, or null. */
json_t *json_text(const char *text);

json_t *json_device(const struct device_row *row, const struct snapshot *snapshot, const struct filter *filter);

/* A process that lives. */
json_t *json_process(const struct process_row *row, const struct filter *filter);

/* A process that ended: the same keys and how it ended. As a leak it has a reason, and only what was left is listed. */
json_t *json_ended(const struct process_row *row, const struct filter *filter);
json_t *json_leak(const struct process_row *row, const struct filter *filter);
