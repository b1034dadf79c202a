/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the server tells about the processes of one run. Processes that ended are collected while the command runs,
 * because the server forgets the oldest and one that is restarted forgets all. What may have been missed in spite of
 * that is remembered, for a result that says so.
 */

#include "client/tt_alloc.h"
#include "smi/run/tree.h"

/* One process of the run, in our own memory. */
struct run_process {
    struct tt_alloc_process facts; /* usage, comm and command are owned */
    bool has_ended;                /* the server says so */
};

struct run_account {
    const char *path;
    uint64_t job;
    bool is_private; /* all that the server knows is of this run */
    struct run_tree *tree;

    struct tt_alloc_connection *connection; /* NULL: to be made */
    int error;                              /* of the last question; 0: it was answered */
    bool was_answered;                      /* ever */
    bool is_hung;                           /* it let a question wait too long: not asked again before the end */
    uint64_t server_start;                  /* which instance of the server */
    int32_t server_pid;
    uint64_t ended;   /* so many, by its own count */
    uint64_t resets;  /* of peaks of devices, by its own count as well */
    uint64_t *listed; /* serials of those that its list had, ascending */
    size_t listed_count;

    uint64_t began;        /* ns since 1970 */
    uint64_t known_before; /* the highest serial that the server had given then */
    size_t unclear;        /* processes that came and went meanwhile, and may or may not belong to the run */

    struct run_process *processes; /* until the end with the unclear ones */
    size_t count;
    struct tt_alloc_list *devices; /* at the end, of a private server; or NULL */
    bool was_restarted;
    bool has_dropped; /* the server's list was too short for all that ended */
};

/* Asks for the first time, to know what there was before. */
void run_account_begin(struct run_account *account);

/* Collects those that have ended since. -ENOMEM only. */
int run_account_collect(struct run_account *account);

/* After the last process of the run: collects all, through a connection of its own, because that one is accepted behind
 * those of the processes. Waits until the server has noticed who is gone, for limit ns at most. -ENOMEM only. */
int run_account_finish(struct run_account *account, uint64_t limit);

/* Who of the tree this process of the run is, also where the server is in another PID namespace; NULL: he was never
 * seen. */
struct tree_process *run_account_find(const struct run_account *account, const struct tt_alloc_process *facts);

/* Takes zeroed ones. */
void run_account_clear(struct run_account *account);
