/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_ledger */

/*
 * The rules of ledger.h about resync, one by one. That they also hold in any mixture is for test_ledger_model.c.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ledger/ledger.h"

enum { DRAM, L1, SYSTEM_MEMORY, L1_SMALL, TRACE, CB, KERNEL };

#define SECOND UINT64_C(1000000000)
#define DAY (86400 * SECOND)
#define LATE (800 * DAY)

static int setup(void **state)
{
    return ledger_new((struct ledger **)state, "0123456789abcdef");
}

static int teardown(void **state)
{
    *state = ledger_free(*state);
    return 0;
}

static struct ledger_change allocate(struct ledger *ledger, uint8_t region, uint64_t id, uint64_t size, uint64_t now)
{
    struct ledger_change change;

    assert_int_equal(ledger_allocate(ledger, 0, region, id, size, now, &change), 0);
    assert_false(change.announced);
    return change;
}

static struct ledger_change announce(struct ledger *ledger, uint8_t region, uint64_t id, uint64_t size,
                                     uint32_t references, uint64_t born)
{
    struct ledger_change change;

    assert_int_equal(ledger_announce(ledger, 0, region, id, size, references, born, 900 * DAY, &change), 0);
    assert_true(change.announced);
    assert_non_null(change.device);
    assert_int_equal(change.region, region);
    return change;
}

static struct ledger_change release(struct ledger *ledger, uint8_t region, uint64_t id)
{
    struct ledger_change change;

    assert_int_equal(ledger_release(ledger, 0, region, id, 900 * DAY, &change), 0);
    return change;
}

static void assert_change(struct ledger_change change, enum ledger_effect effect, uint64_t before, uint64_t after)
{
    assert_int_equal(change.effect, effect);
    assert_int_equal(change.size_before, before);
    assert_int_equal(change.size_after, after);
}

static void begin(struct ledger *ledger)
{
    assert_int_equal(ledger_resync_begin(ledger), 0);
    assert_int_equal(ledger_stale(ledger), ledger_count(ledger));
}

/* Returns how many buffers went. */
static uint64_t sweep(struct ledger *ledger)
{
    uint64_t cursor = 0, swept = 0;
    struct ledger_change change;

    while (ledger_sweep(ledger, &cursor, NULL, 900 * DAY, &change)) {
        assert_change(change, LEDGER_SWEPT, change.size_before, 0);
        assert_ptr_equal(change.device, ledger_find_device(ledger, 0));
        swept++;
    }
    assert_int_equal(ledger_stale(ledger), 0);
    return swept;
}

static struct ledger_buffer only_buffer(struct ledger *ledger)
{
    struct ledger_buffer buffer;
    uint64_t cursor = 0;

    assert_int_equal(ledger_count(ledger), 1);
    assert_true(ledger_walk(ledger, &cursor, NULL, &buffer));
    return buffer;
}

static const struct usage *usage_of(struct ledger *ledger)
{
    return &ledger_find_device(ledger, 0)->usage;
}

static void test_what_is_not_told_is_swept(void **state)
{
    allocate(*state, DRAM, 1, 100, 0);
    allocate(*state, DRAM, 2, 200, 0);
    allocate(*state, L1, 3, 300, 7);
    begin(*state);
    assert_int_equal(ledger_count(*state), 3);
    assert_true(usage_of(*state)->region[DRAM].bytes == 300);
    assert_change(announce(*state, DRAM, 2, 200, 1, 0), LEDGER_SHARED, 200, 200);
    assert_int_equal(ledger_stale(*state), 2);
    assert_int_equal(sweep(*state), 2);
    assert_int_equal(only_buffer(*state).id, 2);
    assert_true(usage_of(*state)->region[DRAM].bytes == 200);
    assert_true(usage_of(*state)->region[L1].bytes == 0);
    assert_int_equal(usage_of(*state)->buffers[DRAM], 1);
    assert_change(release(*state, DRAM, 1), LEDGER_UNKNOWN, 0, 0);
}

