/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How any change enters the totals; apply.h has the parts for those whose price matters.
 */

#include "ledger/apply.h"

static void add_bytes(const struct ledger_change *change, struct usage *usage)
{
    if (change->uncertain)
        usage_add_uncertain(usage, change->region, change->size_after);
    else
        usage_add(usage, change->region, change->size_after);
}

/* Bytes and buffers. In a replacement the old one goes first: the two never stood side by side, so no peak may hold
 * both. */
static void apply_bytes(const struct ledger_change *change, struct usage *usage)
{
    enum ledger_effect effect = change->effect;

    if (effect == LEDGER_REPLACED || effect == LEDGER_REMOVED || effect == LEDGER_SWEPT)
        usage_remove(usage, change->region, change->size_before);
    if (effect == LEDGER_REPLACED || effect == LEDGER_ADDED)
        add_bytes(change, usage);
}

void ledger_apply(const struct ledger_change *change, uint64_t now, struct usage *usage)
{
    apply_bytes(change, usage);
    switch (change->effect) {
    case LEDGER_ADDED:
        usage->allocations[change->region]++;
        break;
    case LEDGER_SHARED:
    case LEDGER_REPLACED:
        usage->allocations[change->region] += !change->announced;
        break;
    case LEDGER_REMOVED:
    case LEDGER_UNSHARED:
        usage->frees[change->region]++;
        break;
    case LEDGER_UNKNOWN:
    case LEDGER_SWEPT:
        return;
    }
    usage->last_activity = now;
}

static void settle_peaks(struct ledger *ledger)
{
    ledger->unsettled = false;
    for (uint32_t i = 0; i < ledger->devices.count; i++)
        usage_settle_peaks(&ledger->devices.device[i]->usage);
}

void apply_any(struct ledger *ledger, struct ledger_change *change, uint64_t now)
{
    change->uncertain = ledger->stale > 0;
    ledger_apply(change, now, &change->device->usage);
    if (ledger->unsettled && ledger->stale == 0)
        settle_peaks(ledger);
}
