/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a reporter's records mean, whichever way they come (through a ring or in RECORDS frames): they are applied to
 * the registry in order, and the reports that never came are counted. One feed per session. A feed of zeros is an empty
 * one.
 *
 * The books are kept per session: once the reporter has told how many reports it has made (RESYNC_BEGIN), then at every
 * moment when all its records are applied
 *
 *     made == before + applied + lost
 *
 * `before` were made before this server knew the reporter, and a resync told their effect; `applied` arrived, the
 * refused ones included; `lost` is what is missing, and until a resync has ended the process is inexact for it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/tt_alloc_protocol.h"
#include "server/registry.h"
#include "server/ring.h"

struct feed {
    struct ring *ring;    /* being read; NULL until one was asked for */
    struct ring *next;    /* takes over after RING_SWITCH; NULL */
    uint32_t clock;       /* ticks to add to the reporter's to have ours */
    uint32_t anchor_tick; /* this tick of ours */
    uint64_t anchor_time; /* was at this monotonic time */
    bool is_known;        /* the reporter has told how many reports it made: the books below are open */
    bool is_resyncing;
    bool is_merging; /* other sessions of the process report too: this resync makes nothing stale */
    uint64_t before;
    uint64_t applied;
    uint64_t lost;
    int refusal; /* the worst error of a refused record since the session last looked here and cleared it, or 0 */
};

/* HELLO has come just now and told the reporter's clock. */
void feed_set_clock(struct feed *feed, uint32_t hello_tick);

/* Gives the rings back, undrained, and calls off a resync that has not ended. process may be NULL if nothing was
 * applied. Before registry_detach(). The feed is empty then. */
void feed_done(struct feed *feed, struct process *process);

/* One ring more: the first, or a larger one for after RING_SWITCH. The descriptor is the caller's to send and close.
 * -EBUSY: one is waiting already; else as ring_new(). */
int feed_add_ring(struct feed *feed, uint64_t slots, int *ret_fd);
/* The feed's rings and their memory, for who charges them to somebody. feed_add_ring(), feed_drain() and feed_done()
 * change them. */
unsigned feed_ring_count(const struct feed *feed);
size_t feed_ring_bytes(const struct feed *feed);

/* The reporter has a new connection and goes on where it was: so do its books. */
void feed_continue(struct feed *feed, const struct feed *former);

/* A report came as a frame of its own (ALLOC, FREE): it counts among the applied. */
void feed_count_report(struct feed *feed);

/* One record. 0, or a refused report's error as of registry.h (also left in feed->refusal), or -EPROTO for what no
 * client sends: the session must end. RING_SWITCH is for rings only. */
int feed_apply(struct feed *feed, struct registry *registry, struct process *process,
               const struct tt_alloc_record *record, uint64_t now);

/* Records written and not applied by now, over both rings. Pass it as the limit to take in what was there when a
 * question arrived, and no more. */
uint64_t feed_pending(const struct feed *feed);

/* Takes at most `limit` records from the ring, applies them and gives their slots back. *ret_taken (may be NULL): how
 * many. Finds out what was lost when it leaves the ring empty, also if it was empty before: a reporter that has a gap
 * writes no records, so this is to be called even where nothing is pending. -EPROTO: cut the session off; count and log
 * it. */
int feed_drain(struct feed *feed, struct registry *registry, struct process *process, size_t limit, uint64_t now,
               size_t *ret_taken);
