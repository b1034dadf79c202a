/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What tables have as lines: devices and processes, whoever told of them. The server knows buffers and peaks, but only
 * of processes that report; the host knows boards, temperatures and who has a device open, and tt-metal's totals know
 * bytes. A row carries the facts in the library's own structs, wherever they come from, so that one set of sums and
 * filters serves all of them, and says beside them how much of them is known.
 */

#include "client/tt_alloc.h"
#include "host/host.h"

enum tracking {
    TRACKING_REPORTING, /* to the server */
    TRACKING_SHM_ONLY,  /* known from tt-metal's totals: bytes, but neither buffers nor peaks */
    TRACKING_UNTRACKED, /* has a device open, and nothing tells of its memory */
    TRACKING_EXITED,
};

/* In a table, and in JSON ("shm_only"). */
const char *tracking_title(enum tracking tracking);
const char *tracking_name(enum tracking tracking);

/* One usage for each region and pool. */
#define USAGE_MAX (TT_ALLOC_REGIONS + TT_ALLOC_POOLS)

/* The bytes of one device in usages made from amounts, in no particular order. */
struct made_usage {
    struct tt_alloc_usage list[USAGE_MAX];
    size_t count;
    uint32_t unknown; /* bits of memories; what they are part of has no usage */
};

/* Adds the amounts. One that is not known makes its region and pool unknown for good, since a sum without it would pass
 * for the whole. A CB is a hint: tt-metal may not have counted it, so that 0 says nothing, and a pool does without. */
void made_usage_add(struct made_usage *made, int32_t device, const struct host_amount held[HOST_MEMORIES]);

/* Bits of the memories whose amounts are not known. */
uint32_t unknown_memories(const struct host_amount held[HOST_MEMORIES]);

/* Takes out what these memories are part of. Returns how many are left. */
size_t usages_drop_unknown(struct tt_alloc_usage *usages, size_t count, uint32_t unknown);

/* Adds what a file of totals counts beyond its live slots, in some buffers: how many nobody knows. CB figures are no
 * sums, so their rest is none. */
void made_usage_add_phantom(struct made_usage *made, int32_t device, const struct host_totals *totals);

/* The region that tt-metal counts under this name. */
uint32_t region_of_memory(enum host_memory memory);

struct device_row {
    struct tt_alloc_device facts;     /* usage leads to the server's list or to made.list */
    const struct host_device *node;   /* NULL: it has none, or nobody knows which */
    const struct host_totals *totals; /* tt-metal's of this chip; NULL: there are none */
    struct made_usage made;
    size_t place;     /* in which order the rows were made */
    bool is_told;     /* the server knows it */
    bool is_partial;  /* something is held there besides that could not be added */
    bool is_placed;   /* told, and on a chip of this host; or not told */
    bool is_complete; /* a region without usage was never used; else it is not known */
    bool has_peaks;
    bool is_nominal; /* the sizes are those of the board's type */
};

struct process_row {
    struct tt_alloc_process facts; /* usage leads to the server's list or to made */
    enum tracking tracking;
    const struct host_process *seen;       /* NULL: the host does not tell */
    struct host_amount shm[HOST_MEMORIES]; /* by tt-metal's totals, over all devices */
    uint32_t unknown;                      /* bits of memories: of some device that amount is not known */
    struct tt_alloc_usage *made;           /* owned */
    const int32_t *held;                   /* devices that it has open, ascending; lives as long as the snapshot */
    size_t held_count;
    bool has_uid;
    bool is_complete; /* as of a device */
    bool has_peaks;   /* and counts of buffers */
};

/* Whether its name and command are known; they are not of a process that is gone or cannot be seen. */
bool process_is_named(const struct process_row *row);

/*
 * Numbers of devices. A chip that has no node of its own, the far one of an n300, is named after the node of its board,
 * "0R"; one whose board is not known is "?". Their numbers are below 0.
 */
#define DEVICE_UNKNOWN INT32_MIN /* and the next ones, up to the END */
#define DEVICE_UNKNOWN_END (INT32_MIN + (1 << 20))
#define DEVICE_FAR_CHIPS 32        /* of one node; a Galaxy has 32 chips in all */
#define DEVICE_NODES_MAX (1 << 20) /* with far chips; beyond them a number tells nothing */

/* index is below DEVICE_FAR_CHIPS. */
int32_t device_remote_number(int32_t node, unsigned index);

/* Where a number stands in a list: a far chip behind its node, unknown ones last. */
int64_t device_rank(int32_t number);

struct device_label {
    char text[24];
};

struct device_label device_label(int32_t number);

/* Of a row: "0?" for a number that only a process used, where it may be any chip of the host. */
struct device_label device_row_label(const struct device_row *row);

/* What tt-metal's totals have more (or less) than the server, of a process that both speak of. */
struct difference {
    bool known;
    int64_t bytes;
};

struct difference process_difference(const struct process_row *row, enum host_memory memory);

/* The largest of the differences, with its sign; 0 if there is none. */
int64_t process_disagreement(const struct process_row *row);
