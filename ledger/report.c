/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a report does to a ledger. The parts are the slab (records), the index (from a hash to slots) and the table of
 * devices; this file keeps them and the totals in step. A call that may fail first reserves everything it needs and
 * then changes, so that a failure needs no way back.
 *
 * Buffers with the same device and id in several regions are a family. They share one hash, so that one search finds
 * them all, and are numbered in the order of their allocation, so that a release without a region can take the youngest
 * even if all came within one tick of the clock.
 */

#include <errno.h>

#include "ledger/ledger.h"
#include "ledger/private.h"

#define BUFFER_REGIONS 5 /* 0..4: what LEDGER_ANY_REGION may mean */

struct key {
    uint64_t id;
    int32_t device_id;
    int device; /* position in the table, or -1 */
    uint32_t hash;
    uint8_t region;
};

static void key_of(struct ledger *ledger, int32_t device_id, uint8_t region, uint64_t id, struct key *ret)
{
    ret->id = id;
    ret->device_id = device_id;
    ret->device = device_table_find(&ledger->devices, device_id);
    ret->hash = hash_of(&ledger->key, device_id, id);
    ret->region = region;
}

/* The next record with the key's device and id, whatever its region; NULL: no more. */
static inline struct record *next_of_family(const struct ledger *ledger, const struct key *key,
                                            struct index_cursor *cursor, uint32_t *ret_slot)
{
    while (index_next(cursor, ret_slot)) {
        struct record *record = slab_record(&ledger->slab, *ret_slot);

        if (record->id == key->id && record->device == key->device)
            return record;
    }
    return NULL;
}

/* Numbers the others of the family from 0, oldest first, and returns the number that makes the key's own buffer the
 * youngest. As this is done for each newcomer, the numbers stay below the count of regions. */
static uint8_t order_others(const struct ledger *ledger, const struct key *key)
{
    struct record *sorted[USAGE_REGIONS], *record;
    struct index_cursor cursor;
    uint8_t count = 0;
    uint32_t slot;

    index_search(&ledger->index, key->hash, &cursor);
    while ((record = next_of_family(ledger, key, &cursor, &slot))) {
        unsigned place = count;

        if (record->region == key->region)
            continue;
        for (; place > 0 && sorted[place - 1]->order > record->order; place--)
            sorted[place] = sorted[place - 1];
        sorted[place] = record;
        count++;
    }
    for (uint8_t place = 0; place < count; place++)
        sorted[place]->order = place;
    return count;
}

static uint32_t tick_of(const struct ledger *ledger, uint64_t now)
{
    uint64_t ticks = now > ledger->epoch ? (now - ledger->epoch) / LEDGER_TICK : 0;

    return ticks < UINT32_MAX ? (uint32_t)ticks : UINT32_MAX;
}

/* The device comes last: it is the only one of the three that a caller would see if a later step failed. */
static int reserve(struct ledger *ledger, struct key *key)
{
    struct ledger_device *device;
    int r = slab_reserve(&ledger->slab);

    if (r >= 0)
        r = index_reserve(&ledger->index, key->hash);
    if (r < 0 || key->device >= 0)
        return r;
    r = device_table_add(&ledger->devices, key->device_id, &device);
    if (r >= 0)
        key->device = (int)ledger->devices.count - 1;
    return r;
}

static void add(struct ledger *ledger, const struct key *key, uint8_t order, uint64_t size, uint64_t now)
{
    struct record *record;
    uint32_t slot;

    if (ledger->slab.live == 0)
        ledger->epoch = now;
    slot = slab_take(&ledger->slab);
    record = slab_record(&ledger->slab, slot);
    record->id = key->id;
    record->size = size & SLAB_SIZE_MASK;
    record->device = (uint16_t)key->device;
    record->born = tick_of(ledger, now);
    record->references = 1;
    record->region = key->region;
    record->order = order;
    index_insert(&ledger->index, key->hash, slot);
}

static void share(struct record *record)
{
    if (record->references < UINT16_MAX)
        record->references++;
}

static void replace(struct ledger *ledger, struct record *record, uint8_t order, uint64_t size, uint64_t now)
{
    record->size = size & SLAB_SIZE_MASK;
    record->born = tick_of(ledger, now);
    record->references = 1;
    record->order = order;
}

void ledger_apply(const struct ledger_change *change, uint64_t now, struct usage *usage)
{
    uint8_t region = change->region;

    switch (change->effect) {
    case LEDGER_ADDED:
        usage_add(usage, region, change->size_after);
        usage->allocations[region]++;
        break;
    case LEDGER_SHARED:
        usage->allocations[region]++;
        break;
    case LEDGER_REPLACED: /* the old one first: the two never stood side by side, so no peak may hold both */
        usage_remove(usage, region, change->size_before);
        usage_add(usage, region, change->size_after);
        usage->allocations[region]++;
        break;
    case LEDGER_REMOVED:
        usage_remove(usage, region, change->size_before);
        usage->frees[region]++;
        break;
    case LEDGER_UNSHARED:
        usage->frees[region]++;
        break;
    case LEDGER_UNKNOWN:
        return;
    }
    usage->last_activity = now;
}

