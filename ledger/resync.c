/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Resync: mark and sweep. A record carries the mark that the ledger had when it was last told of, and is stale if that
 * is not the ledger's mark now; so a resync begins with one addition, however many buffers there are. Marks have 10
 * bits: they could come round to a record that was stale all the time, so resyncs that are never finished are counted.
 */

#include <assert.h>
#include <errno.h>

#include "ledger/apply.h"
#include "ledger/buffer.h"

_Static_assert(LEDGER_RESYNCS_MAX <= LEDGER_MARK_MASK, "a mark does not come back while a record bears it");

int ledger_resync_begin(struct ledger *ledger)
{
    if (ledger->stale == 0)
        ledger->unfinished = 0;
    if (ledger->unfinished == LEDGER_RESYNCS_MAX)
        return -EOVERFLOW;
    ledger->unfinished++;
    ledger->mark = (ledger->mark + 1) & LEDGER_MARK_MASK;
    ledger->stale = ledger->slab.live;
    ledger->unsettled = ledger->stale > 0;
    return 0;
}

uint64_t ledger_stale(const struct ledger *ledger)
{
    return ledger->stale;
}

static void set(struct ledger *ledger, const struct key *key, struct record *record, uint64_t size, uint64_t born)
{
    uint32_t tick = tick_of(ledger, born);

    make_fresh(ledger, record);
    record->size = size & SLAB_SIZE_MASK;
    if (record->born == tick)
        return;
    record->born = tick;
    if (record->order > 0)
        buffer_make_youngest(ledger, *key, record);
}

/* Stores the record, and what its announcement means, but for the device. */
static int find_or_add(struct ledger *ledger, struct key *key, uint64_t size, uint64_t born, uint64_t now,
                       struct record **ret, struct ledger_change *ret_change)
{
    bool others;
    struct record *record = buffer_find_same(ledger, key, &others);
    int r;

    *ret_change = (struct ledger_change){.region = key->region, .announced = true, .size_after = size};
    if (record) {
        ret_change->effect = record->size == size ? LEDGER_SHARED : LEDGER_REPLACED;
        ret_change->size_before = record->size;
        set(ledger, key, record, size, born);
    } else {
        r = buffer_add(ledger, key, size, born, now, &record);
        if (r < 0)
            return r;
        ret_change->effect = LEDGER_ADDED;
        if (others)
            buffer_make_youngest(ledger, *key, record);
    }
    *ret = record;
    return 0;
}

int ledger_announce(struct ledger *ledger, int32_t device_id, uint8_t region, uint64_t id, uint64_t size,
                    uint32_t references, uint64_t born, uint64_t now, struct ledger_change *ret)
{
    struct ledger_change change;
    struct record *record;
    struct key key;
    int r;

    if (device_id < 0 || region >= USAGE_REGIONS || size >= LEDGER_SIZE_LIMIT || references == 0)
        return -EINVAL;
    key_of(ledger, device_id, region, id, &key);
    r = find_or_add(ledger, &key, size, born < now ? born : now, now, &record, &change);
    if (r < 0)
        return r;
    record->references = references < UINT16_MAX ? (uint16_t)references : UINT16_MAX;
    change.device = key.device;
    ledger->now = now;
    apply_any(ledger, &change, now);
    *ret = change;
    return 0;
}

/* The index is asked as a release would ask it, only that the record is already known. */
static void sweep(struct ledger *ledger, uint32_t slot, uint64_t now, struct ledger_change *ret)
{
    const struct record *record = slab_record(&ledger->slab, slot);
    struct ledger_device *device = ledger->devices.device[record->device];
    struct index_cursor cursor;
    uint32_t found = 0;
    bool is_found;

    *ret = (struct ledger_change){
        .effect = LEDGER_SWEPT, .region = record->region, .size_before = record->size, .device = device};
    index_search(&ledger->index, hash_of(&ledger->key, device->device_id, record->id), &cursor);
    do {
        is_found = index_next(&cursor, &found);
        assert(is_found);
    } while (found != slot);
    buffer_remove(ledger, &cursor, slot);
    ledger->now = now;
    apply_any(ledger, ret, now);
}

bool ledger_sweep(struct ledger *ledger, uint64_t *cursor, size_t *steps, uint64_t now, struct ledger_change *ret)
{
    const struct record *record;

    if (ledger->stale == 0)
        return false;
    while ((record = slab_next(&ledger->slab, cursor, steps)))
        if (is_stale(ledger, record)) {
            sweep(ledger, (uint32_t)(*cursor - 1), now, ret);
            return true;
        }
    return false;
}
