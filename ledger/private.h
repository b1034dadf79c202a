/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The inside of a ledger, for report.c, which changes it, and ledger.c, which makes it, shows it and frees it.
 */

#include <stddef.h>
#include <stdint.h>

#include "ledger/device_table.h"
#include "ledger/hash.h"
#include "ledger/index.h"
#include "ledger/slab.h"

#define LEDGER_TICK UINT64_C(10000000) /* ns; 32 bits of them are 497 days, then `born` stands still */

struct ledger {
    struct hash_key key;
    struct slab slab;
    struct index index;
    struct device_table devices;
    uint64_t epoch; /* time at which the ledger last went from no buffers to one; ticks count from here */
    uint64_t now;   /* of the last report */
    size_t memory;  /* of this struct */
};
