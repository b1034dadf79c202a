/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Writes the reports about buffers, in slices, so that a process that leaves a million of them stops nobody else from
 * being served. The totals are known at once and are logged at once; finding the largest buffers takes a walk through
 * the ledger, and giving its memory back takes time too. Reports are finished one after another.
 */

#include <ev.h>
#include <stddef.h>

#include "server/list.h"
#include "server/registry.h"

struct reporter {
    size_t freed; /* of ledgers, since the heap was last trimmed */
    struct ev_loop *loop;
    struct registry *registry;
    struct list jobs; /* of struct job */
    ev_timer slice;
    size_t lines;        /* largest buffers to name per process */
    bool is_dump_queued; /* one dump serves everybody who asked before it began */
};

void reporter_init(struct reporter *reporter, struct ev_loop *loop, struct registry *registry, size_t lines);
/* Finishes what was begun. */
void reporter_done(struct reporter *reporter);

/* Takes over what a process left. Without buffers there is nothing to tell, only memory to give back. */
void reporter_add_remains(struct reporter *reporter, struct remains remains);

/* Logs what every process holds. -ENOMEM. */
int reporter_dump(struct reporter *reporter);
