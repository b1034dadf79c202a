/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_ledger */

/*
 * The rules of ledger.h, one by one. That they also hold in any mixture is for test_ledger_model.c.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger/ledger.h"
#include "ledger/memory.h"

enum { DRAM, L1, SYSTEM_MEMORY, L1_SMALL, TRACE, CB, KERNEL };

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define DAY (86400 * SECOND)
#define CHUNK_BYTES 98304 /* of records, as ledger_memory() counts them */

static int setup(void **state)
{
    return ledger_new((struct ledger **)state, "0123456789abcdef");
}

static int teardown(void **state)
{
    *state = ledger_free(*state);
    return 0;
}

static struct ledger_change allocate(struct ledger *ledger, int32_t device, uint8_t region, uint64_t id, uint64_t size,
                                     uint64_t now)
{
    struct ledger_change change;

    assert_int_equal(ledger_allocate(ledger, device, region, id, size, now, &change), 0);
    assert_non_null(change.device);
    assert_int_equal(change.device->device_id, device);
    assert_int_equal(change.region, region);
    assert_false(change.ambiguous);
    return change;
}

static struct ledger_change release(struct ledger *ledger, int32_t device, uint8_t region, uint64_t id, uint64_t now)
{
    struct ledger_change change;

    assert_int_equal(ledger_release(ledger, device, region, id, now, &change), 0);
    return change;
}

static void assert_change(struct ledger_change change, enum ledger_effect effect, uint64_t before, uint64_t after)
{
    assert_int_equal(change.effect, effect);
    assert_int_equal(change.size_before, before);
    assert_int_equal(change.size_after, after);
}

/* The one buffer in the ledger. */
static struct ledger_buffer only_buffer(struct ledger *ledger)
{
    struct ledger_buffer buffer, none;
    uint64_t cursor = 0;

    assert_int_equal(ledger_count(ledger), 1);
    assert_true(ledger_walk(ledger, &cursor, NULL, &buffer));
    assert_false(ledger_walk(ledger, &cursor, NULL, &none));
    return buffer;
}

static void test_new_ledger_is_empty(void **state)
{
    struct ledger_buffer buffer;
    uint64_t cursor = 0;

    assert_int_equal(ledger_count(*state), 0);
    assert_int_equal(ledger_device_count(*state), 0);
    assert_null(ledger_find_device(*state, 0));
    assert_false(ledger_walk(*state, &cursor, NULL, &buffer));
    assert_true(ledger_memory(*state) > 0);
}

static void test_kernel_gives_the_key(void **state)
{
    struct ledger *ledger;

    (void)state;
    assert_int_equal(ledger_new(&ledger, NULL), 0);
    assert_change(allocate(ledger, 0, DRAM, 1, 10, 0), LEDGER_ADDED, 0, 10);
    assert_change(release(ledger, 0, DRAM, 1, 0), LEDGER_REMOVED, 10, 0);
    assert_null(ledger_free(ledger));
}

static void test_add_and_remove(void **state)
{
    struct usage *usage;

    assert_change(allocate(*state, 3, L1, 0x1000, 2048, 7 * SECOND), LEDGER_ADDED, 0, 2048);
    usage = &ledger_find_device(*state, 3)->usage;
    assert_true(usage->region[L1].bytes == 2048);
    assert_int_equal(usage->buffers[L1], 1);
    assert_int_equal(usage->allocations[L1], 1);
    assert_int_equal(usage->last_activity, 7 * SECOND);

    assert_change(release(*state, 3, L1, 0x1000, 8 * SECOND), LEDGER_REMOVED, 2048, 0);
    assert_int_equal(ledger_count(*state), 0);
    assert_true(usage->region[L1].bytes == 0);
    assert_true(usage->region[L1].peak == 2048);
    assert_int_equal(usage->buffers[L1], 0);
    assert_int_equal(usage->frees[L1], 1);
    assert_int_equal(usage->last_activity, 8 * SECOND);
}

static void test_device_and_region_are_part_of_the_key(void **state)
{
    const uint64_t id = 0x800000000;

    allocate(*state, 0, DRAM, id, 1, 0);
    allocate(*state, 1, DRAM, id, 2, 0);
    allocate(*state, 0, L1, id, 3, 0);
    allocate(*state, 1, L1, id, 4, 0);
    assert_int_equal(ledger_count(*state), 4);
    assert_change(release(*state, 0, L1, id, 0), LEDGER_REMOVED, 3, 0);
    assert_change(release(*state, 1, DRAM, id, 0), LEDGER_REMOVED, 2, 0);
    assert_change(release(*state, 1, L1, id, 0), LEDGER_REMOVED, 4, 0);
    assert_change(release(*state, 0, DRAM, id, 0), LEDGER_REMOVED, 1, 0);
}

