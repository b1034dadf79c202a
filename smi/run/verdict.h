/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a run comes to: sums, leaks, peaks, what is missing, and an exit code. Pure functions of what was gathered, so
 * that summary, JUnit and annotations cannot disagree.
 */

#include "smi/run/command.h"
#include "smi/run/holders.h"
#include "smi/run/options.h"
#include "smi/run/peaks.h"
#include "smi/run/suppressions.h"

/* What one process left in one region of one device. */
struct run_leak {
    const struct run_process *process;
    int32_t device;
    uint32_t region;
    uint64_t bytes;
    uint64_t buffers;
};

enum run_limit_state {
    RUN_LIMIT_KEPT,
    RUN_LIMIT_PASSED,
    RUN_LIMIT_UNCERTAIN, /* it lies between what the peak is at least and at most, or peaks were reset */
    RUN_LIMIT_NONE,
};

/* What may make the result wrong. */
struct run_coverage {
    int error;           /* the server was not to be asked at the end; 0: it was */
    bool was_restarted;  /* it was, and forgot who had ended */
    bool has_dropped;    /* it had forgotten some before they were looked at */
    bool is_blind;       /* nobody tells who is whose child */
    bool holders_hidden; /* nobody tells who has a device open */
    size_t untracked;    /* processes that had a device open and never reported */
    const struct tree_process *untracked_one;
    size_t unclear; /* processes of which nobody knows whether they belong to the run */
    size_t silent;  /* processes that connected, and nothing came of it, not even how many reports they made */
    const struct run_process *silent_one;
    size_t living;                         /* processes that go on */
    const struct tree_process *living_one; /* NULL: none of them is in the tree */
    size_t inexact;
    uint64_t lost; /* reports */
    size_t reporting;
};

struct run_verdict {
    uint64_t allocations, frees;
    struct run_peak peaks[TT_ALLOC_POOLS];
    enum run_limit_state limits[TT_ALLOC_POOLS];
    struct run_leak *leaks; /* largest first; without the suppressed ones */
    size_t leak_count;
    uint64_t leaked_buffers, suppressed_buffers;
    struct run_coverage coverage;
    bool is_complete;
    bool has_leaks, has_passed_limit; /* that count */
    int command_code;
    int code;
};

struct run_facts {
    const struct run_options *options;
    bool strict;
    const struct suppressions *suppressions;
    const struct run_account *account;
    const struct run_tree *tree;
    const struct run_holders *holders;
    const struct run_command *command;
};

/* The verdict points into the facts. -ENOMEM. */
int run_judge(const struct run_facts *facts, struct run_verdict *ret);

/* Takes zeroed ones. */
void run_verdict_clear(struct run_verdict *verdict);
