/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One sample: everything a view shows, fetched once, filtered and sorted. What is drawn or written is a pure function
 * of it. The rows are the library's own structs; a sample only points at them, so tests can point at theirs.
 */

#include "smi/model.h"

struct tt_alloc_connection;

/* What there is in all, before any filter. */
struct coverage {
    size_t devices;
    size_t reporting; /* processes */
    size_t inexact;   /* of these */
    size_t leaks;     /* ended processes that left buffers */
    uint64_t lost;    /* reports of the reporting processes */
};

struct snapshot {
    uint64_t time; /* ns since 1970 */
    char host[65];
    const char *path; /* of the socket */
    int error;        /* negative errno: the server did not tell, and nothing below is known */

    uint32_t protocol_version;
    uint64_t uptime; /* of the server, ns */
    struct coverage coverage;
    const struct tt_alloc_device **devices;
    size_t device_count;
    const struct tt_alloc_process **processes; /* most bytes first */
    size_t process_count;
    const struct tt_alloc_process **ended; /* newest first */
    size_t ended_count;
    const struct tt_alloc_process **leaks; /* those of the ended that left buffers; most bytes first */
    size_t leak_count;

    struct tt_alloc_list *lists[3]; /* own what the pointers above lead to */
};

/* The socket that NULL stands for in tt_alloc_connect(). */
const char *snapshot_default_path(void);

/*
 * Asks the server. What the library refuses is not an error of this function but the sample's: it is then empty with
 * `error` set. -ENOMEM otherwise. A connection of NULL makes such an empty sample too, with error as given.
 */
int snapshot_take(struct tt_alloc_connection *connection, const char *path, int error, struct snapshot *ret);

/* Lets go of what does not pass, sorts the rest and finds the leaks. -ENOMEM leaves the sample as it was. */
int snapshot_select(struct snapshot *snapshot, const struct filter *filter);

/* Takes NULL and empty samples. */
void snapshot_clear(struct snapshot *snapshot);

/* Whether the server knows the device, or the PID as one of a live or ended process. Before snapshot_select(). */
bool snapshot_has_device(const struct snapshot *snapshot, int32_t device);
bool snapshot_has_process(const struct snapshot *snapshot, int32_t pid);
bool snapshot_has_ended(const struct snapshot *snapshot, int32_t pid);
