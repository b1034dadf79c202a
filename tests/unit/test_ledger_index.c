/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_ledger */

/*
 * The ledger's hash and index under ids that were chosen to hurt. Prices are counted in buckets that a search looks at,
 * not in time: the counts are the same on every machine.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ledger/hash.h"
#include "ledger/index.h"

static const unsigned char zeros[HASH_KEY_SIZE], secret[HASH_KEY_SIZE] = "not a known key";

static void insert(struct index *index, uint32_t hash, uint32_t slot)
{
    struct index_segment *segment;

    assert_int_equal(index_reserve(index, hash, &segment), 0);
    index_insert(segment, hash, slot);
}

/* Looks for all slots with this hash; returns the number of buckets looked at. */
static uint32_t search(const struct index *index, uint32_t hash, uint32_t wanted, bool *ret_found)
{
    struct index_cursor cursor;
    uint32_t slot = 0;

    *ret_found = false;
    index_search(index, hash, &cursor);
    while (index_next(&cursor, &slot))
        *ret_found |= slot == wanted;
    return cursor.looked;
}

static void free_index(struct index *index)
{
    index_free_some(index, SIZE_MAX);
    assert_int_equal(index->memory, 0);
}

/* Buckets looked at to find each of the ids once, all of them being in the index. */
static uint64_t price(const void *key, const uint64_t *ids, uint32_t count)
{
    struct hash_key hash_key = hash_key_from(key);
    struct index index;
    uint64_t buckets = 0;

    assert_int_equal(index_init(&index), 0);
    for (uint32_t i = 0; i < count; i++)
        insert(&index, hash_of(&hash_key, 0, ids[i]), i);
    for (uint32_t i = 0; i < count; i++) {
        bool found;

        buckets += search(&index, hash_of(&hash_key, 0, ids[i]), i, &found);
        assert_true(found);
    }
    free_index(&index);
    return buckets;
}

enum { CHOSEN = 40000 };

static uint64_t honest_price(void)
{
    static uint64_t ids[CHOSEN];

    for (uint64_t i = 0; i < CHOSEN; i++)
        ids[i] = 0x800000000 + i * 2048;
    return price(secret, ids, CHOSEN);
}

/* With a known key an attacker finds ids that all start their search in the first buckets. The secret undoes it. */
static void test_ids_chosen_to_collide_cost_no_more(void **state)
{
    static uint64_t ids[CHOSEN];
    struct hash_key known = hash_key_from(zeros);
    uint64_t honest = honest_price();
    uint32_t count = 0;

    (void)state;
    for (uint64_t id = 0; count < CHOSEN; id += 32)
        if (hash_of(&known, 0, id) < UINT32_MAX / INDEX_SEGMENT)
            ids[count++] = id;
    assert_true(price(zeros, ids, CHOSEN) > 10 * honest); /* else this test would show nothing */
    assert_true(price(secret, ids, CHOSEN) < honest + honest / 4);
}

static uint64_t multiple(uint64_t i, unsigned bits)
{
    return i << bits;
}

static uint64_t high_bits_only(uint64_t i, unsigned bits)
{
    return i << 48 | bits;
}

static uint64_t same_low_half(uint64_t i, unsigned bits)
{
    return i << 32 | 0xdeadbeef >> bits % 32;
}

static uint64_t low_and_high(uint64_t i, unsigned bits)
{
    return i | ~i << (16 + bits);
}

/* Addresses come in patterns, and so would the ids of somebody who tries his luck. */
static void test_ids_in_patterns_cost_no_more(void **state)
{
    static uint64_t (*const patterns[])(uint64_t i, unsigned bits) = {multiple, high_bits_only, same_low_half,
                                                                      low_and_high};
    static uint64_t ids[CHOSEN];
    uint64_t honest = honest_price();

    (void)state;
    for (unsigned pattern = 0; pattern < 4; pattern++)
        for (unsigned bits = 0; bits < 48; bits += 6) {
            for (uint64_t i = 0; i < CHOSEN; i++)
                ids[i] = patterns[pattern](i, bits);
            assert_true(price(secret, ids, CHOSEN) < honest + honest / 4);
        }
}

/* The device is hashed too: the same addresses on many devices are as good as different ones. */
static void test_one_id_on_many_devices_spreads(void **state)
{
    struct hash_key key = hash_key_from(secret);
    struct index index;
    uint32_t longest = 0;

    (void)state;
    assert_int_equal(index_init(&index), 0);
    for (int32_t device = 0; device < 20000; device++)
        insert(&index, hash_of(&key, device, 0x1000), (uint32_t)device);
    for (int32_t device = 0; device < 20000; device++) {
        bool found;
        uint32_t buckets = search(&index, hash_of(&key, device, 0x1000), (uint32_t)device, &found);

        assert_true(found);
        if (longest < buckets)
            longest = buckets;
    }
    assert_in_range(longest, 2, INDEX_SEGMENT / 2);
    free_index(&index);
}

/* More equal hashes than a segment holds cannot be parted by splitting: the segment must grow past its usual size, and
 * when the directory is as large as it may be, it only grows. */
