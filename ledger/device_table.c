/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The table of devices grows and is freed here; device_table.h says how it is used.
 */

#include "ledger/device_table.h"

#include <errno.h>
#include <string.h>

#include "ledger/memory.h"

#define FIRST_ROOM 4

static size_t table_size(uint32_t room)
{
    return room * (sizeof(struct ledger_device *) + sizeof(int32_t));
}

/* Both arrays share one piece, pointers first: so one allocation can fail, not one of two. */
static int make_room(struct device_table *table)
{
    uint32_t room = table->room ? table->room * 2 : FIRST_ROOM;
    struct ledger_device **device;

    if (table->count < table->room)
        return 0;
    device = memory_resize(&table->memory, table->device, table_size(table->room), table_size(room));
    if (!device)
        return -ENOMEM;
    table->device = device;
    table->id = memmove(device + room, device + table->room, table->count * sizeof(*table->id));
    table->room = room;
    return 0;
}

int device_table_add(struct device_table *table, int32_t device_id, struct ledger_device **ret)
{
    struct ledger_device *device;
    int r;

    if (table->count == LEDGER_DEVICES_MAX)
        return -ENOSPC;
    r = make_room(table);
    if (r < 0)
        return r;
    device = memory_new(&table->memory, sizeof(*device));
    if (!device)
        return -ENOMEM;
    device->device_id = device_id;
    device->index = table->count;
    table->device[table->count] = device;
    table->id[table->count] = device_id;
    table->count++;
    *ret = device;
    return 0;
}

struct ledger_device *device_table_search(struct device_table *table, int32_t device_id)
{
    for (uint32_t index = 0; index < table->count; index++)
        if (table->id[index] == device_id)
            return table->last = table->device[index];
    return NULL;
}

size_t device_table_free_some(struct device_table *table, size_t pieces)
{
    for (; pieces > 0 && table->count > 0; pieces--)
        memory_free(&table->memory, table->device[--table->count], sizeof(struct ledger_device));
    if (pieces > 0 && table->device) {
        table->device = memory_free(&table->memory, table->device, table_size(table->room));
        pieces--;
    }
    return pieces;
}