static void test_same_key_and_size_is_a_reference(void **state)
{
    struct ledger_change change = allocate(*state, 0, DRAM, 1, 64, 1 * SECOND);
    const struct usage *usage = &change.device->usage;

    assert_change(allocate(*state, 0, DRAM, 1, 64, 2 * SECOND), LEDGER_SHARED, 64, 64);
    assert_change(allocate(*state, 0, DRAM, 1, 64, 3 * SECOND), LEDGER_SHARED, 64, 64);
    assert_true(usage->region[DRAM].bytes == 64);
    assert_int_equal(usage->buffers[DRAM], 1);
    assert_int_equal(usage->allocations[DRAM], 3);
    assert_int_equal(only_buffer(*state).references, 3);
    assert_int_equal(only_buffer(*state).born, 1 * SECOND);

    assert_change(release(*state, 0, DRAM, 1, 4 * SECOND), LEDGER_UNSHARED, 64, 64);
    assert_change(release(*state, 0, LEDGER_ANY_REGION, 1, 5 * SECOND), LEDGER_UNSHARED, 64, 64);
    assert_true(usage->region[DRAM].bytes == 64);
    assert_int_equal(usage->frees[DRAM], 2);
    assert_int_equal(usage->last_activity, 5 * SECOND);
    assert_change(release(*state, 0, DRAM, 1, 6 * SECOND), LEDGER_REMOVED, 64, 0);
    assert_change(release(*state, 0, DRAM, 1, 7 * SECOND), LEDGER_UNKNOWN, 0, 0);
}

static void test_same_key_and_other_size_replaces(void **state)
{
    struct ledger_change change = allocate(*state, 0, TRACE, 1, 1000, 1 * SECOND);
    const struct usage *usage = &change.device->usage;

    allocate(*state, 0, TRACE, 1, 1000, 2 * SECOND);
    assert_change(allocate(*state, 0, TRACE, 1, 600, 3 * SECOND), LEDGER_REPLACED, 1000, 600);
    assert_int_equal(only_buffer(*state).references, 1);
    assert_int_equal(only_buffer(*state).size, 600);
    assert_int_equal(only_buffer(*state).born, 3 * SECOND);
    assert_true(usage->region[TRACE].bytes == 600);
    assert_true(usage->region[TRACE].peak == 1000); /* not 1600: the two were never there together */
    assert_int_equal(usage->buffers[TRACE], 1);
    assert_int_equal(usage->allocations[TRACE], 3);
    assert_int_equal(usage->frees[TRACE], 0);
    assert_change(release(*state, 0, TRACE, 1, 4 * SECOND), LEDGER_REMOVED, 600, 0);
}

static void test_unknown_release_changes_nothing(void **state)
{
    struct ledger_change change = release(*state, 5, DRAM, 1, 1 * SECOND);
    struct usage before;

    assert_change(change, LEDGER_UNKNOWN, 0, 0);
    assert_null(change.device);
    assert_int_equal(ledger_device_count(*state), 0);

    change = allocate(*state, 5, DRAM, 1, 10, 2 * SECOND);
    before = change.device->usage;
    change = release(*state, 5, L1, 1, 3 * SECOND);
    assert_change(change, LEDGER_UNKNOWN, 0, 0);
    assert_ptr_equal(change.device, ledger_find_device(*state, 5));
    assert_change(release(*state, 5, LEDGER_ANY_REGION, 2, 4 * SECOND), LEDGER_UNKNOWN, 0, 0);
    assert_change(release(*state, 4, LEDGER_ANY_REGION, 1, 5 * SECOND), LEDGER_UNKNOWN, 0, 0);
    assert_memory_equal(&change.device->usage, &before, sizeof(before));
    assert_int_equal(only_buffer(*state).size, 10);
}

