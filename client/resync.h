/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Telling the server all that is live, in slices between which the application goes on to report: BEGIN, every buffer,
 * counts and peaks, END. Each record is true at the moment at which it is put between the reports, so at END the server
 * knows what the ledger knows. An older server, which has no word for it, is told every buffer as if it were new.
 */

#include <stddef.h>
#include <stdint.h>

#include "protocol/tt_alloc_protocol.h"

struct tt_alloc_resync { /* all zero: from the start */
    enum { TT_ALLOC_RESYNC_AT_BEGIN, TT_ALLOC_RESYNC_AT_BUFFERS, TT_ALLOC_RESYNC_AT_TOTALS } at;
    uint64_t cursor; /* of ledger_walk() */
    size_t device;   /* whose totals come next */
    unsigned total;  /* which of them */
};

/* Tells the next slice, with the recorder's lock held. 1: there is more; 0: all is told; -EAGAIN: the server has to
 * take something first. If it went wrong, the recorder has left TELLING. */
int tt_alloc_resync_step(struct tt_alloc_resync *resync);

/* BEGIN alone, as a frame. Until a resync that begins behind it has ended, the server marks all that it knows. */
struct tt_alloc_records tt_alloc_resync_make_begin(void);