static void finish(struct ledger *ledger, const struct key *key, uint64_t now, struct ledger_change *change)
{
    ledger->now = now;
    change->device = NULL;
    if (key->device >= 0) {
        change->device = ledger->devices.device[key->device];
        ledger_apply(change, now, &change->device->usage);
    }
}

/* The buffer with exactly this key, or NULL, and whether other regions hold the id too. */
static struct record *find_same(const struct ledger *ledger, const struct key *key, bool *ret_others)
{
    struct record *record, *same = NULL;
    struct index_cursor cursor;
    uint32_t slot;

    *ret_others = false;
    index_search(&ledger->index, key->hash, &cursor);
    while ((record = next_of_family(ledger, key, &cursor, &slot))) {
        if (record->region == key->region)
            same = record;
        else
            *ret_others = true;
    }
    return same;
}

int ledger_allocate(struct ledger *ledger, int32_t device_id, uint8_t region, uint64_t id, uint64_t size, uint64_t now,
                    struct ledger_change *ret)
{
    struct record *same;
    struct key key;
    bool others;
    int r;

    if (device_id < 0 || region >= USAGE_REGIONS || size >= LEDGER_SIZE_LIMIT)
        return -EINVAL;
    key_of(ledger, device_id, region, id, &key);
    same = find_same(ledger, &key, &others);
    if (!same) {
        r = reserve(ledger, &key);
        if (r < 0)
            return r;
        add(ledger, &key, others ? order_others(ledger, &key) : 0, size, now);
        ret->effect = LEDGER_ADDED;
        ret->size_before = 0;
    } else if (same->size == size) {
        share(same);
        ret->effect = LEDGER_SHARED;
        ret->size_before = size;
    } else {
        ret->effect = LEDGER_REPLACED;
        ret->size_before = same->size;
        replace(ledger, same, order_others(ledger, &key), size, now);
    }
    ret->region = region;
    ret->ambiguous = false;
    ret->size_after = size;
    finish(ledger, &key, now, ret);
    return 0;
}

struct match {
    struct index_cursor cursor;
    struct record *record; /* NULL: no such buffer */
    uint32_t slot;
    bool ambiguous;
};

static void find_region(const struct ledger *ledger, const struct key *key, struct match *ret)
{
    ret->ambiguous = false;
    index_search(&ledger->index, key->hash, &ret->cursor);
    do {
        ret->record = next_of_family(ledger, key, &ret->cursor, &ret->slot);
    } while (ret->record && ret->record->region != key->region);
}

static void find_youngest(const struct ledger *ledger, const struct key *key, struct match *ret)
{
    struct index_cursor cursor;
    struct record *record;
    unsigned count = 0;
    uint32_t slot;

    ret->record = NULL;
    index_search(&ledger->index, key->hash, &cursor);
    while ((record = next_of_family(ledger, key, &cursor, &slot))) {
        if (record->region >= BUFFER_REGIONS)
            continue;
        count++;
        if (ret->record && ret->record->order > record->order)
            continue;
        ret->cursor = cursor;
        ret->record = record;
        ret->slot = slot;
    }
    ret->ambiguous = count > 1;
}

int ledger_release(struct ledger *ledger, int32_t device_id, uint8_t region, uint64_t id, uint64_t now,
                   struct ledger_change *ret)
{
    struct match match;
    struct record *record;
    struct key key;

    if (device_id < 0 || (region >= USAGE_REGIONS && region != LEDGER_ANY_REGION))
        return -EINVAL;
    key_of(ledger, device_id, region, id, &key);
    if (region == LEDGER_ANY_REGION)
        find_youngest(ledger, &key, &match);
    else
        find_region(ledger, &key, &match);
    record = match.record;
    ret->ambiguous = match.ambiguous;
    ret->region = record ? record->region : region;
    ret->size_before = record ? record->size : 0;
    ret->size_after = 0;
    if (!record) {
        ret->effect = LEDGER_UNKNOWN;
    } else if (record->references > 1) {
        record->references--;
        ret->effect = LEDGER_UNSHARED;
        ret->size_after = ret->size_before;
    } else {
        index_remove(&ledger->index, &match.cursor);
        slab_give_back(&ledger->slab, match.slot);
        ret->effect = LEDGER_REMOVED;
    }
    finish(ledger, &key, now, ret);
    return 0;
}

void ledger_prefetch(const struct ledger *ledger, int32_t device_id, uint64_t id)
{
    index_prefetch(&ledger->index, hash_of(&ledger->key, device_id, id));
}
