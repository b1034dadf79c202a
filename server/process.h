/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A process that reports: its identity, its sessions, its ledger. And the table of all of them, in order of arrival and
 * by PID. A process is (PID, start time); where the start time is unknown, every session is a process of its own,
 * because merging two by a number alone would be a guess.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ledger/ledger.h"
#include "server/list.h"
#include "server/peer.h"

struct user;

/* Why the figures of a process may be off, apart from a resync that is under way. A resync heals all of them. */
#define PROCESS_SHORT (1U << 0)    /* something was refused for want of room */
#define PROCESS_GAP (1U << 1)      /* reports never arrived */
#define PROCESS_UNHEALED (1U << 2) /* a resync was called off, or did not add up */

struct process {
    struct list link;      /* processes::all, by serial */
    struct list hash_link; /* processes::buckets */
    uint64_t serial;       /* never used twice */
    pid_t pid;
    pid_t label_pid; /* what it calls itself; 0 until it did */
    uint64_t job;    /* a label as well; 0: none */
    struct process_facts facts;
    struct user *user;
    struct ledger *ledger;
    uint32_t sessions;          /* that report */
    struct list reporters;      /* they themselves, for who opened them */
    unsigned inexact;           /* PROCESS_* */
    uint32_t resyncs;           /* sessions in the middle of one */
    bool is_sweeping;           /* a resync has ended, and registry_sweep() has something to do */
    struct list sweep_link;     /* registry::sweeping */
    struct list unlocated_link; /* registry::unlocated */
    uint64_t look_again;        /* monotonic: look for the chips of its devices then; 0: there is nothing to look for */
    uint64_t look_pause;        /* ns between the last two looks */
    uint64_t sweep_cursor;
    bool is_unsettled;           /* its buffers are stale: what it does raises no row's peak, and no history */
    bool has_reset_peaks;        /* one of its peaks was lowered: it had held more */
    bool is_unaccounted;         /* one of its sessions ended before it told how many reports it had made */
    bool is_past_peaks;          /* what its reporter tells about peaks is from before a reset */
    struct ledger_device *place; /* of the last allocation; NULL */
    uint64_t lost;               /* reports that were refused or never arrived */
    unsigned refusals_told;      /* causes that were logged */
    uint64_t created;            /* monotonic ns */
    uint64_t last_activity;
};

#define PROCESS_BUCKETS 1024

struct processes {
    struct list all;
    struct list buckets[PROCESS_BUCKETS];
    uint64_t count;
    uint64_t next_serial;
};

void processes_init(struct processes *processes);
/* All processes must have been removed. */
void processes_done(struct processes *processes);

/* The process of this user with this PID and start time, or NULL; start 0 matches none. A process that changed its uid
 * between two connections is two processes here: neither may touch what the other reported. */
struct process *processes_find(const struct processes *processes, pid_t pid, uint64_t start_ticks,
                               const struct user *user);
/* The newest process with this PID, or NULL. */
struct process *processes_find_pid(const struct processes *processes, pid_t pid);
/* The first process with a serial above `serial`, or NULL: where a walk that paused goes on. */
struct process *processes_after(const struct processes *processes, uint64_t serial);
/* The one after this one, or NULL. */
struct process *processes_next(const struct processes *processes, const struct process *process);

/* A new process with an empty ledger. Takes over facts on success. -ENOMEM. */
int processes_add(struct processes *processes, const struct peer *peer, struct process_facts *facts, struct user *user,
                  uint64_t now, struct process **ret);
/* Takes it out of the table and frees it with what it owns. */
void processes_remove(struct processes *processes, struct process *process);

/* Whether its figures may be off. */
static inline bool process_is_inexact(const struct process *process)
{
    return process->inexact || process->resyncs > 0 || process->is_sweeping;
}
