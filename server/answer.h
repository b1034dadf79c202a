/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The answer to a LIST request, produced piece by piece as its reader takes it. An answer holds only where it is, not
 * what it will say, so that a reader who stops in the middle of a million buffers costs a hundred bytes. What is listed
 * may change meanwhile: everything that is there from beginning to end is told exactly once.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol/tt_alloc_protocol.h"
#include "server/output.h"
#include "server/registry.h"

struct viewer {
    const struct user *user;
    bool is_authorised; /* may see what others hold in detail */
};

struct answer {
    struct tt_alloc_list_request request;
    struct viewer viewer;
    bool is_open;     /* END has not been produced */
    int status;       /* for END: 0 or a negative errno */
    int64_t at;       /* device number, or serial of the process or entry, that was told last */
    uint64_t cursor;  /* in the ledger of the process after `at` */
    uint64_t walking; /* serial of the process that the cursor belongs to */
    uint64_t listed;  /* records of the kind asked for */
    uint64_t frames;
    uint64_t hidden;
};

/* Begins an answer; the request must be a LIST_*. */
void answer_begin(struct answer *answer, const struct tt_alloc_list_request *request, struct viewer viewer,
                  const struct registry *registry);

/* Adds frames to output until enough wait or END was added. -ENOMEM: the answer cannot go on. */
int answer_continue(struct answer *answer, struct registry *registry, uint64_t started, struct output *output);
