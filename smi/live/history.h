/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What each pool of each device held in the last quarter of an hour, second by second. The server's own history fills
 * it, so that it is full at the start; where there is none (no server, figures of the host only), it grows with what
 * the view itself sees. A second of which nobody tells is unknown, and not empty.
 */

#include "smi/sample/snapshot.h"

#define HISTORY_LENGTH 900
#define HISTORY_UNKNOWN UINT64_MAX
#define HISTORY_POOLS 2 /* dram and l1 */

struct series {
    int32_t device;
    uint64_t values[HISTORY_POOLS][HISTORY_LENGTH]; /* by second modulo length */
};

struct history {
    uint64_t now; /* the newest second, since 1970; 0: there is none yet */
    struct series *series;
    size_t count;
};

/* Lets time pass up to this second: what lies between is unknown until somebody tells. A clock that went back begins
 * anew. */
void history_advance(struct history *history, uint64_t second);

/* Sets one second, if it is still kept. Returns -ENOMEM for a device that cannot be added. */
int history_set(struct history *history, int32_t device, uint32_t pool, uint64_t second, uint64_t bytes);

/* What a sample tells of its moment; where a value is there already, the larger one stays. */
int history_note(struct history *history, const struct snapshot *snapshot);

/* What the server keeps, second by second: a list of tt_alloc_list_history(). It knows better than a sample. */
int history_take(struct history *history, const struct tt_alloc_list *list);

/* The values of `count` seconds up to the one that is `ago` seconds before the newest; the oldest first. */
void history_read(const struct history *history, int32_t device, uint32_t pool, size_t ago, size_t count,
                  uint64_t *ret);

/* How many seconds before the newest a moment (ns since 1970) was; HISTORY_LENGTH where it is not kept. */
size_t history_ago(const struct history *history, uint64_t moment);

/* Takes zeroed ones. */
void history_clear(struct history *history);
