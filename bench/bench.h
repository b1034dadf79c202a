/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What all parts of the benchmark share: its options, the book of results, and the loop's own price.
 */

#include <stdbool.h>
#include <stdint.h>

#include "bench/book.h"
#include "bench/options.h"
#include "bench/phase.h"

/* Clients and server apart, so that neither takes the other's time. */
#define CLIENT_CORE 0
#define SERVER_CORE 1

struct bench {
    struct options options;
    struct book book;
    bool has_two_cores;
    double loop_ns[2][PHASES]; /* a report's share of the loop around it: FIFO, random */
    struct {
        uint64_t sent, applied, lost, caught_up;
        uint64_t astray; /* neither applied nor counted as lost; the sum over all servers, whatever the sign */
    } reports;
};

/* Whether there is a group of measurements of that name. */
bool bench_has_group(const char *name);

void bench_init(struct bench *bench, const struct options *options);

/* Takes all measurements that were asked for, run after run, so that a change of the machine's mood hits all alike. */
void bench_measure(struct bench *bench);
void bench_print(const struct bench *bench);
