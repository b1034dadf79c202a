/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The sample as one JSON document; tt-smi.schema.json beside this file describes it. What makes it dependable: bytes
 * are integers, what is unknown is null, identifiers that may not fit a double are strings, and "schema" counts up only
 * when a key changes its meaning or goes.
 */

#include "smi/cli/options.h"
#include "smi/sample/snapshot.h"

#include <jansson.h>

#include <stdbool.h>
#include <stdio.h>

#define JSON_SCHEMA 1

/* ASCII only: what processes call themselves then has no power over a terminal. One line, or indented over several.
 * What the view does not show is left out. -ENOMEM. */
int json_print(FILE *out, const struct snapshot *snapshot, const struct filter *filter, enum view view, bool indented);

/* Its two halves, for a view that adds keys of its own. The document is the caller's; NULL when out of memory. Writing
 * takes it over. */
json_t *json_document(const struct snapshot *snapshot, const struct filter *filter, enum view view);
int json_write(FILE *out, json_t *document, bool indented);
