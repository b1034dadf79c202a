/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Makes rows of what the server and the host tell. Pure functions of the two: nothing is asked or read here.
 *
 * A chip of the server's and one of the host's are the same if their asic ids are, or their PCI addresses; a process,
 * if its PIDs are. What both tell of a process is taken from the server, which knows single buffers; what tt-metal's
 * totals say of processes that do not report is added to it.
 */

#include "smi/sample/rows.h"

/* One device that a process has open. */
struct holding {
    int32_t pid;
    int32_t device; /* its number among the rows */
};

struct merged {
    struct device_row *devices; /* by number; then those without */
    size_t device_count;
    struct process_row *processes;
    size_t process_count;
    struct holding *holdings; /* by PID, then device */
    size_t holding_count;
    int32_t *held;             /* the devices of the holdings, in the same order */
    int32_t *totals;           /* the number of the row for each of the host's totals; DEVICE_UNKNOWN: none */
    struct device_row **chips; /* that row itself, which a number would not always tell; NULL: none */
    unsigned hidden_opens;     /* by processes that cannot be seen from here */
};

/* The rows point into what they were made of. devices and processes are the server's answers, or NULL if it gave none.
 * -ENOMEM. */
int merge_rows(const struct tt_alloc_list *devices, const struct tt_alloc_list *processes, const struct host *host,
               uint64_t now, struct merged *ret);

/* Takes zeroed ones. */
void merged_clear(struct merged *merged);

/* ---- Between the files of this part ---- */

/* In this order. */
int merge_devices(const struct tt_alloc_list *devices, const struct host *host, struct merged *merged);
int merge_holdings(const struct host *host, struct merged *merged);
int merge_processes(const struct tt_alloc_list *processes, const struct host *host, uint64_t now,
                    struct merged *merged);
/* Adds what processes hold that do not report, and says how much is known of each device. */
void merge_complete(bool is_server_asked, const struct host *host, struct merged *merged);

struct device_row *merged_find_device(const struct merged *merged, int32_t number);
