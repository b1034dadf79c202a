/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The devices of a process, in order of first use. There are few, and reports come in runs for the same one: the ids
 * stand together and are searched from front to back, after a look at the last one found. Each device is allocated on
 * its own, because its address is promised to stay.
 */

#include <stddef.h>
#include <stdint.h>

#include "ledger/ledger.h"

struct device_table {
    struct ledger_device **device;
    int32_t *id; /* of device[i]; in the same piece of memory */
    uint32_t count;
    uint32_t room;
    struct ledger_device *last; /* the last one found, or NULL */
    size_t memory;              /* bytes held */
};

/* A zeroed struct is an empty table. */

/* Makes a device that must be new. The id is not negative. -ENOSPC, -ENOMEM. */
int device_table_add(struct device_table *table, int32_t device_id, struct ledger_device **ret);

/* Frees at most `pieces` pieces and returns how many of them were not needed. */
size_t device_table_free_some(struct device_table *table, size_t pieces);

/* The rarer part of what follows. */
struct ledger_device *device_table_search(struct device_table *table, int32_t device_id);

/* The device, or NULL. */
static inline struct ledger_device *device_table_find(struct device_table *table, int32_t device_id)
{
    struct ledger_device *last = table->last;

    return last && last->device_id == device_id ? last : device_table_search(table, device_id);
}
