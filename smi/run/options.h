/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is asked of `tt-smi run`: the command, the limits, and what counts as a leak. Values are parsed as strictly as
 * those of all other options; the functions return 0, or -EINVAL after one line on stderr.
 */

#include <stdbool.h>
#include <stdint.h>

#include "client/tt_alloc.h"

/* In the order of the option's words. */
enum run_leaks {
    RUN_LEAKS_DEFINITE, /* what ended processes left */
    RUN_LEAKS_ANY,      /* that, and what is live when all is over */
    RUN_LEAKS_NONE,
};

enum run_annotate {
    RUN_ANNOTATE_GITHUB,
};

struct run_limit {
    bool given;
    uint64_t bytes;
};

struct run_options {
    char **command; /* NULL ends it; those of argv */
    struct run_limit limits[TT_ALLOC_POOLS];
    enum run_leaks leaks;
    int leak_exit_code; /* 0: leaks are told, and change nothing */
    uint64_t grace;     /* ns for processes that outlive the command */
    bool annotates;
    enum run_annotate annotate;
    const char *suppressions; /* a file; NULL: none */
    const char *junit;
};

#define RUN_OPTIONS_DEFAULT ((struct run_options){.leak_exit_code = 23, .grace = UINT64_C(2000000000)})

/* "dram=10G": whole bytes, or with K, M, G or T (powers of 1024) also parts of them. */
int run_value_max_peak(struct run_options *options, const char *text);

int run_value_leak_exit_code(struct run_options *options, const char *text);

/* Seconds, from 0 to a day. */
int run_value_grace(struct run_options *options, const char *text);
