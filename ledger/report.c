/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a report does to a ledger: one buffer comes, goes, or is referred to once more or once less.
 */

#include <errno.h>

#include "ledger/apply.h"
#include "ledger/buffer.h"

static inline void set_change(struct ledger_change *ret, enum ledger_effect effect, const struct key *key,
                              uint64_t size_before, uint64_t size_after)
{
    ret->effect = effect;
    ret->region = key->region;
    ret->ambiguous = false;
    ret->uncertain = false;
    ret->announced = false;
    ret->size_before = size_before;
    ret->size_after = size_after;
    ret->device = key->device;
}

static inline int add(struct ledger *ledger, struct key *key, bool others, uint64_t size, uint64_t now,
                      struct ledger_change *ret)
{
    struct record *record;
    int r = buffer_add(ledger, key, size, now, now, &record);

    if (r < 0)
        return r;
    if (others)
        buffer_make_youngest(ledger, *key, record);
    set_change(ret, LEDGER_ADDED, key, 0, size);
    if (ledger->unsettled)
        apply_any(ledger, ret, now);
    else
        apply_added(&key->device->usage, key->region, size, now);
    return 0;
}

static void share_or_replace(struct ledger *ledger, struct key key, struct record *record, uint64_t size, uint64_t now,
                             struct ledger_change *ret)
{
    bool shared = record->size == size && !is_stale(ledger, record);

    set_change(ret, shared ? LEDGER_SHARED : LEDGER_REPLACED, &key, record->size, size);
    if (shared)
        buffer_share(record);
    else
        buffer_replace(ledger, key, record, size, now);
    apply_any(ledger, ret, now);
}

int ledger_allocate(struct ledger *ledger, int32_t device_id, uint8_t region, uint64_t id, uint64_t size, uint64_t now,
                    struct ledger_change *ret)
{
    struct record *same;
    struct key key;
    bool others;
    int r = 0;

    if (device_id < 0 || region >= USAGE_REGIONS || size >= LEDGER_SIZE_LIMIT)
        return -EINVAL;
    key_of(ledger, device_id, region, id, &key);
    same = buffer_find_same(ledger, &key, &others);
    if (same)
        share_or_replace(ledger, key, same, size, now, ret);
    else
        r = add(ledger, &key, others, size, now, ret);
    if (r >= 0)
        ledger->now = now;
    return r;
}

static inline void remove_one(struct ledger *ledger, struct key *key, const struct match *match, uint64_t now,
                              struct ledger_change *ret)
{
    uint64_t size = match->record->size;

    set_change(ret, LEDGER_REMOVED, key, size, 0);
    buffer_remove(ledger, &match->cursor, match->slot);
    if (ledger->unsettled)
        apply_any(ledger, ret, now);
    else
        apply_removed(&key->device->usage, key->region, size, now);
}

static void unshare(struct ledger *ledger, struct key key, struct record *record, uint64_t now,
                    struct ledger_change *ret)
{
    record->references--;
    set_change(ret, LEDGER_UNSHARED, &key, record->size, record->size);
    apply_any(ledger, ret, now);
}

int ledger_release(struct ledger *ledger, int32_t device_id, uint8_t region, uint64_t id, uint64_t now,
                   struct ledger_change *ret)
{
    struct match match;
    struct key key;

    if (device_id < 0 || (region >= USAGE_REGIONS && region != LEDGER_ANY_REGION))
        return -EINVAL;
    ledger->now = now;
    key_of(ledger, device_id, region, id, &key);
    buffer_find(ledger, &key, &match);
    if (!match.record) {
        set_change(ret, LEDGER_UNKNOWN, &key, 0, 0);
        ret->uncertain = ledger->stale > 0;
        return 0;
    }
    key.region = match.record->region;
    if (match.record->references > 1)
        unshare(ledger, key, match.record, now, ret);
    else
        remove_one(ledger, &key, &match, now, ret);
    ret->ambiguous = match.ambiguous;
    return 0;
}

uint32_t ledger_prefetch(const struct ledger *ledger, int32_t device_id, uint64_t id)
{
    uint32_t hash = hash_of(&ledger->key, device_id, id);

    index_prefetch(&ledger->index, hash);
    return hash;
}

void ledger_prefetch_record(const struct ledger *ledger, uint32_t hash)
{
    struct index_cursor cursor;
    uint32_t slot;

    index_search(&ledger->index, hash, &cursor);
    if (index_next(&cursor, &slot))
        slab_prefetch(&ledger->slab, slot);
}
