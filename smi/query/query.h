/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * --query-devices and --query-processes: columns by name, a row for each device or process, as CSV. Fields have the
 * names of the keys in JSON. Numbers are bare, bytes are bytes, and what is not known is empty; so a column can be read
 * without looking at its cells one by one.
 */

#include "smi/cli/options.h"
#include "smi/sample/snapshot.h"

#include <stdio.h>

/* Whether the fields asked for exist. -EINVAL after one line on stderr, -ENOMEM. */
int query_check(const struct options *options);

/* The header unless it is not wanted, and the rows. -ENOMEM. */
int query_print(FILE *out, const struct snapshot *snapshot, const struct options *options);

/* All fields, each on a line. */
void query_print_help(FILE *out);