static void test_sweep_is_no_report(void **state)
{
    struct usage before;

    allocate(*state, DRAM, 1, 100, 5 * SECOND);
    before = *usage_of(*state);
    begin(*state);
    assert_int_equal(sweep(*state), 1);
    assert_int_equal(usage_of(*state)->frees[DRAM], 0);
    assert_int_equal(usage_of(*state)->last_activity, 5 * SECOND);
    assert_memory_equal(usage_of(*state)->allocations, before.allocations, sizeof(before.allocations));
}

static void test_nothing_to_sweep(void **state)
{
    struct ledger_change change, untouched;
    uint64_t cursor = 0;
    size_t steps = 10;

    memset(&change, 0x5a, sizeof(change));
    untouched = change;
    begin(*state);
    assert_int_equal(ledger_stale(*state), 0);
    allocate(*state, DRAM, 1, 100, 0);
    assert_false(ledger_sweep(*state, &cursor, &steps, 0, &change));
    assert_int_equal(steps, 10);
    assert_memory_equal(&change, &untouched, sizeof(change));
}

static void test_announce_tells_all_of_a_buffer(void **state)
{
    struct ledger_buffer buffer;

    assert_change(announce(*state, TRACE, 9, 64, 3, 20 * SECOND), LEDGER_ADDED, 0, 64);
    buffer = only_buffer(*state);
    assert_int_equal(buffer.id, 9);
    assert_int_equal(buffer.region, TRACE);
    assert_int_equal(buffer.references, 3);
    assert_change(announce(*state, TRACE, 9, 65, 2, 30 * SECOND), LEDGER_REPLACED, 64, 65);
    assert_int_equal(only_buffer(*state).size, 65);
    assert_int_equal(only_buffer(*state).references, 2);
    assert_change(announce(*state, TRACE, 9, 65, 70000, 900 * DAY), LEDGER_SHARED, 65, 65);
    assert_int_equal(only_buffer(*state).references, 65535);
    assert_int_equal(only_buffer(*state).born, 900 * DAY);
}

static void test_only_added_counts_as_allocation(void **state)
{
    announce(*state, DRAM, 1, 64, 3, 0);
    announce(*state, DRAM, 1, 64, 2, 0);
    announce(*state, DRAM, 1, 65, 2, 0);
    assert_int_equal(usage_of(*state)->allocations[DRAM], 1);
    assert_int_equal(usage_of(*state)->frees[DRAM], 0);
    assert_true(usage_of(*state)->region[DRAM].bytes == 65);
}

static void test_births_before_the_first_report(void **state)
{
    allocate(*state, DRAM, 1, 1, 800 * DAY);
    announce(*state, DRAM, 1, 1, 1, 600 * DAY);
    assert_int_equal(only_buffer(*state).born, 600 * DAY);
    announce(*state, DRAM, 1, 1, 1, 5 * DAY); /* as far back as ticks go */
    assert_int_equal(only_buffer(*state).born / DAY, 800 - 249);
    announce(*state, DRAM, 1, 1, 1, 901 * DAY); /* not after now */
    assert_int_equal(only_buffer(*state).born, 900 * DAY);
}

static void test_allocation_of_a_stale_buffer_replaces_it(void **state)
{
    allocate(*state, DRAM, 1, 64, 1 * SECOND);
    allocate(*state, DRAM, 1, 64, 1 * SECOND);
    begin(*state);
    assert_change(allocate(*state, DRAM, 1, 64, 2 * SECOND), LEDGER_REPLACED, 64, 64);
    assert_int_equal(ledger_stale(*state), 0);
    assert_int_equal(only_buffer(*state).references, 1);
    assert_int_equal(only_buffer(*state).born, 2 * SECOND);
    assert_int_equal(usage_of(*state)->allocations[DRAM], 3);
    assert_change(allocate(*state, DRAM, 1, 64, 2 * SECOND), LEDGER_SHARED, 64, 64);
    assert_int_equal(sweep(*state), 0);
}

