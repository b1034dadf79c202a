/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What this process knows of its own buffers, and how it is told to the server.
 *
 * Every report goes into the process's own ledger; if a server is there, also to it. So a server that comes late, comes
 * back, or was kept from hearing everything can be told all that still matters (resync.h). One lock orders the reports
 * of all threads, in the ledger as in the ring. Reporting threads never connect and, but for one short wait when the
 * server falls behind, never wait; the helper thread (helper.h) does that, and holds the lock only for moments.
 *
 * No function here is a point of cancellation, and errno stays.
 */

#include <stdbool.h>
#include <stdint.h>

#include "client/descriptions.h"
#include "client/link.h"
#include "client/lock.h"
#include "client/ring.h"
#include "ledger/ledger.h"

/* Reports wait here until the ledger takes them all at once: the processor then waits for all their cache misses
 * together. */
#define TT_ALLOC_WINDOW 16

enum tt_alloc_state {
    TT_ALLOC_ABSENT,  /* no server: reports go into the ledger only */
    TT_ALLOC_GAP,     /* it does not keep up: the same, and they are counted as lost */
    TT_ALLOC_TELLING, /* a resync is under way; reports go to the server between its records */
    TT_ALLOC_STEADY,  /* reports go to the server */
};

enum tt_alloc_carrier {
    TT_ALLOC_BY_RING,
    TT_ALLOC_BY_RECORDS, /* reports in frames of their own, a resync in RECORDS frames */
    TT_ALLOC_BY_FRAMES,  /* an older server: ALLOC and FREE are all it understands */
};

struct tt_alloc_report {
    uint8_t type;        /* TT_ALLOC_ALLOC, FREE, CB_* or KERNEL_* */
    uint8_t buffer_type; /* as the application gave it: a region or a kind of kernel */
    int32_t device_id;
    uint64_t size;
    uint64_t buffer_id;
};

struct tt_alloc_recorder {
    struct tt_alloc_lock lock; /* of all the rest */
    bool is_quick;             /* steady, by ring: the state in which a report costs least */
    enum tt_alloc_state state;
    enum tt_alloc_carrier carrier;
    unsigned waiting; /* reports in the window */
    uint64_t made;    /* reports, ever */
    struct tt_alloc_producer ring;
    struct ledger *ledger; /* NULL: none yet, or no memory for one */
    struct tt_alloc_record window[TT_ALLOC_WINDOW];
    uint64_t lost;
    uint64_t forgotten; /* allocations for which the ledger had no memory */
    unsigned wakes;     /* sent because a quarter of the ring was written */
    struct tt_alloc_link link;
    uint64_t instance;
    uint64_t job; /* $TT_ALLOC_JOB; 0: none */
    unsigned full_wait_ms;
    bool must_describe;    /* the link was full when a description was to be sent */
    struct ledger *orphan; /* a forked child's copy of its parent's; freed when the child first reports */
    struct tt_alloc_descriptions descriptions;
};

extern struct tt_alloc_recorder tt_alloc_recorder;

/* Reads the environment and prepares for fork(). Called once, before any of the others. */
void tt_alloc_recorder_start(void);

/* In a child that ran no fork handlers. */
void tt_alloc_recorder_start_afresh(void);

void tt_alloc_recorder_report(uint8_t type, int32_t device_id, uint64_t size, uint8_t buffer_type, uint64_t buffer_id);

/* Keeps the description and says it to the server, now and on every later connection. -ENOMEM. */
int tt_alloc_recorder_describe(const struct tt_alloc_device_record *description);

/* Reports that were kept from the server because it did not take them in time. */
uint64_t tt_alloc_recorder_lost(void);

/* ---- For the helper thread and what it uses; the lock is held ---- */

void tt_alloc_recorder_enter(void);
void tt_alloc_recorder_leave(void);

void tt_alloc_recorder_set_state(enum tt_alloc_state state);

/* The ledger with all reports in it; NULL if there is none. */
struct ledger *tt_alloc_recorder_ledger(void);

/* Lets go of the connection and the ring. */
void tt_alloc_recorder_disconnect(void);

uint32_t tt_alloc_tick(uint64_t ns);
