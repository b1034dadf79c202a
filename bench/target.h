/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The process at the other end of the socket: tt-allocation-server, or the model. Each has a new socket in a temporary
 * directory that goes when the benchmark does.
 */

#include <stdbool.h>
#include <stdint.h>

#include "bench/child.h"

struct bench;

struct target {
    struct child child;
    bool is_model;
    char path[108];
    struct tt_alloc_connection *connection; /* to ask; not to the model */
};

/* Returns when it answers. */
void target_start(const struct bench *bench, bool is_model, int core, struct target *ret);

/* One of the server's own figures; false if it has none of that name. */
bool target_figure(struct target *target, const char *name, uint64_t *ret);

/* The same, 0 where there is none. */
uint64_t target_count(struct target *target, const char *name);

void target_stop(struct target *target);