static void test_equal_hashes_beyond_a_segment(void **state)
{
    enum { EQUAL = 2000 };
    const uint32_t hash = 0xabcdef01;
    struct index_cursor cursor;
    struct index index;
    uint32_t slot = 0, sum = 0;
    bool found;

    (void)state;
    assert_int_equal(index_init(&index), 0);
    for (uint32_t i = 0; i < EQUAL; i++)
        insert(&index, hash, i);
    insert(&index, hash ^ 1U << 31, EQUAL);
    assert_int_equal(index.depth, INDEX_DEPTH_MAX);
    for (uint32_t i = 0; i < EQUAL; i++) {
        search(&index, hash, i, &found);
        assert_true(found);
    }
    for (uint32_t i = 0; i < EQUAL; i++) {
        index_search(&index, hash, &cursor);
        assert_true(index_next(&cursor, &slot));
        sum += slot;
        index_remove(&index, &cursor);
    }
    assert_int_equal(sum, EQUAL * (EQUAL - 1) / 2);
    index_search(&index, hash, &cursor);
    assert_false(index_next(&cursor, &slot));
    search(&index, hash ^ 1U << 31, EQUAL, &found);
    assert_true(found);
    free_index(&index);
}

static void remove_slot(struct index *index, uint32_t hash, uint32_t wanted)
{
    struct index_cursor cursor;
    uint32_t slot = 0;

    index_search(index, hash, &cursor);
    do {
        assert_true(index_next(&cursor, &slot));
    } while (slot != wanted);
    index_remove(index, &cursor);
}

/* Two buckets, each with an entry that had to go to the other: nothing but the number of buckets ends a search then. */
static void test_search_ends_when_every_bucket_was_passed(void **state)
{
    const uint32_t first = 0x10, second = 0x80000010;
    struct index index;
    uint32_t slot = 0;
    bool found;

    (void)state;
    assert_int_equal(index_init(&index), 0);
    for (int i = 0; i < 8; i++)
        insert(&index, first, slot++); /* slot 7 goes to the second bucket */
    for (uint32_t i = 0; i < 5; i++)
        remove_slot(&index, first, i);
    for (int i = 0; i < 7; i++)
        insert(&index, second, slot++); /* slot 14 goes to the first */
    assert_int_equal(index_segment(&index, first)->size, 2);
    assert_int_not_equal(index_segment(&index, first)->buckets[0].passed, 0);
    assert_int_not_equal(index_segment(&index, first)->buckets[1].passed, 0);

    assert_int_equal(search(&index, first + 1, 0, &found), 2);
    assert_false(found);
    assert_int_equal(search(&index, first, 7, &found), 2);
    assert_true(found);
    assert_int_equal(search(&index, second, 14, &found), 2);
    assert_true(found);
    remove_slot(&index, second, 14);
    remove_slot(&index, first, 7);
    assert_int_equal(index_segment(&index, first)->buckets[0].passed, 0);
    assert_int_equal(index_segment(&index, first)->buckets[1].passed, 0);
    free_index(&index);
}

/* Most hashes are even, so the odd ones stay in one segment that many places of the directory share. */
static void test_segment_in_several_places(void **state)
{
    enum { EVEN = 5000, ODD = 300 };
    struct index index;
    bool found;

    (void)state;
    assert_int_equal(index_init(&index), 0);
    for (uint32_t i = 0; i < EVEN; i++)
        insert(&index, i * 2654435761U & ~1U, i);
    for (uint32_t i = 0; i < ODD; i++)
        insert(&index, i * 2654435761U | 1, EVEN + i);
    assert_int_equal(index.directory[1].depth, 1);
    assert_in_range(index.depth, 4, 6);
    assert_int_equal(index.directory[1].count, ODD);
    for (uint32_t i = 0; i < ODD; i++)
        remove_slot(&index, i * 2654435761U | 1, EVEN + i);
    assert_int_equal(index.directory[1].count, 0);
    for (uint32_t i = 0; i < EVEN; i++) {
        search(&index, i * 2654435761U & ~1U, i, &found);
        assert_true(found);
    }
    free_index(&index);
}

/* Entries come and go a hundred times over; without tombstones nothing may become slower or larger by that. */
static void test_churn_leaves_no_trace(void **state)
{
    enum { LIVE = 20000 };
    struct hash_key key = hash_key_from(secret);
    struct index index;
    uint64_t buckets = 0;
    bool found;

    (void)state;
    assert_int_equal(index_init(&index), 0);
    for (uint32_t i = 0; i < LIVE; i++)
        insert(&index, hash_of(&key, 0, i), i);
    for (uint32_t i = 0; i < 100 * LIVE; i++) {
        remove_slot(&index, hash_of(&key, 0, i), i);
        insert(&index, hash_of(&key, 0, i + LIVE), i + LIVE);
    }
    for (uint32_t i = 100 * LIVE; i < 101 * LIVE; i++) {
        buckets += search(&index, hash_of(&key, 0, i), i, &found);
        assert_true(found);
    }
    assert_in_range(buckets, LIVE, LIVE * 2);
    assert_in_range(index.memory, LIVE * 8, LIVE * 24);
    for (uint32_t i = 100 * LIVE; i < 101 * LIVE; i++)
        remove_slot(&index, hash_of(&key, 0, i), i);
    for (size_t place = 0; place < index.size; place++) {
        if (place < (size_t)1 << index.directory[place].depth)
            assert_int_equal(index.directory[place].count, 0);
        for (uint32_t i = 0; i < index.directory[place].size; i++) {
            assert_int_equal(index.directory[place].buckets[i].used, 0);
            assert_int_equal(index.directory[place].buckets[i].passed, 0);
        }
    }
    free_index(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_chosen_to_collide_cost_no_more),
        cmocka_unit_test(test_ids_in_patterns_cost_no_more),
        cmocka_unit_test(test_one_id_on_many_devices_spreads),
        cmocka_unit_test(test_equal_hashes_beyond_a_segment),
        cmocka_unit_test(test_search_ends_when_every_bucket_was_passed),
        cmocka_unit_test(test_segment_in_several_places),
        cmocka_unit_test(test_churn_leaves_no_trace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
