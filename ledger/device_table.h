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
    uint32_t last; /* position of the last one found */
    size_t memory; /* bytes held */
};

/* A zeroed struct is an empty table. */

/* Makes a device that must be new. The id is not negative. -ENOSPC, -ENOMEM. */
int device_table_add(struct device_table *table, int32_t device_id, struct ledger_device **ret);

/* Frees at most `pieces` pieces and returns how many of them were not needed. */
size_t device_table_free_some(struct device_table *table, size_t pieces);

/* Its position, or -1. */
static inline int device_table_find(struct device_table *table, int32_t device_id)
{
    if (table->last < table->count && table->id[table->last] == device_id)
        return (int)table->last;
    for (uint32_t position = 0; position < table->count; position++)
        if (table->id[position] == device_id) {
            table->last = position;
            return (int)position;
        }
    return -1;
}
