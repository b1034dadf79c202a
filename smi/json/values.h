/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The values that the document is built of. Each function returns NULL when out of memory, and json_pack() takes over
 * what it is given and fails as a whole, so that no step of building an object needs a check of its own: a NULL given
 * for 'o' makes the object NULL, and what was given beside it is released.
 */

#include "smi/sample/rows.h"

#include <jansson.h>

/* Integers of JSON are signed: a sum that saturated stays at the most there is. */
json_int_t json_clamp(uint64_t value);

/* An integer, or null. */
json_t *json_count_if(bool is_known, uint64_t value);
json_t *json_amount(struct host_amount amount);

/* Text of any bytes, or null. */
json_t *json_text(const char *text);

/* An identifier of up to 64 bits, which no double holds. */
json_t *json_identifier(uint64_t value);

/* A moment in ns since 1970; null: 0. */
json_t *json_moment(uint64_t nanoseconds);

json_t *json_seconds_if(bool is_known, uint64_t nanoseconds);

/* Why something of the host's is not known, by its negative errno; null: 0, it is known. */
json_t *json_reason(int error);

/* What names a device in the whole document: its label; chips of no known board have a number behind the question
 * mark, so that each has a name of its own. */
json_t *json_device_name(int32_t number);

/* Appends an entry, or turns the list into NULL. Takes over both. */
json_t *json_append(json_t *list, json_t *entry);

/* Adds the keys of more to object. Takes over both. */
json_t *json_merge(json_t *object, json_t *more);
