/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The command: started with its descriptors, its signal mask and its process group as they would be without us, and
 * waited for together with all that it leaves behind, whose parent this process becomes.
 *
 * What a terminal sends on a key goes to the whole foreground group, so the command has it already; what anybody else
 * sends to us alone is passed on. One program has one command, because signals do.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct run_command {
    pid_t pid;
    bool has_ended;
    int status; /* as waitpid() tells it */
};

/* -ENOENT and so on: why the command cannot be executed. */
int run_command_start(char **words, struct run_command *ret);

/* Whether a signal that was to end us has come when the command was over. */
bool run_command_is_interrupted(void);

/* Told of every child that has ended and is still to be reaped. 1: it is ours, and was reaped; 0; a negative errno ends
 * the reaping. */
typedef int run_command_note(void *userdata, pid_t pid);

/* Reaps whoever has ended. 0, or what note failed with. */
int run_command_reap(struct run_command *command, run_command_note *note, void *userdata);

/* Returns when a child has ended, a signal has come, or after so many ns. */
void run_command_wait(uint64_t limit);

/* The exit code that stands for the command's end: its own, or 128 + the signal. */
int run_command_code(const struct run_command *command);