static void test_any_region_finds_the_only_match(void **state)
{
    for (uint8_t region = DRAM; region <= TRACE; region++) {
        struct ledger_change change;

        allocate(*state, 0, region, 77, 10, 0);
        allocate(*state, 1, region, 77, 10, 0); /* another device's is no match */
        change = release(*state, 0, LEDGER_ANY_REGION, 77, 0);
        assert_change(change, LEDGER_REMOVED, 10, 0);
        assert_int_equal(change.region, region);
        assert_false(change.ambiguous);
    }
}

static void test_any_region_is_never_cb_or_kernel(void **state)
{
    struct ledger_change change;

    allocate(*state, 0, CB, 9, 1, 0);
    allocate(*state, 0, L1, 9, 2, 0);
    allocate(*state, 0, KERNEL, 9, 3, 0);
    change = release(*state, 0, LEDGER_ANY_REGION, 9, 0);
    assert_change(change, LEDGER_REMOVED, 2, 0);
    assert_int_equal(change.region, L1);
    assert_false(change.ambiguous);
    assert_change(release(*state, 0, LEDGER_ANY_REGION, 9, 0), LEDGER_UNKNOWN, 0, 0);
    assert_change(release(*state, 0, KERNEL, 9, 0), LEDGER_REMOVED, 3, 0);
    assert_change(release(*state, 0, CB, 9, 0), LEDGER_REMOVED, 1, 0);
}

/* Allocates the regions in this order, all at one time, and sees them go youngest first. */
static void assert_youngest_first(struct ledger *ledger, const uint8_t order[5])
{
    for (unsigned i = 0; i < 5; i++)
        allocate(ledger, 0, order[i], 42, order[i] + 1U, 0);
    for (unsigned i = 5; i-- > 0;) {
        struct ledger_change change = release(ledger, 0, LEDGER_ANY_REGION, 42, 0);

        assert_change(change, LEDGER_REMOVED, order[i] + 1U, 0);
        assert_int_equal(change.region, order[i]);
        assert_int_equal(change.ambiguous, i > 0);
    }
}

static void swap(uint8_t *a, uint8_t *b)
{
    uint8_t c = *a;

    *a = *b;
    *b = c;
}

static void for_each_order(struct ledger *ledger, uint8_t order[5], unsigned fixed)
{
    if (fixed == 5)
        assert_youngest_first(ledger, order);
    for (unsigned i = fixed; i < 5; i++) {
        swap(&order[fixed], &order[i]);
        for_each_order(ledger, order, fixed + 1);
        swap(&order[fixed], &order[i]);
    }
}

static void test_ambiguous_release_takes_the_youngest_in_every_order(void **state)
{
    uint8_t order[5] = {DRAM, L1, SYSTEM_MEMORY, L1_SMALL, TRACE};

    for_each_order(*state, order, 0);
}

static void test_families_are_remembered(void **state)
{
    struct ledger *ledger = *state;

    for (uint64_t id = 0; id < 1000; id++)
        allocate(ledger, (int32_t)id % 3, DRAM, id, 1, 0);
    allocate(ledger, 1, L1, 0, 1, 0); /* another device */
    assert_false(ledger_has_families(ledger));
    allocate(ledger, 2, L1, 2, 1, 0);
    assert_true(ledger_has_families(ledger));
    release(ledger, 2, L1, 2, 0);
    assert_true(ledger_has_families(ledger));
}

static void test_replaced_is_youngest_and_shared_is_not(void **state)
{
    allocate(*state, 0, DRAM, 1, 10, 0);
    allocate(*state, 0, L1, 1, 20, 0);
    allocate(*state, 0, TRACE, 1, 30, 0);
    allocate(*state, 0, DRAM, 1, 11, 0); /* replaced: younger than TRACE now */
    allocate(*state, 0, L1, 1, 20, 0);   /* a reference: as old as before */
    assert_change(release(*state, 0, LEDGER_ANY_REGION, 1, 0), LEDGER_REMOVED, 11, 0);
    assert_change(release(*state, 0, LEDGER_ANY_REGION, 1, 0), LEDGER_REMOVED, 30, 0);
    assert_change(release(*state, 0, LEDGER_ANY_REGION, 1, 0), LEDGER_UNSHARED, 20, 20);
    assert_change(release(*state, 0, LEDGER_ANY_REGION, 1, 0), LEDGER_REMOVED, 20, 0);
}

