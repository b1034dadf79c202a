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

struct process {
    struct list link;      /* processes::all, by serial */
    struct list hash_link; /* processes::buckets */
    uint64_t serial;       /* never used twice */
    pid_t pid;
    pid_t label_pid; /* what it calls itself; 0 until it did */
    struct process_facts facts;
    struct user *user;
    struct ledger *ledger;
    uint32_t sessions;      /* that report */
    bool is_inexact;        /* a report of it could not be applied for want of room */
    uint64_t lost;          /* reports that were refused */
    unsigned refusals_told; /* causes that were logged */
    uint64_t created;       /* monotonic ns */
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
