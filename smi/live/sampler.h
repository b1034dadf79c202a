/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Takes samples in a thread of its own: a server that hangs may let a question wait for seconds, and keys should work
 * meanwhile.
 */

#include "smi/cli/options.h"
#include "smi/sample/snapshot.h"

struct sampler;

struct sample {
    struct snapshot snapshot;
    struct tt_alloc_list *history; /* what is new of it; NULL: nothing is known */
};

void sample_clear(struct sample *sample);

/* What to ask for. */
struct sampler_wish {
    bool wants_buffers;
    int32_t pid;       /* of whom; 0: all */
    uint64_t interval; /* ns, to the next sample */
};

/* The texts of the options must live as long as the process. */
int sampler_new(const struct options *options, struct sampler **ret);

/* Takes NULL, returns NULL. One that is still waiting for a server is left to the end of the process. */
struct sampler *sampler_free(struct sampler *sampler);

/* Readable when a sample is there. */
int sampler_fd(const struct sampler *sampler);

/* Begins the next one, unless it is at it. */
void sampler_ask(struct sampler *sampler, struct sampler_wish wish);

/* The sample that was asked for, selected; -EAGAIN: there is none yet; -ENOMEM. */
int sampler_take(struct sampler *sampler, struct sample *ret);
