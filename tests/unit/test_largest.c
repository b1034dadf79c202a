/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_server_core */

/*
 * The N largest of many, against sorting all of them.
 */

#include "tests/unit/fixture.h"

#include <stdlib.h>

#include "server/largest.h"

#define MANY 2000

static struct ledger_device devices[3] = {{.device_id = 0}, {.device_id = 1}, {.device_id = 2}};

static int largest_first(const void *a_buffer, const void *b_buffer)
{
    const struct ledger_buffer *a = a_buffer, *b = b_buffer;

    if (a->size != b->size)
        return a->size < b->size ? 1 : -1;
    return a->id < b->id ? -1 : a->id > b->id;
}

static void fill(struct fixture_random *random, struct ledger_buffer *buffers, size_t count, size_t sizes)
{
    for (size_t i = 0; i < count; i++)
        buffers[i] = (struct ledger_buffer){
            .device = &devices[0], .id = i, .size = sizes ? fixture_below(random, sizes) : fixture_random(random)};
}

static void offer_all(struct largest *largest, const struct ledger_buffer *buffers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        largest_offer(largest, &buffers[i]);
    largest_sort(largest);
}

static void check(size_t count, size_t capacity, size_t sizes)
{
    struct fixture_random random = {count * 7919 + capacity};
    struct ledger_buffer buffers[MANY];
    struct largest largest;

    fill(&random, buffers, count, sizes);
    assert_int_equal(largest_init(&largest, capacity), 0);
    offer_all(&largest, buffers, count);
    qsort(buffers, count, sizeof(buffers[0]), largest_first);

    assert_int_equal(largest.count, count < capacity ? count : capacity);
    for (size_t i = 0; i < largest.count; i++) {
        assert_int_equal(largest.heap[i].size, buffers[i].size);
        if (sizes == 0) /* all different, so it must be the very buffer */
            assert_int_equal(largest.heap[i].id, buffers[i].id);
    }
    largest_done(&largest);
}

static void test_against_sorting(void **state)
{
    static const size_t counts[] = {0, 1, 2, 3, 19, 20, 21, 100, MANY};
    static const size_t capacities[] = {0, 1, 2, 3, 20, 33, MANY};

    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        for (size_t k = 0; k < sizeof(capacities) / sizeof(capacities[0]); k++) {
            check(counts[i], capacities[k], 0);
            check(counts[i], capacities[k], 4);
        }
}

static void test_equal_sizes_are_ordered_by_device_then_address(void **state)
{
    static const struct {
        size_t device;
        uint64_t id;
    } offered[] = {{2, 5}, {0, 9}, {1, 1}, {0, 2}, {2, 4}, {1, UINT64_MAX}},
      sorted[] = {{0, 2}, {0, 9}, {1, 1}, {1, UINT64_MAX}, {2, 4}, {2, 5}};
    struct largest largest;

    (void)state;
    assert_int_equal(largest_init(&largest, 6), 0);
    for (size_t i = 0; i < 6; i++) {
        struct ledger_buffer buffer = {.device = &devices[offered[i].device], .id = offered[i].id, .size = 64};

        largest_offer(&largest, &buffer);
    }
    largest_sort(&largest);
    for (size_t i = 0; i < 6; i++) {
        assert_ptr_equal(largest.heap[i].device, &devices[sorted[i].device]);
        assert_true(largest.heap[i].id == sorted[i].id);
    }
    largest_done(&largest);
}

static void test_clear_starts_anew(void **state)
{
    struct ledger_buffer big = {.device = &devices[0], .size = 1000}, small = {.device = &devices[0], .size = 1};
    struct largest largest;

    (void)state;
    assert_int_equal(largest_init(&largest, 2), 0);
    largest_offer(&largest, &big);
    largest_offer(&largest, &big);
    largest_clear(&largest);
    largest_offer(&largest, &small);
    largest_sort(&largest);
    assert_int_equal(largest.count, 1);
    assert_int_equal(largest.heap[0].size, 1);
    largest_done(&largest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_against_sorting),
        FIXTURE(test_equal_sizes_are_ordered_by_device_then_address),
        FIXTURE(test_clear_starts_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
