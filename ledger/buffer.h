/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How a buffer is found in a ledger, made and taken away, for report.c and resync.c. The parts are the slab (records),
 * the index (from a hash to slots) and the table of devices; they are kept in step here. Who changes something first
 * reserves everything that is needed, so that a failure needs no way back.
 *
 * Buffers with the same device and id in several regions are a family. They share one hash, so that one search finds
 * them all, and those born within one tick of the clock are told apart by their order. Nearly all buffers are alone:
 * they have order 0, and a search that comes upon one of these need not go on.
 */

#include <stdbool.h>
#include <stdint.h>

#include "ledger/ledger.h"
#include "ledger/private.h"

#define BUFFER_REGIONS 5 /* 0..4: what LEDGER_ANY_REGION may mean */

struct key {
    uint64_t id;
    struct ledger_device *device; /* NULL: not used yet */
    int32_t device_id;
    uint32_t hash;
    uint8_t region;
};

struct match {
    struct index_cursor cursor;
    struct record *record; /* NULL: no such buffer */
    uint32_t slot;
    bool ambiguous;
};

/* What is not inlined takes the key by value: were its address handed out, the compiler would have to keep all of it in
 * memory at all times. */

/* The rarer part of buffer_find(): all of the family is looked at. */
struct match buffer_find_in_family(const struct ledger *ledger, struct key key);

/* Makes this buffer the youngest of those of its family that have its time of birth. */
void buffer_make_youngest(struct ledger *ledger, struct key key, struct record *record);

/* One reference more; a new size and birth, one reference. */
void buffer_share(struct record *record);
void buffer_replace(struct ledger *ledger, struct key key, struct record *record, uint64_t size, uint64_t now);

/* The rarer part of buffer_add(). */
void buffer_begin_epoch(struct ledger *ledger, uint64_t now);

static inline void key_of(struct ledger *ledger, int32_t device_id, uint8_t region, uint64_t id, struct key *ret)
{
    ret->id = id;
    ret->device = device_table_find(&ledger->devices, device_id);
    ret->device_id = device_id;
    ret->hash = hash_of(&ledger->key, device_id, id);
    ret->region = region;
}

/* The next record with the key's device and id, whatever its region; NULL: no more. */
static inline struct record *next_of_family(const struct ledger *ledger, const struct key *key,
                                            struct index_cursor *cursor, uint32_t *ret_slot)
{
    while (index_next(cursor, ret_slot)) {
        struct record *record = slab_record(&ledger->slab, *ret_slot);

        if (record->id == key->id && record->device == key->device->index)
            return record;
    }
    return NULL;
}

/* The buffer with exactly this key, or NULL, and whether other regions hold the id too. */
static inline struct record *buffer_find_same(const struct ledger *ledger, const struct key *key, bool *ret_others)
{
    struct record *record, *same = NULL;
    struct index_cursor cursor;
    uint32_t slot;

    *ret_others = false;
    if (!key->device)
        return NULL;
    index_search(&ledger->index, key->hash, &cursor);
    while ((record = next_of_family(ledger, key, &cursor, &slot))) {
        if (record->region == key->region)
            same = record;
        else
            *ret_others = true;
    }
    return same;
}

/* The buffer that a release of the key means. */
static inline void buffer_find(const struct ledger *ledger, const struct key *key, struct match *ret)
{
    ret->record = NULL;
    ret->ambiguous = false;
    if (!key->device)
        return;
    index_search(&ledger->index, key->hash, &ret->cursor);
    ret->record = next_of_family(ledger, key, &ret->cursor, &ret->slot);
    if (!ret->record)
        return;
    if (ret->record->order > 0)
        *ret = buffer_find_in_family(ledger, *key);
    else if (key->region == LEDGER_ANY_REGION ? ret->record->region >= BUFFER_REGIONS
                                              : ret->record->region != key->region)
        ret->record = NULL;
}

static inline uint32_t tick_of(const struct ledger *ledger, uint64_t time)
{
    uint64_t ticks = time > ledger->epoch ? (time - ledger->epoch) / LEDGER_TICK : 0;

    return ticks < UINT32_MAX ? (uint32_t)ticks : UINT32_MAX;
}

static inline bool is_stale(const struct ledger *ledger, const struct record *record)
{
    return record->mark != ledger->mark;
}

static inline void make_fresh(struct ledger *ledger, struct record *record)
{
    ledger->stale -= is_stale(ledger, record);
    record->mark = ledger->mark & LEDGER_MARK_MASK;
}

/* Makes the buffer, which must be new, and its device if that is new too; with one reference. -ENOMEM, -ENOSPC. */
static inline int buffer_add(struct ledger *ledger, struct key *key, uint64_t size, uint64_t born, uint64_t now,
                             struct record **ret)
{
    struct ledger_device *device = key->device;
    struct index_segment *segment;
    struct record *record;
    uint32_t slot;
    int r = slab_reserve(&ledger->slab);

    if (r >= 0)
        r = index_reserve(&ledger->index, key->hash, &segment);
    if (r >= 0 && !device) /* last, because a caller would see it if a later step failed */
        r = device_table_add(&ledger->devices, key->device_id, &device);
    if (r < 0)
        return r;
    key->device = device;
    if (ledger->slab.live == 0)
        buffer_begin_epoch(ledger, now);
    record = slab_take(&ledger->slab, &slot);
    *record = (struct record){
        .id = key->id,
        .size = size & SLAB_SIZE_MASK,
        .device = device->index & 0xffff,
        .born = tick_of(ledger, born),
        .references = 1,
        .region = key->region & 7U,
        .mark = ledger->mark & LEDGER_MARK_MASK,
    };
    index_insert(segment, key->hash, slot);
    *ret = record;
    return 0;
}

/* Takes what the cursor found last. */
static inline void buffer_remove(struct ledger *ledger, const struct index_cursor *cursor, uint32_t slot)
{
    ledger->stale -= is_stale(ledger, slab_record(&ledger->slab, slot));
    index_remove(&ledger->index, cursor);
    slab_give_back(&ledger->slab, slot);
}
