/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Leaks that are known and accepted, as a file that people read and review:
 *
 *     # the driver keeps its trace buffers until the process ends
 *     leak:*pytest*test_trace*:trace
 *     leak:/usr/bin/legacy-tool *
 *
 * A rule is "leak:", a pattern as shells have them for the command line (or the short name) of the process, and, if
 * wanted, ":" with a region. Blank lines and what begins with "#" are nothing. What is anything else is refused with
 * its line number: a rule that silently means nothing would be taken for one that works.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct suppression {
    char *pattern;
    int region; /* -1: any */
};

struct suppressions {
    struct suppression *rules;
    size_t count;
};

/* -EINVAL after a line on stderr that says what is wrong where; -ENOMEM. */
int suppressions_read(const char *path, struct suppressions *ret);

/* Takes zeroed and half-read ones. */
void suppressions_clear(struct suppressions *suppressions);

bool suppressions_match(const struct suppressions *suppressions, const char *command, const char *comm,
                        uint32_t region);
