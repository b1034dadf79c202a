/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where samples come from again and again: a connection that is kept, given up when the server went away, and made anew
 * at the next sample.
 */

#include "smi/cli/options.h"
#include "smi/sample/snapshot.h"

struct source {
    const char *path;                       /* NULL: no server is asked */
    struct tt_alloc_connection *connection; /* NULL: to be made */
};

void source_init(struct source *source, const struct options *options);

/* Takes zeroed ones. */
void source_clear(struct source *source);

/* One sample with what the options' view asks for beside. -ENOMEM; whatever else goes wrong is the sample's error. */
int source_sample(struct source *source, const struct options *options, struct snapshot *ret);
