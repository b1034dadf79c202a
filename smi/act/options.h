/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which leaks `tt-smi forget` is about, as its words and --all say. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As tt-smi leaks names them: "4711", or "4711:12" where a PID alone does not tell, or "?:12" of one that is not seen.
 */
struct leak_name {
    int32_t pid;     /* 0: any */
    uint64_t serial; /* the server's own number of the process; 0: any */
};

struct act_options {
    struct leak_name *leaks; /* owned */
    size_t leak_count;
    bool all;
};

/* -EINVAL after one line on stderr; -ENOMEM. */
int act_take_leak(struct act_options *options, const char *word);
int act_check_forget(const struct act_options *options);

/* Takes half-built ones. */
void act_options_clear(struct act_options *options);
