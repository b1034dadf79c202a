/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_ledger */

/*
 * The rules of usage.h, one by one.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/ledger.h"
#include "ledger/usage.h"

enum { DRAM, L1, SYSTEM_MEMORY, L1_SMALL, TRACE, CB, KERNEL };
enum { POOL_DRAM, POOL_L1, POOL_HOST };

static void assert_sum(const struct usage_sum *sum, uint64_t bytes, uint64_t peak)
{
    assert_true(sum->bytes == bytes);
    assert_true(sum->peak == peak);
}

static void test_regions_fill_their_pools(void **state)
{
    static const int pool_of[USAGE_REGIONS] = {
        [DRAM] = POOL_DRAM, [TRACE] = POOL_DRAM,         [L1] = POOL_L1, [L1_SMALL] = POOL_L1, [CB] = POOL_L1,
        [KERNEL] = -1,      [SYSTEM_MEMORY] = POOL_HOST,
    };

    (void)state;
    for (uint8_t region = 0; region < USAGE_REGIONS; region++) {
        struct usage usage = {0};

        assert_int_equal(usage_pool_of(region), pool_of[region]);
        usage_add(&usage, region, 4096);
        assert_sum(&usage.region[region], 4096, 4096);
        for (int pool = 0; pool < USAGE_POOLS; pool++)
            assert_sum(&usage.pool[pool], pool == pool_of[region] ? 4096 : 0, pool == pool_of[region] ? 4096 : 0);
    }
}

static void test_add_and_remove(void **state)
{
    struct usage usage = {0};

    (void)state;
    usage_add(&usage, DRAM, 100);
    usage_add(&usage, DRAM, 50);
    usage_remove(&usage, DRAM, 100);
    usage_add(&usage, DRAM, 20);
    assert_sum(&usage.region[DRAM], 70, 150);
    assert_int_equal(usage.buffers[DRAM], 2);
    assert_int_equal(usage_buffers(&usage), 2);
    usage_remove(&usage, DRAM, 50);
    usage_remove(&usage, DRAM, 20);
    assert_sum(&usage.region[DRAM], 0, 150);
    assert_int_equal(usage_buffers(&usage), 0);
}

/* The counts tell of reports, and one buffer may be the subject of many: they are none of add's and remove's business.
 */
static void test_add_and_remove_count_no_reports(void **state)
{
    struct usage usage = {0};

    (void)state;
    usage_add(&usage, L1, 1);
    usage_remove(&usage, L1, 1);
    assert_int_equal(usage.allocations[L1], 0);
    assert_int_equal(usage.frees[L1], 0);
    assert_int_equal(usage.last_activity, 0);
}

static void test_buffer_of_no_bytes_counts(void **state)
{
    struct usage usage = {0};

    (void)state;
    usage_add(&usage, CB, 0);
    assert_int_equal(usage_buffers(&usage), 1);
    assert_sum(&usage.region[CB], 0, 0);
    usage_remove(&usage, CB, 0);
    assert_int_equal(usage_buffers(&usage), 0);
}

/* DRAM and TRACE that were never large at the same time: the pool's peak is not the sum of theirs. */
static void test_pool_peak_is_its_own(void **state)
{
    struct usage usage = {0};

    (void)state;
    usage_add(&usage, DRAM, 1000);
    usage_remove(&usage, DRAM, 1000);
    usage_add(&usage, TRACE, 600);
    usage_add(&usage, DRAM, 100);
    assert_sum(&usage.region[DRAM], 100, 1000);
    assert_sum(&usage.region[TRACE], 600, 600);
    assert_sum(&usage.pool[POOL_DRAM], 700, 1000);
    assert_sum(&usage.pool[POOL_L1], 0, 0);
    assert_sum(&usage.pool[POOL_HOST], 0, 0);
}

