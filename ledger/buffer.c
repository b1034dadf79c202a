/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A buffer comes and goes; buffer.h says what belongs together.
 */

#include "ledger/buffer.h"

/* Numbers the others of the family from 1, in the order they have. As this is done for each newcomer, the numbers stay
 * within the count of regions. */
void buffer_make_youngest(struct ledger *ledger, struct key key, struct record *record)
{
    struct record *sorted[USAGE_REGIONS], *other;
    struct index_cursor cursor;
    unsigned count = 0;
    uint32_t slot;

    index_search(&ledger->index, key.hash, &cursor);
    while ((other = next_of_family(ledger, &key, &cursor, &slot))) {
        unsigned place = count;

        if (other == record)
            continue;
        for (; place > 0 && sorted[place - 1]->order > other->order; place--)
            sorted[place] = sorted[place - 1];
        sorted[place] = other;
        count++;
    }
    for (unsigned place = 0; place < count; place++)
        sorted[place]->order = (place + 1) & 7;
    record->order = count > 0 ? (count + 1) & 7 : 0;
    ledger->has_families = ledger->has_families || count > 0;
}

void buffer_share(struct record *record)
{
    if (record->references < UINT16_MAX)
        record->references++;
}

void buffer_replace(struct ledger *ledger, struct key key, struct record *record, uint64_t size, uint64_t now)
{
    make_fresh(ledger, record);
    record->size = size & SLAB_SIZE_MASK;
    record->born = tick_of(ledger, now);
    record->references = 1;
    buffer_make_youngest(ledger, key, record);
}

/* Among those born within one tick the order tells; a resync may tell of the members of a family in any order. */
static bool is_younger(const struct record *a, const struct record *b)
{
    return a->born != b->born ? a->born > b->born : a->order > b->order;
}

static bool is_meant(const struct key *key, const struct record *record)
{
    return key->region == LEDGER_ANY_REGION ? record->region < BUFFER_REGIONS : record->region == key->region;
}

struct match buffer_find_in_family(const struct ledger *ledger, struct key key)
{
    struct match match = {.record = NULL};
    struct index_cursor cursor;
    struct record *record;
    unsigned count = 0;
    uint32_t slot;

    index_search(&ledger->index, key.hash, &cursor);
    while ((record = next_of_family(ledger, &key, &cursor, &slot))) {
        if (!is_meant(&key, record))
            continue;
        count++;
        if (match.record && !is_younger(record, match.record))
            continue;
        match = (struct match){.cursor = cursor, .record = record, .slot = slot};
    }
    match.ambiguous = count > 1;
    return match;
}

/* Half of the time that ticks can count lies before the first birth, because a resync may tell of earlier ones. */
void buffer_begin_epoch(struct ledger *ledger, uint64_t now)
{
    const uint64_t half = (UINT64_C(1) << 31) * LEDGER_TICK;

    ledger->epoch = now > half ? now - half : 0;
}
