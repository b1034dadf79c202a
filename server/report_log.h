/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the log says of the buffers of a process: those it left behind, and, on DUMP_REMAINING, those it holds. First
 * one line with the totals, then the largest buffers, then how many more there are.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ledger/ledger.h"
#include "server/largest.h"

/* For `journalctl MESSAGE_ID=...`. Never change them. */
#define REPORT_LEAK_SUMMARY_ID "7e1c6b0f3a7d4a63a2f0d65c8e3b9a41"
#define REPORT_LEAK_BUFFER_ID "c4a9d0b2e85f4f0c9b64a1f73d2e8056"
#define REPORT_DUMP_SUMMARY_ID "2f8d71c5b6e94cb0a13e5d9f7a604c82"
#define REPORT_DUMP_BUFFER_ID "95b3e2a87c1d4d6fb0f2864ce7195a3d"

struct report_subject {
    pid_t pid;
    uid_t uid;
    const char *comm;
    uint32_t reason; /* TT_ALLOC_REASON_*; RUNNING makes it a dump */
    bool is_inexact; /* reports were lost: "at most" */
};

void report_log_summary(const struct report_subject *subject, struct ledger *ledger);
/* largest must be sorted; total is how many buffers there are. Each line tells the row's number,
 * ledger_device::userdata. */
void report_log_buffers(const struct report_subject *subject, const struct largest *largest, uint64_t total,
                        uint64_t now);