static void test_reset_peaks(void **state)
{
    struct usage usage = {0};

    (void)state;
    for (uint8_t region = 0; region < USAGE_REGIONS; region++) {
        usage_add(&usage, region, 10);
        usage_add(&usage, region, 1);
        usage_remove(&usage, region, 10);
        usage.allocations[region] = 2;
    }
    assert_true(usage_reset_peaks(&usage));
    assert_false(usage_reset_peaks(&usage)); /* they are there already */
    for (uint8_t region = 0; region < USAGE_REGIONS; region++) {
        assert_sum(&usage.region[region], 1, 1);
        assert_int_equal(usage.buffers[region], 1);
        assert_int_equal(usage.allocations[region], 2);
    }
    assert_sum(&usage.pool[POOL_DRAM], 2, 2);
    assert_sum(&usage.pool[POOL_L1], 3, 3);
    assert_sum(&usage.pool[POOL_HOST], 1, 1);
}

static void test_merge(void **state)
{
    struct usage usage = {.allocations[L1] = 5, .frees[L1] = 2, .last_activity = 70};
    struct usage from = {.allocations[L1] = 7, .frees[L1] = 4, .last_activity = 90};

    (void)state;
    usage_add(&usage, L1, 100);
    usage_add(&from, L1, 30);
    usage_add(&from, L1_SMALL, 500); /* its peak happened elsewhere and is not taken over */
    usage_remove(&from, L1_SMALL, 500);
    usage_add(&from, KERNEL, 8);
    usage_merge(&usage, &from);
    assert_sum(&usage.region[L1], 130, 130);
    assert_sum(&usage.region[L1_SMALL], 0, 0);
    assert_sum(&usage.region[KERNEL], 8, 8);
    assert_sum(&usage.pool[POOL_L1], 130, 130);
    assert_int_equal(usage.buffers[L1], 2);
    assert_int_equal(usage.buffers[KERNEL], 1);
    assert_int_equal(usage.allocations[L1], 12);
    assert_int_equal(usage.frees[L1], 6);
    assert_int_equal(usage.last_activity, 90);
}

static void test_merge_keeps_greater_peak_and_later_activity(void **state)
{
    struct usage usage = {.last_activity = 90}, from = {.last_activity = 70};

    (void)state;
    usage_add(&usage, DRAM, 1000);
    usage_remove(&usage, DRAM, 1000);
    usage_add(&from, DRAM, 300);
    usage_merge(&usage, &from);
    assert_sum(&usage.region[DRAM], 300, 1000);
    assert_sum(&usage.pool[POOL_DRAM], 300, 1000);
    assert_int_equal(usage.last_activity, 90);
}

static void test_withdraw(void **state)
{
    struct usage usage = {.allocations[TRACE] = 9, .frees[TRACE] = 3, .last_activity = 40};
    struct usage gone = {.allocations[TRACE] = 4, .frees[TRACE] = 1, .last_activity = 90};

    (void)state;
    usage_add(&usage, TRACE, 10);
    usage_add(&usage, TRACE, 20);
    usage_add(&usage, KERNEL, 5);
    usage_add(&gone, TRACE, 20);
    usage_add(&gone, KERNEL, 5);
    usage_withdraw(&usage, &gone);
    assert_sum(&usage.region[TRACE], 10, 30);
    assert_sum(&usage.region[KERNEL], 0, 5);
    assert_sum(&usage.pool[POOL_DRAM], 10, 30);
    assert_int_equal(usage.buffers[TRACE], 1);
    assert_int_equal(usage.buffers[KERNEL], 0);
    assert_int_equal(usage.allocations[TRACE], 9);
    assert_int_equal(usage.frees[TRACE], 3);
    assert_int_equal(usage.last_activity, 40);
}

static void test_clamp(void **state)
{
    const unsigned __int128 limit = INT64_MAX;

    (void)state;
    assert_true(usage_clamp(0) == 0);
    assert_true(usage_clamp(limit - 1) == INT64_MAX - 1);
    assert_true(usage_clamp(limit) == INT64_MAX);
    assert_true(usage_clamp(limit + 1) == INT64_MAX);
    assert_true(usage_clamp((unsigned __int128)1 << 64) == INT64_MAX);
    assert_true(usage_clamp(~(unsigned __int128)0) == INT64_MAX);
}

/* 200,000 buffers of nearly 2^48 bytes are more than 2^65: the sum stays at the limit and still comes back to the byte.
 */