static void test_stale_buffers_can_be_released(void **state)
{
    allocate(*state, DRAM, 1, 64, 0);
    allocate(*state, DRAM, 1, 64, 0);
    begin(*state);
    assert_change(release(*state, LEDGER_ANY_REGION, 1), LEDGER_UNSHARED, 64, 64);
    assert_int_equal(ledger_stale(*state), 1);
    assert_change(release(*state, DRAM, 1), LEDGER_REMOVED, 64, 0);
    assert_int_equal(ledger_stale(*state), 0);
    assert_int_equal(sweep(*state), 0);
}

/* 100 were freed and 100 others allocated, unseen: there were never 200. */
static void test_no_peak_of_stale_and_fresh(void **state)
{
    struct usage sum = {0};
    struct ledger_change change = allocate(*state, DRAM, 1, 100, 0);

    ledger_apply(&change, 0, &sum);
    begin(*state);
    change = announce(*state, L1, 2, 100, 1, 0);
    assert_true(change.uncertain);
    ledger_apply(&change, 0, &sum);
    change = allocate(*state, DRAM, 3, 150, 0);
    assert_true(change.uncertain);
    ledger_apply(&change, 0, &sum);
    assert_true(sum.region[DRAM].bytes == 250);
    assert_true(sum.region[DRAM].peak == 100);
    assert_true(sum.pool[1].peak == 0);
    assert_int_equal(sweep(*state), 1);
    assert_true(usage_of(*state)->region[DRAM].peak == 150);
    assert_true(usage_of(*state)->pool[0].peak == 150);
    assert_true(usage_of(*state)->region[L1].peak == 100);
    change = allocate(*state, DRAM, 4, 10, 0);
    assert_false(change.uncertain);
    assert_true(usage_of(*state)->region[DRAM].peak == 160);
}

static void test_peaks_settle_with_the_last_that_is_told(void **state)
{
    allocate(*state, DRAM, 1, 100, 0);
    begin(*state);
    allocate(*state, L1, 2, 200, 0);
    assert_true(usage_of(*state)->region[L1].peak == 0);
    assert_false(announce(*state, DRAM, 1, 100, 1, 0).uncertain);
    assert_true(usage_of(*state)->region[L1].peak == 200);
    assert_true(usage_of(*state)->pool[1].peak == 200);
}

/* Told in the wrong order, a family still knows its youngest; what was born in one tick keeps the order it had. */
static void test_family_told_again(void **state)
{
    announce(*state, TRACE, 1, 30, 1, LATE + 3 * SECOND);
    announce(*state, DRAM, 1, 10, 1, LATE);
    announce(*state, L1, 1, 20, 1, LATE + 2 * SECOND);
    assert_int_equal(release(*state, LEDGER_ANY_REGION, 1).region, TRACE);
    assert_int_equal(release(*state, LEDGER_ANY_REGION, 1).region, L1);

    allocate(*state, L1, 1, 20, LATE);
    allocate(*state, TRACE, 1, 30, LATE);
    begin(*state);
    announce(*state, TRACE, 1, 30, 1, LATE);
    announce(*state, DRAM, 1, 10, 1, LATE);
    announce(*state, L1, 1, 21, 1, LATE);
    assert_int_equal(release(*state, LEDGER_ANY_REGION, 1).region, TRACE);
    assert_int_equal(release(*state, LEDGER_ANY_REGION, 1).region, L1);
    assert_int_equal(release(*state, LEDGER_ANY_REGION, 1).region, DRAM);
}

static void test_resync_starts_over(void **state)
{
    for (uint64_t id = 0; id < 10; id++)
        allocate(*state, DRAM, id, 1, 0);
    begin(*state);
    for (uint64_t id = 0; id < 7; id++)
        announce(*state, DRAM, id, 1, 1, 0);
    begin(*state);
    announce(*state, DRAM, 9, 1, 1, 0);
    assert_int_equal(sweep(*state), 9);
    assert_int_equal(only_buffer(*state).id, 9);
}

