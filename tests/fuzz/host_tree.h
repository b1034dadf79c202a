/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The files of a host out of an input, in a directory in memory that is made once and removed at the end of the
 * program. An input names those that there are, each with what is in it up to the next name:
 *
 *   =proc/uptime
 *   86400.25 1234567.89
 *   =proc/driver/tenstorrent/0/pids
 *   4242
 *
 * Only names of the list in host_tree.c are names; directories are there always. What begins with "!" becomes a
 * symbolic link, as it stands for an error in such trees, and what stands for a link in a host is one. A file of totals
 * is written as totals_input.h says.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The directory. */
const char *host_tree_path(void);

/* Makes its files anew. */
void host_tree_fill(const uint8_t *data, size_t size);

/* Whether it has a file whose name begins so. */
bool host_tree_has(const char *prefix);
