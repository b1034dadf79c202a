/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A process under measurement: a server, the model, or a copy of this program that acts as a client. It is told things
 * on its stdin and heard on its stdout or stderr, runs on the cores it is given, and dies with the benchmark.
 */

#include <stdio.h>
#include <sys/types.h>

struct child_plan {
    const char *const *command; /* its first word is the path */
    const char *const *setting; /* NULL, or NAME=value texts for its environment, closed by NULL */
    int core;                   /* or PROC_ANY_CORE */
    int heard;                  /* STDOUT_FILENO or STDERR_FILENO */
};

struct child {
    pid_t pid;
    FILE *in;  /* to its stdin */
    FILE *out; /* from what is heard */
};

void child_start(const struct child_plan *plan, struct child *ret);

/* The next line it says; gives up if it ended instead. */
void child_hear(struct child *child, char *ret_line, size_t size);

/* Closes its stdin, which a client takes as its end, and waits. */
void child_end(struct child *child);

/* Sends it a signal that ends it, and waits. */
void child_kill(struct child *child, int signal);