/* More newcomers beside a buffer that stays than a small number of their order could count. */
static void test_youngest_after_many_newcomers(void **state)
{
    allocate(*state, 0, DRAM, 1, 5, 0);
    for (uint64_t i = 0; i < 1000; i++) {
        uint8_t region = i % 2 ? L1 : TRACE, other = i % 2 ? TRACE : L1;

        allocate(*state, 0, region, 1, 10, 0);
        if (i > 0)
            assert_change(release(*state, 0, other, 1, 0), LEDGER_REMOVED, 10, 0);
    }
    assert_int_equal(release(*state, 0, LEDGER_ANY_REGION, 1, 0).region, L1);
    assert_int_equal(release(*state, 0, LEDGER_ANY_REGION, 1, 0).region, DRAM);
    for (uint64_t i = 0; i < 1000; i++) {
        allocate(*state, 0, DRAM, 1, 1 + i % 2, 0);
        allocate(*state, 0, L1, 1, 1 + i % 2, 0);
        if (i > 0)
            assert_int_equal(ledger_count(*state), 2);
    }
    assert_int_equal(release(*state, 0, LEDGER_ANY_REGION, 1, 0).region, L1);
}

static void test_size_zero_is_a_buffer(void **state)
{
    assert_change(allocate(*state, 0, DRAM, 1, 0, 0), LEDGER_ADDED, 0, 0);
    assert_int_equal(only_buffer(*state).size, 0);
    assert_change(allocate(*state, 0, DRAM, 1, 0, 0), LEDGER_SHARED, 0, 0);
    assert_change(allocate(*state, 0, DRAM, 1, 9, 0), LEDGER_REPLACED, 0, 9);
    assert_change(allocate(*state, 0, DRAM, 1, 0, 0), LEDGER_REPLACED, 9, 0);
    assert_true(ledger_device(*state, 0)->usage.region[DRAM].bytes == 0);
    assert_int_equal(ledger_device(*state, 0)->usage.buffers[DRAM], 1);
    assert_change(release(*state, 0, DRAM, 1, 0), LEDGER_REMOVED, 0, 0);
    assert_int_equal(ledger_count(*state), 0);
}

static void assert_refused(struct ledger *ledger, int32_t device, uint8_t region, uint64_t size)
{
    struct ledger_change change, untouched;

    memset(&change, 0x5a, sizeof(change));
    untouched = change;
    assert_int_equal(ledger_allocate(ledger, device, region, 1, size, 0, &change), -EINVAL);
    assert_memory_equal(&change, &untouched, sizeof(change));
    assert_int_equal(ledger_count(ledger), 0);
    assert_int_equal(ledger_device_count(ledger), 0);
}

static void test_impossible_fields_are_refused(void **state)
{
    struct ledger_change change;
    struct ledger_device *device;

    assert_refused(*state, -1, DRAM, 1);
    assert_refused(*state, INT32_MIN, DRAM, 1);
    assert_refused(*state, 0, USAGE_REGIONS, 1);
    assert_refused(*state, 0, LEDGER_ANY_REGION, 1);
    assert_refused(*state, 0, DRAM, LEDGER_SIZE_LIMIT);
    assert_refused(*state, 0, DRAM, UINT64_MAX);
    assert_int_equal(ledger_release(*state, -1, DRAM, 1, 0, &change), -EINVAL);
    assert_int_equal(ledger_release(*state, 0, USAGE_REGIONS, 1, 0, &change), -EINVAL);
    assert_int_equal(ledger_release(*state, 0, LEDGER_ANY_REGION - 1, 1, 0, &change), -EINVAL);
    assert_int_equal(ledger_add_device(*state, -1, &device), -EINVAL);
}

static void test_extremes_are_accepted(void **state)
{
    const uint64_t size = LEDGER_SIZE_LIMIT - 1;

    assert_change(allocate(*state, INT32_MAX, KERNEL, UINT64_MAX, size, UINT64_MAX), LEDGER_ADDED, 0, size);
    assert_int_equal(only_buffer(*state).id, UINT64_MAX);
    assert_int_equal(only_buffer(*state).size, size);
    assert_int_equal(only_buffer(*state).born, UINT64_MAX);
    assert_change(release(*state, INT32_MAX, KERNEL, UINT64_MAX, UINT64_MAX), LEDGER_REMOVED, size, 0);
    assert_change(allocate(*state, 0, DRAM, 0, 1, UINT64_MAX), LEDGER_ADDED, 0, 1);
    assert_change(release(*state, 0, DRAM, 0, UINT64_MAX), LEDGER_REMOVED, 1, 0);
}

