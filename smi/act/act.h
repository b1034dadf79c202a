/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The verbs that change what the server remembers: reset-peaks and forget. Each is a list of steps, one question to the
 * server for each; a step that fails does not keep the others from being done.
 */

#include "smi/cli/options.h"
#include "smi/sample/snapshot.h"

#include <stdio.h>

struct act_step {
    bool all_devices; /* reset-peaks; else only this one */
    int32_t device;
    int32_t pid;     /* 0: all of them */
    uint64_t serial; /* forget; 0: any */
    int error;       /* 0: done; a negative errno of the server's or the library's */
    size_t devices;  /* reset-peaks: how many of them this is about, and processes; as the sample has them */
    size_t processes;
    uint64_t forgotten; /* forget: leaks, and those that stand because they are another user's */
    uint64_t others;
};

struct act {
    enum view view; /* VIEW_RESET_PEAKS or VIEW_FORGET */
    struct snapshot snapshot;
    struct act_step *steps;
    size_t step_count;
};

/* Does it all and says so on stdout and stderr. The exit code. */
int act_run(const struct options *options);

/* ---- Between the files of this part ---- */

/* What was done, for people; and what was not, on stderr. */
void act_print(FILE *out, const struct act *act);
void act_report(const struct act *act);

/* That of the first step that failed. */
int act_exit_code(const struct act *act);
