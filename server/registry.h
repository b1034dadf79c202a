/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Who holds what: the one place where reports are applied, whichever way they came. A transport attaches a process,
 * passes its reports on, and detaches it; everything else (ledgers, device rows, quotas, peaks, the end of a process)
 * happens here. The registry does no I/O and knows no event loop.
 *
 * Times are monotonic ns. Refusals are negative errno; the registry has counted them when it returns:
 *   -EINVAL  a field that no client sends (device < 0, unknown region)    -EFBIG   a size of 2^48 bytes or more
 *   -EDQUOT  a limit of the process or its uid                            -ENOMEM  no memory; the report is lost
 */

#include <stdbool.h>
#include <stdint.h>

#include "server/device.h"
#include "server/ended.h"
#include "server/figures.h"
#include "server/process.h"
#include "server/user.h"

/* Told when a process is gone and left buffers. Takes the ledger over, and with it a reference to each device in it. */
struct remains {
    pid_t pid;
    struct user *user;
    char comm[16];
    uint32_t reason; /* TT_ALLOC_REASON_* */
    bool is_inexact;
    struct ledger *ledger;
    uint64_t buffers; /* charged to the user until remains_settle() */
};

struct registry {
    struct devices devices;
    struct processes processes;
    struct users users;
    struct ended_list ended;
    struct list sweeping;  /* process::sweep_link: those of which registry_sweep() wants to be called */
    struct list unlocated; /* process::unlocated_link: those of which registry_locate() wants to be called */
    struct figures figures;
    uint64_t row_searches; /* through all device rows: what makes a report dear */
    void (*on_remains)(struct remains remains, void *userdata);
    void *userdata;
};

void registry_init(struct registry *registry, void (*on_remains)(struct remains, void *), void *userdata);
/* Frees everything. Processes that are still there get no leak report: they are alive. */
void registry_done(struct registry *registry);

/* A session of this peer reports. The process, made if it is new; each attach is paired with one detach. -ENOMEM. */
int registry_attach(struct registry *registry, const struct peer *peer, struct process **ret);
/* A session ended. With the last one the process is over: entered in the list, its memory given back, what it left
 * told. */
void registry_detach(struct registry *registry, struct process *process, bool exited);

/* One report, made at `now` or somewhat earlier than others before it. region LEDGER_ANY_REGION in a release: the
 * reporter does not know. */
int registry_allocate(struct registry *registry, struct process *process, int32_t device_id, uint8_t region,
                      uint64_t buffer_id, uint64_t size, uint64_t now);
int registry_release(struct registry *registry, struct process *process, int32_t device_id, uint8_t region,
                     uint64_t buffer_id, uint64_t now);

/* So many reports of the process never arrived. */
void registry_lose(struct registry *registry, struct process *process, uint64_t reports);

/*
 * Resync: a reporter tells all it holds, because the server does not know it or reports were lost. Meanwhile it reports
 * as usual. Begin, announcements, counts and peaks, end; what was not told of is then swept away, in slices that the
 * caller gives. Between begin and the end of the sweep the process is inexact; then, if everything could be taken in
 * and both sides count the same live buffers, it is exact whatever was before.
 *
 * merge: other sessions of the process report too, and no resync tells of all it holds. Nothing is swept then, and
 * nothing that was inexact is healed.
 */
void registry_resync_begin(struct process *process, bool merge);

/* A live buffer. Errors as for a report; the figures count them apart. */
struct announcement {
    int32_t device_id;
    uint8_t region;
    uint32_t references;
    uint64_t buffer_id;
    uint64_t size;
    uint64_t born; /* at most now */
};
int registry_announce(struct registry *registry, struct process *process, const struct announcement *announcement,
                      uint64_t now);

/* How many allocations and frees the reporter has made in a region of a device. It sets the process's counts; those of
 * a row stay what this server has seen. Errors as for a report. */
int registry_resync_counts(struct registry *registry, struct process *process, int32_t device_id, uint8_t region,
                           uint64_t allocations, uint64_t frees);
/* What the reporter has at most held in a region, or in a pool (TT_ALLOC_RECORD_POOL + pool). Peaks only rise by this,
 * and not at all when they were reset while this server knew the process: what would have risen then counts as lowered.
 * Errors as for a report. */
int registry_resync_peak(struct registry *registry, struct process *process, int32_t device_id, uint8_t region_or_pool,
                         uint64_t bytes);

/* All is told; live: the reporter's buffers. */
void registry_resync_end(struct registry *registry, struct process *process, bool merge, uint64_t live);
/* The session ended, or began anew, before the end. */
void registry_resync_call_off(struct process *process);

/* Goes on sweeping, over at most *steps slots of the ledger, which it counts down. Whether it is done, in which case
 * process->is_sweeping is false. To be called until then, as long as the process is in registry::sweeping. */
bool registry_sweep(struct registry *registry, struct process *process, size_t *steps);

/* What device_id of this process is. What the process holds there moves to the row of the chip. */
int registry_describe(struct registry *registry, struct process *process, const struct tt_alloc_device_record *facts);

/*
 * Locating: a process uses a device and has not said which chip it is, so somebody must ask the host which nodes the
 * process has open. The registry lists who is to be asked about; hardware.c asks.
 */

/* The host has these nodes now. Takes them over. */
void registry_set_nodes(struct registry *registry, struct nodes *nodes);
/* The process has the nodes with these numbers open, ascending; none: nobody knows yet. What it holds moves to the rows
 * of the chips. It is in the list no more; with none it comes back by registry_look_again(). */
void registry_locate(struct registry *registry, struct process *process, const int32_t *held, size_t count,
                     uint64_t now);
/* The process reports: puts it into the list again if it is time to. */
void registry_look_again(struct registry *registry, struct process *process, uint64_t now);

/* The row a process means by its own number of a device, else the row with that number, else NULL. process may be NULL.
 */
struct device *registry_resolve(struct registry *registry, struct process *process, int32_t device_id);

/* Peaks back to what is live: of one process, or of the devices. number -1: all devices. Whether the process uses the
 * device. */
bool registry_reset_process_peaks(struct process *process, int32_t number);
void registry_reset_device_peaks(struct registry *registry, int32_t number);

/* Lets go of the devices; the ledger may then be freed. */
void remains_release_devices(struct remains *remains);
/* The ledger has been freed: its memory is no longer the user's. Not before, or one uid could fill it over and over. */
void remains_settle(struct remains *remains);
