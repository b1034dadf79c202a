/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The processes that are gone: what each held at its peak and what it left behind. The list is bounded; when it is
 * full, the oldest entry of whoever takes most of it goes, so that nobody can flush out what others want to look up.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ledger/usage.h"
#include "server/list.h"

struct process;
struct user;

#define ENDED_MAX 1000
#define ENDED_PLACEMENTS_MAX 16384 /* devices over all entries; about 8 MiB */

/* What the process had on one device. */
struct placement {
    int32_t number; /* of the device row */
    int32_t logical_id;
    struct usage usage; /* live = left behind */
};

struct ended {
    struct list link; /* ended_list::entries, oldest first */
    uint64_t serial;  /* in order of ending */
    uint64_t process_serial;
    pid_t pid;
    pid_t label_pid;
    uint64_t job;
    struct user *user;
    char comm[16];
    char *command; /* NULL if unknown */
    uint64_t start_time;
    uint64_t end_time; /* wall clock */
    uint64_t since;    /* by clock_steady(), as is the next */
    uint64_t until;
    uint64_t lifetime;
    uint64_t idle;
    uint32_t reason; /* TT_ALLOC_REASON_* */
    bool is_inexact;
    bool is_forgotten; /* what it left is no finding any more */
    bool has_reset_peaks;
    bool is_accounted; /* nothing is missing that is not counted as lost */
    uint64_t lost;
    uint64_t buffers;
    size_t placement_count;
    struct placement placements[];
};

struct ended_list {
    struct list entries;
    size_t count;
    size_t placements;
    uint64_t next_serial;
};

void ended_init(struct ended_list *list);
void ended_done(struct ended_list *list);

/* Makes an entry of a process that is about to be removed; takes its command line over. -ENOMEM. */
int ended_add(struct ended_list *list, struct process *process, uint32_t reason, uint64_t now);

/* The first entry with a serial above `serial`, or NULL; for walks that pause. */
struct ended *ended_after(const struct ended_list *list, uint64_t serial);

struct forgetting {
    uint64_t forgotten;
    uint64_t others; /* that stand because they are another user's */
};

/* Marks what these processes left behind: those of the PID (0: any) and the process_serial (0: any), if they are the
 * owner's (NULL: anybody's). Entries stay where they are: they are history. */
struct forgetting ended_forget(struct ended_list *list, pid_t pid, uint64_t serial, const struct user *owner);
