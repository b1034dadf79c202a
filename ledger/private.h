/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The inside of a ledger, for report.c and resync.c, which change it, and ledger.c, which makes it, shows it and frees
 * it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/device_table.h"
#include "ledger/hash.h"
#include "ledger/index.h"
#include "ledger/slab.h"

/* ns. 32 bits of them are 497 days: 248 before the ledger's first birth and 248 after it. */
#define LEDGER_TICK UINT64_C(10000000)
#define LEDGER_MARK_MASK 1023U

struct ledger {
    struct hash_key key;
    struct slab slab;
    struct index index;
    struct device_table devices;
    uint64_t epoch; /* ticks count from here; set when the ledger goes from no buffers to one */
    uint64_t now;   /* of the last report */
    uint64_t stale; /* records with another mark than this: */
    uint16_t mark;
    bool unsettled;      /* records were stale after the last report */
    bool has_families;   /* ever: some id in several regions at once */
    uint16_t unfinished; /* resyncs begun since no record was stale */
    size_t memory;       /* of this struct */
};
