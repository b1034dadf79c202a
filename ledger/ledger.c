/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How a ledger begins and ends, and what can be asked of it. What a report does to it stands in report.c.
 */

#include "ledger/ledger.h"

#include <assert.h>
#include <errno.h>
#include <sys/random.h>

#include "ledger/memory.h"
#include "ledger/private.h"

int ledger_new(struct ledger **ret, const void *key)
{
    uint8_t secret[HASH_KEY_SIZE];
    size_t memory = 0;
    struct ledger *ledger;

    if (!key && getrandom(secret, sizeof(secret), 0) < 0)
        return -errno;
    ledger = memory_new(&memory, sizeof(*ledger));
    if (!ledger)
        return -ENOMEM;
    ledger->memory = memory;
    slab_init(&ledger->slab);
    ledger->key = hash_key_from(key ? key : secret);
    if (index_init(&ledger->index) < 0) {
        ledger_free(ledger);
        return -ENOMEM;
    }
    *ret = ledger;
    return 0;
}

struct ledger *ledger_free_some(struct ledger *ledger, size_t pieces)
{
    size_t memory;

    if (!ledger)
        return NULL;
    pieces = slab_free_some(&ledger->slab, pieces);
    pieces = index_free_some(&ledger->index, pieces);
    pieces = device_table_free_some(&ledger->devices, pieces);
    if (pieces == 0)
        return ledger;
    assert(ledger->slab.memory + ledger->index.memory + ledger->devices.memory == 0);
    memory = ledger->memory;
    return memory_free(&memory, ledger, sizeof(*ledger));
}

struct ledger *ledger_free(struct ledger *ledger)
{
    return ledger_free_some(ledger, SIZE_MAX);
}

bool ledger_has_families(const struct ledger *ledger)
{
    return ledger->has_families;
}

bool ledger_is_large(const struct ledger *ledger)
{
    return ledger->slab.live >= 65536; /* 2.4 MiB, more than the caches next to the processor hold */
}

uint64_t ledger_count(const struct ledger *ledger)
{
    return ledger->slab.live;
}

size_t ledger_device_count(const struct ledger *ledger)
{
    return ledger->devices.count;
}

struct ledger_device *ledger_device(struct ledger *ledger, size_t index)
{
    assert(index < ledger->devices.count);
    return ledger->devices.device[index];
}

int ledger_add_device(struct ledger *ledger, int32_t device_id, struct ledger_device **ret)
{
    struct ledger_device *device;

    if (device_id < 0)
        return -EINVAL;
    device = ledger_find_device(ledger, device_id);
    if (!device)
        return device_table_add(&ledger->devices, device_id, ret);
    *ret = device;
    return 0;
}

struct ledger_device *ledger_find_device(struct ledger *ledger, int32_t device_id)
{
    return device_table_find(&ledger->devices, device_id);
}

static uint64_t time_of(const struct ledger *ledger, uint32_t tick)
{
    uint64_t time = ledger->epoch + tick * LEDGER_TICK;

    return time < ledger->now ? time : ledger->now;
}

bool ledger_walk(const struct ledger *ledger, uint64_t *cursor, size_t *steps, struct ledger_buffer *ret)
{
    const struct record *record = slab_next(&ledger->slab, cursor, steps);

    if (!record)
        return false;
    *ret = (struct ledger_buffer){
        .device = ledger->devices.device[record->device],
        .id = record->id,
        .size = record->size,
        .born = time_of(ledger, record->born),
        .references = record->references,
        .region = record->region,
    };
    return true;
}

size_t ledger_memory(const struct ledger *ledger)
{
    return ledger->memory + ledger->slab.memory + ledger->index.memory + ledger->devices.memory;
}