static void test_sweep_in_steps(void **state)
{
    struct ledger_change change;
    uint64_t cursor = 0, swept = 0, calls = 0;
    size_t steps;

    for (uint64_t id = 0; id < 20000; id++)
        allocate(*state, DRAM, id, 1, 0);
    begin(*state);
    for (uint64_t id = 0; id < 20000; id += 3)
        announce(*state, DRAM, id, 1, 1, 0);
    while (ledger_stale(*state) > 0) {
        uint64_t before = swept;

        steps = 50;
        while (ledger_sweep(*state, &cursor, &steps, 0, &change))
            swept++;
        assert_true(swept - before <= 50);
        calls++;
    }
    assert_int_equal(swept, 20000 - 6667);
    assert_int_equal(ledger_count(*state), 6667);
    assert_in_range(calls, 400, 401);
}

/* However often: marks come round several times, and what is told each time stays. */
static void test_marks_come_round(void **state)
{
    allocate(*state, DRAM, 1, 1, 0);
    for (uint64_t i = 0; i < 5000; i++) {
        begin(*state);
        announce(*state, DRAM, 1, 1, 1, 0);
        allocate(*state, L1, 2, 1, 0);
        begin(*state);
        announce(*state, DRAM, 1, 1, 1, 0);
        assert_int_equal(sweep(*state), 1);
        assert_int_equal(only_buffer(*state).id, 1);
    }
}

static void test_resyncs_without_end_are_refused(void **state)
{
    allocate(*state, DRAM, 1, 1, 0);
    for (int i = 0; i < LEDGER_RESYNCS_MAX; i++)
        begin(*state);
    announce(*state, DRAM, 2, 1, 1, 0);
    assert_int_equal(ledger_resync_begin(*state), -EOVERFLOW);
    assert_int_equal(ledger_stale(*state), 1);
    assert_int_equal(sweep(*state), 1);
    begin(*state);
    assert_int_equal(ledger_stale(*state), 1);
}

static void assert_refused(struct ledger *ledger, int32_t device, uint8_t region, uint64_t size, uint32_t references)
{
    struct ledger_change change, untouched;

    memset(&change, 0x5a, sizeof(change));
    untouched = change;
    assert_int_equal(ledger_announce(ledger, device, region, 1, size, references, 0, 0, &change), -EINVAL);
    assert_memory_equal(&change, &untouched, sizeof(change));
    assert_int_equal(ledger_count(ledger), 0);
    assert_int_equal(ledger_device_count(ledger), 0);
}

static void test_impossible_fields_are_refused(void **state)
{
    assert_refused(*state, -1, DRAM, 1, 1);
    assert_refused(*state, 0, USAGE_REGIONS, 1, 1);
    assert_refused(*state, 0, LEDGER_ANY_REGION, 1, 1);
    assert_refused(*state, 0, DRAM, LEDGER_SIZE_LIMIT, 1);
    assert_refused(*state, 0, DRAM, 1, 0);
}

#define WITH_LEDGER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LEDGER(test_what_is_not_told_is_swept),
        WITH_LEDGER(test_sweep_is_no_report),
        WITH_LEDGER(test_nothing_to_sweep),
        WITH_LEDGER(test_announce_tells_all_of_a_buffer),
        WITH_LEDGER(test_only_added_counts_as_allocation),
        WITH_LEDGER(test_births_before_the_first_report),
        WITH_LEDGER(test_allocation_of_a_stale_buffer_replaces_it),
        WITH_LEDGER(test_stale_buffers_can_be_released),
        WITH_LEDGER(test_no_peak_of_stale_and_fresh),
        WITH_LEDGER(test_peaks_settle_with_the_last_that_is_told),
        WITH_LEDGER(test_family_told_again),
        WITH_LEDGER(test_resync_starts_over),
        WITH_LEDGER(test_sweep_in_steps),
        WITH_LEDGER(test_marks_come_round),
        WITH_LEDGER(test_resyncs_without_end_are_refused),
        WITH_LEDGER(test_impossible_fields_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