static void test_sums_past_64_bits_come_back_exactly(void **state)
{
    enum { BUFFERS = 200000 };
    const uint64_t size = LEDGER_SIZE_LIMIT - 1;
    struct usage usage = {0};

    (void)state;
    usage_add(&usage, DRAM, 12345);
    for (int i = 0; i < BUFFERS; i++)
        usage_add(&usage, i % 2 ? DRAM : TRACE, size);
    assert_true(usage.pool[POOL_DRAM].bytes == (unsigned __int128)size * BUFFERS + 12345);
    assert_true(usage_clamp(usage.pool[POOL_DRAM].bytes) == INT64_MAX);
    assert_true(usage_clamp(usage.region[DRAM].bytes) == INT64_MAX);
    for (int i = 0; i < BUFFERS; i++)
        usage_remove(&usage, i % 2 ? DRAM : TRACE, size);
    assert_true(usage_clamp(usage.pool[POOL_DRAM].bytes) == 12345);
    assert_true(usage_clamp(usage.region[DRAM].bytes) == 12345);
    assert_true(usage.region[TRACE].bytes == 0);
    assert_true(usage_clamp(usage.pool[POOL_DRAM].peak) == INT64_MAX);
}

static void test_merge_and_withdraw_past_64_bits(void **state)
{
    struct usage usage = {0}, large = {0};

    (void)state;
    usage_add(&usage, L1, 7);
    for (int i = 0; i < 150000; i++)
        usage_add(&large, L1, LEDGER_SIZE_LIMIT - 1);
    usage_merge(&usage, &large);
    assert_true(usage_clamp(usage.region[L1].bytes) == INT64_MAX);
    usage_withdraw(&usage, &large);
    assert_true(usage.region[L1].bytes == 7);
    assert_true(usage.pool[POOL_L1].bytes == 7);
    assert_true(usage.buffers[L1] == 1);
}

static void test_counts_and_peaks_that_are_told(void **state)
{
    struct usage usage = {0};

    (void)state;
    usage_add(&usage, DRAM, 100);
    usage_set_counts(&usage, DRAM, 50, 49);
    assert_int_equal(usage.allocations[DRAM], 50);
    assert_int_equal(usage.frees[DRAM], 49);
    usage_raise_region_peak(&usage, DRAM, 99);
    usage_raise_pool_peak(&usage, POOL_DRAM, 99);
    assert_sum(&usage.region[DRAM], 100, 100);
    assert_sum(&usage.pool[POOL_DRAM], 100, 100);
    usage_raise_region_peak(&usage, DRAM, 101);
    usage_raise_pool_peak(&usage, POOL_DRAM, UINT64_MAX);
    assert_sum(&usage.region[DRAM], 100, 101);
    assert_sum(&usage.pool[POOL_DRAM], 100, UINT64_MAX);
}

static void test_uncertain_bytes_make_no_peak(void **state)
{
    struct usage usage = {0};

    (void)state;
    usage_add(&usage, L1, 100);
    usage_add_uncertain(&usage, L1, 50);
    usage_add_uncertain(&usage, KERNEL, 50);
    assert_sum(&usage.region[L1], 150, 100);
    assert_sum(&usage.pool[POOL_L1], 150, 100);
    assert_int_equal(usage.buffers[L1], 2);
    usage_remove(&usage, L1, 20);
    usage_settle_peaks(&usage);
    assert_sum(&usage.region[L1], 130, 130);
    assert_sum(&usage.region[KERNEL], 50, 50);
    assert_sum(&usage.pool[POOL_L1], 130, 130);
    usage_remove(&usage, L1, 100);
    usage_settle_peaks(&usage);
    assert_sum(&usage.region[L1], 30, 130);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regions_fill_their_pools),
        cmocka_unit_test(test_add_and_remove),
        cmocka_unit_test(test_add_and_remove_count_no_reports),
        cmocka_unit_test(test_buffer_of_no_bytes_counts),
        cmocka_unit_test(test_pool_peak_is_its_own),
        cmocka_unit_test(test_reset_peaks),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_merge_keeps_greater_peak_and_later_activity),
        cmocka_unit_test(test_withdraw),
        cmocka_unit_test(test_clamp),
        cmocka_unit_test(test_sums_past_64_bits_come_back_exactly),
        cmocka_unit_test(test_merge_and_withdraw_past_64_bits),
        cmocka_unit_test(test_counts_and_peaks_that_are_told),
        cmocka_unit_test(test_uncertain_bytes_make_no_peak),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
