/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The most that the run held of a pool of one device, at one time.
 *
 * A server of our own knows it: its devices are used by nobody else. Else only each process's own peak is known, and
 * not whether those of several came together. Then the truth lies between the largest of them and the largest sum over
 * processes that the server knew at one time.
 */

#include "smi/run/account.h"

struct run_peak {
    bool used;      /* else the rest means nothing */
    uint64_t least; /* bytes */
    uint64_t most;  /* the same where it is known exactly */
    bool is_open;   /* peaks were reset, so that it may have been more than that */
    int32_t device; /* where most is */
};

/* -ENOMEM only. */
int run_peaks_find(const struct run_account *account, struct run_peak ret[TT_ALLOC_POOLS]);
