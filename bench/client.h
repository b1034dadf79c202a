/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A client process: allocates its live buffers, says "ready", and then, for each line
 *
 *   REPORTS PER-SECOND BURST SLEEPS
 *
 * on its stdin, makes that many reports and answers with a line of struct client_result. It ends when its stdin does,
 * with all its buffers still live.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/reporter.h"

struct client_result {
    uint64_t reports;
    uint64_t began, ended; /* by clock.h */
    uint64_t settled;      /* when the server had taken all into account */
    uint64_t in_calls; /* ns in the reporting functions and the loop around them, waits for the next burst left out */
    uint64_t cpu_of_others; /* ns of CPU of the threads that do not report */
    uint64_t sent;          /* reports since the beginning */
    uint64_t lost;          /* of those, as the library says */
};

/* WAY PATH LIVE ORDER are its words on the command line; order is "fifo" or "random". */
__attribute__((noreturn)) void client_main(char **words);

/* The other side's reading of an answer. False if the line is none. */
bool client_read_result(const char *line, struct client_result *ret);