static void test_256_devices(void **state)
{
    struct ledger_device *devices[LEDGER_DEVICES_MAX], *device;
    struct ledger_change change;

    for (int32_t i = 0; i < LEDGER_DEVICES_MAX; i++) {
        devices[i] = allocate(*state, INT32_MAX - 7 * i, DRAM, 1, 10, 0).device;
        assert_null(devices[i]->userdata);
        devices[i]->userdata = &devices[i];
    }
    assert_int_equal(ledger_allocate(*state, 1, DRAM, 1, 10, 0, &change), -ENOSPC);
    assert_int_equal(ledger_add_device(*state, 1, &device), -ENOSPC);
    assert_null(release(*state, 1, DRAM, 1, 0).device);
    assert_int_equal(ledger_count(*state), LEDGER_DEVICES_MAX);
    assert_int_equal(ledger_device_count(*state), LEDGER_DEVICES_MAX);
    for (int32_t i = 0; i < LEDGER_DEVICES_MAX; i++) {
        assert_ptr_equal(ledger_device(*state, (size_t)i), devices[i]);
        assert_ptr_equal(ledger_find_device(*state, INT32_MAX - 7 * i), devices[i]);
        assert_int_equal(ledger_add_device(*state, INT32_MAX - 7 * i, &device), 0);
        assert_ptr_equal(device, devices[i]);
        assert_ptr_equal(device->userdata, &devices[i]);
        assert_change(release(*state, INT32_MAX - 7 * i, DRAM, 1, 0), LEDGER_REMOVED, 10, 0);
    }
}

static void test_device_without_buffers(void **state)
{
    struct ledger_device *device;

    assert_int_equal(ledger_add_device(*state, 0, &device), 0);
    assert_int_equal(device->device_id, 0);
    assert_int_equal(usage_buffers(&device->usage), 0);
    assert_ptr_equal(release(*state, 0, DRAM, 1, 0).device, device);
    assert_ptr_equal(allocate(*state, 0, DRAM, 1, 1, 0).device, device);
    assert_int_equal(ledger_device_count(*state), 1);
}

static void test_born_is_kept_to_10_ms(void **state)
{
    const uint64_t start = 123456789012345;

    for (uint64_t i = 0; i < 1000; i++)
        allocate(*state, 0, DRAM, i, 1, start + i * 3333333);
    for (uint64_t cursor = 0, i = 0; i < 1000; i++) {
        struct ledger_buffer buffer;

        assert_true(ledger_walk(*state, &cursor, NULL, &buffer));
        assert_in_range(buffer.born, start + buffer.id * 3333333 - (10 * MS - 1), start + buffer.id * 3333333);
    }
}

/* Half of the 497 days that 32 bits of ticks are lie before the first birth. */
static void test_born_stands_still_after_248_days(void **state)
{
    allocate(*state, 0, DRAM, 1, 1, 300 * DAY);
    allocate(*state, 0, L1, 2, 1, 600 * DAY);
    assert_change(release(*state, 0, DRAM, 1, 600 * DAY), LEDGER_REMOVED, 1, 0);
    assert_int_equal(only_buffer(*state).born / DAY, 300 + 248);
    release(*state, 0, L1, 2, 600 * DAY);
    allocate(*state, 0, L1, 2, 1, 601 * DAY); /* an empty ledger starts to count anew */
    assert_int_equal(only_buffer(*state).born, 601 * DAY);
}

static void test_born_is_never_in_the_future(void **state)
{
    allocate(*state, 0, DRAM, 1, 1, 5 * SECOND);
    allocate(*state, 0, DRAM, 2, 1, 3 * SECOND);
    release(*state, 0, DRAM, 1, 3 * SECOND);
    assert_true(only_buffer(*state).born <= 3 * SECOND);
}

static void test_references_past_65535_are_not_counted(void **state)
{
    for (int i = 0; i < 70000; i++)
        allocate(*state, 0, DRAM, 1, 8, 0);
    assert_int_equal(only_buffer(*state).references, 65535);
    assert_int_equal(ledger_device(*state, 0)->usage.allocations[DRAM], 70000);
    for (int i = 0; i < 65534; i++)
        assert_change(release(*state, 0, DRAM, 1, 0), LEDGER_UNSHARED, 8, 8);
    assert_int_equal(only_buffer(*state).references, 1);
    assert_change(release(*state, 0, DRAM, 1, 0), LEDGER_REMOVED, 8, 0);
    assert_change(release(*state, 0, DRAM, 1, 0), LEDGER_UNKNOWN, 0, 0);
}

