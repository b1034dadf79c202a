/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One sample: everything a view shows, fetched once, filtered and sorted. What is drawn or written is a pure function
 * of it. There are two sources, the server and the host, and either may have nothing to say; rows.h says what rows are
 * made of. Tests make samples of their own.
 */

#include "smi/sample/details.h"
#include "smi/sample/merge.h"
#include "smi/sample/model.h"

struct tt_alloc_connection;

/* What there is in all, before any filter. */
struct coverage {
    size_t devices;
    size_t reporting; /* processes */
    size_t shm_only;
    size_t untracked;
    size_t partial;             /* of those that are known from totals: not all amounts are known */
    unsigned hidden;            /* open descriptors of processes that cannot be seen from here */
    size_t inexact;             /* of those that report */
    size_t leaks;               /* ended processes that left buffers, and are not forgotten */
    uint64_t lost;              /* reports of the reporting processes */
    size_t totals, totals_read; /* files of tt-metal's, and those whose figures are known */
};

struct snapshot {
    uint64_t time;    /* ns since 1970 */
    char name[65];    /* of the host */
    const char *path; /* of the socket; NULL: no server was to be asked */
    const char *root; /* of the host's files; NULL: "/" */
    int error;        /* negative errno: the server did not tell */
    int host_error;   /* negative errno: the host's files could not be read at all */

    uint32_t protocol_version;
    uint64_t uptime; /* of the server, ns */
    struct coverage coverage;
    const struct device_row **devices;
    size_t device_count;
    const struct process_row **processes; /* most bytes first */
    size_t process_count;
    const struct process_row **ended; /* newest first */
    size_t ended_count;
    const struct process_row *
        *leaks; /* those of the ended that left buffers, and are not forgotten; most bytes first */
    size_t leak_count;

    struct host host;
    struct merged merged; /* owns the rows, as does ended_rows */
    struct process_row *ended_rows;
    struct tt_alloc_list *lists[3];
    struct details details; /* of views that ask for more */
};

/* Whether the server was asked and told. */
static inline bool snapshot_is_told(const struct snapshot *snapshot)
{
    return snapshot->path && snapshot->error == 0;
}

/* Whether something is missing that there is, so that a sum may be too low. */
bool snapshot_is_incomplete(const struct snapshot *snapshot);

/* Whether a source told which devices there are, who has them open, and which processes use them. If not, an empty list
 * says nothing. */
bool snapshot_knows_devices(const struct snapshot *snapshot);
bool snapshot_knows_holders(const struct snapshot *snapshot);
bool snapshot_knows_processes(const struct snapshot *snapshot);

/* The socket to ask at: the one given, else that of tt_alloc_connect(). NULL, to ask nobody, if only a root is given:
 * a tree of another host says nothing about the server of this one. */
const char *snapshot_path(const char *socket, const char *root);

/*
 * Asks the server and reads parts of the host (HOST_*) from the files below root (NULL: "/"). What cannot be had is not
 * an error of this function but the sample's: it is then without that part, and error or host_error say why. A
 * connection of NULL makes a sample without the server, with error as given; a path of NULL says that none was to be
 * asked. -ENOMEM.
 */
int snapshot_take(struct tt_alloc_connection *connection, const char *path, int error, const char *root, unsigned parts,
                  struct snapshot *ret);

/* Lets go of what does not pass, sorts the rest and finds the leaks. -ENOMEM leaves the sample as it was. */
int snapshot_select(struct snapshot *snapshot, const struct filter *filter);

/* Takes NULL and empty samples. */
void snapshot_clear(struct snapshot *snapshot);

/* Whether the device is known, or the PID as one of a live or ended process. Before snapshot_select(). */
bool snapshot_has_device(const struct snapshot *snapshot, int32_t device);
bool snapshot_has_process(const struct snapshot *snapshot, int32_t pid);
bool snapshot_has_ended(const struct snapshot *snapshot, int32_t pid);
