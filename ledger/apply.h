/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How a change enters the totals. In a header and in parts, because each caller knows what its change is; and changes
 * are handed on by pointer and field by field, because a copy of a struct whose fields were just written makes the
 * processor wait: both together are a quarter of a report's price.
 */

#include "ledger/ledger.h"
#include "ledger/private.h"

static inline void apply_added(struct usage *usage, uint8_t region, uint64_t size, uint64_t now)
{
    usage_add(usage, region, size);
    usage->allocations[region]++;
    usage->last_activity = now;
}

static inline void apply_removed(struct usage *usage, uint8_t region, uint64_t size, uint64_t now)
{
    usage_remove(usage, region, size);
    usage->frees[region]++;
    usage->last_activity = now;
}

/* Enters the change in its device's totals, whatever it is and whether or not records are stale. */
void apply_any(struct ledger *ledger, struct ledger_change *change, uint64_t now);