/* What the owner of several ledgers adds up with ledger_apply() is what the ledgers say themselves. */
static void test_apply_adds_up_to_the_same(void **state)
{
    struct usage sum = {0};

    for (uint64_t i = 0; i < 2000; i++) {
        uint64_t id = i * 7 % 40;
        uint8_t region = i % 3 ? DRAM : KERNEL;
        struct ledger_change change;

        if (i % 5 < 3)
            change = allocate(*state, 0, region, id, id + i % 11 / 10, i);
        else
            change = release(*state, 0, i % 2 ? region : LEDGER_ANY_REGION, id, i);
        ledger_apply(&change, i, &sum);
    }
    assert_true(usage_buffers(&sum) > 0);
    assert_memory_equal(&sum, &ledger_device(*state, 0)->usage, sizeof(sum));
}

static void test_prefetch_changes_nothing(void **state)
{
    ledger_prefetch(*state, 0, 1);
    allocate(*state, 0, DRAM, 1, 8, 0);
    ledger_prefetch(*state, 0, 1);
    ledger_prefetch(*state, -1, UINT64_MAX);
    assert_int_equal(ledger_device_count(*state), 1);
    assert_int_equal(only_buffer(*state).references, 1);
}

static void test_walk_shows_all_fields(void **state)
{
    struct ledger_device *device = allocate(*state, 6, L1_SMALL, 0xabc, 32, 40 * MS).device;
    struct ledger_buffer buffer;

    allocate(*state, 6, L1_SMALL, 0xabc, 32, 80 * MS);
    buffer = only_buffer(*state);
    assert_ptr_equal(buffer.device, device);
    assert_int_equal(buffer.id, 0xabc);
    assert_int_equal(buffer.size, 32);
    assert_int_equal(buffer.born, 40 * MS);
    assert_int_equal(buffer.references, 2);
    assert_int_equal(buffer.region, L1_SMALL);
}

static void test_walk_in_small_steps(void **state)
{
    enum { BUFFERS = 9000 };
    static unsigned char seen[BUFFERS];
    uint64_t cursor = 0, visited = 0;
    struct ledger_buffer buffer;
    size_t steps;

    memset(seen, 0, sizeof(seen));
    for (uint64_t i = 0; i < BUFFERS; i++)
        allocate(*state, 0, DRAM, i, 1, 0);
    for (uint64_t i = 0; i < BUFFERS; i += 2)
        release(*state, 0, DRAM, i, 0);
    do {
        size_t found = 0;

        steps = 7;
        while (ledger_walk(*state, &cursor, &steps, &buffer)) {
            found++;
            assert_int_equal(seen[buffer.id]++, 0);
        }
        assert_in_range(steps, 0, 7 - found);
        visited += found;
    } while (steps == 0);
    assert_int_equal(visited, BUFFERS / 2);
    steps = 0;
    cursor = 0;
    assert_false(ledger_walk(*state, &cursor, &steps, &buffer));
    assert_int_equal(cursor, 0);
}

enum { IDS = 40000, LIVES = 1000000 };

/* The buffers of the next test: each life of an id has a size of its own, so a visit tells which life it saw. */
struct lives {
    struct ledger *ledger;
    uint64_t next; /* size of the next life */
    struct {
        bool live;
        bool throughout; /* since before the walk began */
        bool seen;
    } of[LIVES];
    uint64_t life[IDS]; /* of an id; 0: none yet */
};

static void begin_life(struct lives *lives, uint64_t id)
{
    uint64_t life = lives->next++;

    assert_change(allocate(lives->ledger, 0, DRAM, id, life, 0), LEDGER_ADDED, 0, life);
    lives->of[life].live = true;
    lives->life[id] = life;
}

static void end_life(struct lives *lives, uint64_t id)
{
    uint64_t life = lives->life[id];

    assert_change(release(lives->ledger, 0, DRAM, id, 0), LEDGER_REMOVED, life, 0);
    lives->of[life].live = false;
}

/* Returns whether the walk is to be continued. */
static bool visit(struct lives *lives, uint64_t *cursor, size_t steps)
{
    struct ledger_buffer buffer;

    while (ledger_walk(lives->ledger, cursor, &steps, &buffer)) {
        assert_true(lives->of[buffer.size].live);
        assert_false(lives->of[buffer.size].seen);
        lives->of[buffer.size].seen = true;
    }
    return steps == 0;
}

/* Ends the lives of all ids but the staying ones, or begins new ones. */
static void turn(struct lives *lives, bool live)
{
    for (uint64_t id = 0; id < IDS; id++) {
        if (lives->of[lives->life[id]].throughout)
            continue;
        if (live)
            begin_life(lives, id);
        else
            end_life(lives, id);
    }
}

/* Some chunks hold staying buffers; the others empty, are given back and made again, on both sides of the cursor. */
static void test_walk_while_buffers_come_and_go(void **state)
{
    struct lives *lives = calloc(1, sizeof(*lives));
    uint64_t cursor = 0;
    unsigned rounds = 0;
    bool more;

    assert_non_null(lives);
    lives->ledger = *state;
    lives->next = 1;
    turn(lives, true);
    for (uint64_t id = 0; id < IDS; id += 5)
        lives->of[lives->life[id]].throughout = id % 8192 < 4000;
    do {
        size_t held = ledger_memory(*state);

        turn(lives, false);
        assert_true(ledger_memory(*state) < held - 3 * CHUNK_BYTES);
        more = visit(lives, &cursor, 500);
        turn(lives, true);
        more = more && visit(lives, &cursor, 500);
        rounds++;
    } while (more);
    assert_true(rounds > 10);
    for (uint64_t id = 0; id < IDS; id++)
        if (lives->of[lives->life[id]].throughout)
            assert_true(lives->of[lives->life[id]].seen);
    free(lives);
}

static void test_few_buffers_cost_little(void **state)
{
    for (uint64_t i = 0; i < 3; i++)
        allocate(*state, 0, DRAM, i << 30, 4096, 0);
    assert_in_range(ledger_memory(*state), 1, 2048);
}

static void test_many_buffers_cost_at_most_40_bytes_each(void **state)
{
    for (uint64_t i = 1; i <= 300000; i++) {
        allocate(*state, 0, DRAM, i * 2048, 2048, 0);
        if (i >= 100000 && i % 5000 == 0)
            assert_in_range(ledger_memory(*state), 32 * i, 40 * i);
    }
}

static void fill(struct ledger *ledger, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++)
        allocate(ledger, 0, DRAM, i, 1, 0);
}

static void empty(struct ledger *ledger, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++)
        release(ledger, 0, DRAM, i, 0);
}

/* All of them but one, and the next ones take their places: a walk does not become longer. */
static void test_chunks_are_given_back(void **state)
{
    enum { BUFFERS = 100000, CHUNKS = 25 };
    struct ledger_buffer buffer;
    uint64_t cursor = 0;
    size_t full, steps = SIZE_MAX;

    fill(*state, 0, BUFFERS);
    full = ledger_memory(*state);
    for (int i = 0; i < 10; i++) {
        empty(*state, 0, BUFFERS);
        assert_in_range(ledger_memory(*state), 1, full - (CHUNKS - 1) * CHUNK_BYTES);
        fill(*state, 0, BUFFERS);
        assert_int_equal(ledger_memory(*state), full);
    }
    empty(*state, 0, BUFFERS);
    assert_false(ledger_walk(*state, &cursor, &steps, &buffer));
    assert_in_range(SIZE_MAX - steps, 1, CHUNKS);
}

/* The first chunk alone begins small and grows. Given back and made again, it is as large as the others at once. */
static void test_first_chunk_is_made_again(void **state)
{
    enum { CHUNK = 4096 };
    struct ledger_buffer buffer;
    uint64_t cursor = 0, found = 0;
    size_t memory;

    fill(*state, 0, 2 * CHUNK);
    memory = ledger_memory(*state);
    empty(*state, CHUNK, CHUNK);
    empty(*state, 0, CHUNK);
    assert_true(ledger_memory(*state) < memory);
    fill(*state, 0, 2 * CHUNK);
    assert_int_equal(ledger_memory(*state), memory);
    while (ledger_walk(*state, &cursor, NULL, &buffer))
        found++;
    assert_int_equal(found, 2 * CHUNK);
}

/* A chunk that was emptied is used again from its beginning; the walk goes on behind it with the next one's first. */
static void test_walk_past_a_chunk_in_use_again(void **state)
{
    enum { CHUNK = 4096, AGAIN = 10 };
    struct ledger_buffer buffer;
    uint64_t cursor = 0, visited = 0;

    fill(*state, 0, 3 * CHUNK);
    empty(*state, CHUNK, CHUNK);
    fill(*state, CHUNK, AGAIN);
    while (ledger_walk(*state, &cursor, NULL, &buffer))
        visited++;
    assert_int_equal(visited, 2 * CHUNK + AGAIN);
}

static unsigned allocations;

static bool count_allocation(size_t size)
{
    (void)size;
    allocations++;
    return true;
}

/* Around the edge of a chunk, and around none at all, a buffer that comes and goes must not cost an allocation. */
static void test_edge_of_a_chunk_is_smooth(void **state)
{
    for (uint64_t live = 8180; live < 8200; live++) {
        fill(*state, 0, live);
        fill(*state, live, 1);
        allocations = 0;
        memory_hook = count_allocation;
        for (int i = 0; i < 20; i++) {
            empty(*state, live, 1);
            fill(*state, live, 1);
        }
        memory_hook = NULL;
        assert_int_equal(allocations, 0);
        empty(*state, 0, live + 1);
        memory_hook = count_allocation;
        for (int i = 0; i < 20; i++) {
            fill(*state, live, 1);
            empty(*state, live, 1);
        }
        memory_hook = NULL;
        assert_int_equal(allocations, 0);
    }
}

static void test_free_some(void **state)
{
    enum { BUFFERS = 100000 };
    struct ledger *ledger;
    unsigned calls = 0;

    (void)state;
    assert_null(ledger_free_some(NULL, 1));
    assert_null(ledger_free(NULL));
    assert_int_equal(ledger_new(&ledger, "0123456789abcdef"), 0);
    for (uint64_t i = 0; i < BUFFERS; i++)
        allocate(ledger, (int32_t)(i % 100), DRAM, i, 1, 0);
    assert_ptr_equal(ledger_free_some(ledger, 0), ledger);
    for (; ledger; calls++)
        ledger = ledger_free_some(ledger, 10);
    /* 25 chunks, some 350 segments in 512 places, 100 devices; nothing is freed in bulk. */
    assert_in_range(calls, 45, 80);
}

#define WITH_LEDGER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LEDGER(test_new_ledger_is_empty),
        cmocka_unit_test(test_kernel_gives_the_key),
        WITH_LEDGER(test_add_and_remove),
        WITH_LEDGER(test_device_and_region_are_part_of_the_key),
        WITH_LEDGER(test_same_key_and_size_is_a_reference),
        WITH_LEDGER(test_same_key_and_other_size_replaces),
        WITH_LEDGER(test_unknown_release_changes_nothing),
        WITH_LEDGER(test_any_region_finds_the_only_match),
        WITH_LEDGER(test_any_region_is_never_cb_or_kernel),
        WITH_LEDGER(test_ambiguous_release_takes_the_youngest_in_every_order),
        WITH_LEDGER(test_families_are_remembered),
        WITH_LEDGER(test_replaced_is_youngest_and_shared_is_not),
        WITH_LEDGER(test_youngest_after_many_newcomers),
        WITH_LEDGER(test_size_zero_is_a_buffer),
        WITH_LEDGER(test_impossible_fields_are_refused),
        WITH_LEDGER(test_extremes_are_accepted),
        WITH_LEDGER(test_256_devices),
        WITH_LEDGER(test_device_without_buffers),
        WITH_LEDGER(test_born_is_kept_to_10_ms),
        WITH_LEDGER(test_born_stands_still_after_248_days),
        WITH_LEDGER(test_born_is_never_in_the_future),
        WITH_LEDGER(test_references_past_65535_are_not_counted),
        WITH_LEDGER(test_apply_adds_up_to_the_same),
        WITH_LEDGER(test_prefetch_changes_nothing),
        WITH_LEDGER(test_walk_shows_all_fields),
        WITH_LEDGER(test_walk_in_small_steps),
        WITH_LEDGER(test_walk_while_buffers_come_and_go),
        WITH_LEDGER(test_few_buffers_cost_little),
        WITH_LEDGER(test_many_buffers_cost_at_most_40_bytes_each),
        WITH_LEDGER(test_chunks_are_given_back),
        WITH_LEDGER(test_first_chunk_is_made_again),
        WITH_LEDGER(test_walk_past_a_chunk_in_use_again),
        WITH_LEDGER(test_edge_of_a_chunk_is_smooth),
        cmocka_unit_test(test_free_some),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
