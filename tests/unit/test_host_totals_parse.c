/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_host */

/*
 * What the bytes of a totals file say, for every version, every length, and for bytes that say nothing.
 */

#include "tests/unit/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "host/totals_parse.h"
#include "tests/unit/totals_fixture.h"

/* From memory that ends where the bytes end, so that a read past them is found. */
static struct host_totals parse(const void *bytes, size_t size)
{
    struct host_totals totals = {.id = 7, .device = -1};
    uint8_t *copy = malloc(size ? size : 1);

    assert_non_null(copy);
    memcpy(copy, bytes, size);
    assert_int_equal(host_totals_parse(copy, size, &totals), 0);
    free(copy);
    return totals;
}

static enum host_totals_state parse_state(const void *bytes, size_t size)
{
    struct host_totals totals = parse(bytes, size);
    enum host_totals_state state = totals.state;

    host_totals_done(&totals);
    return state;
}

static void assert_memory(const struct host_amount amounts[HOST_MEMORIES], uint64_t dram)
{
    for (unsigned i = 0; i < HOST_MEMORIES; i++) {
        assert_true(amounts[i].known);
        assert_int_equal(amounts[i].bytes, dram ? dram + i : 0);
    }
}

static void test_each_version_is_read_alike(void **state)
{
    (void)state;
    for (uint32_t version = 2; version <= 4; version++) {
        struct region region = region_make(version);
        struct host_totals totals;

        region_set_held(&region, 1000);
        region_set_references(&region, 3);
        region_put_32(&region, 4, 99); /* may drift, and is not believed */
        region_set_chip(&region, 0, 4, 0, 600);
        region_set_chip(&region, 15, 9, 1, 400);
        region_set_slot(&region, 0, 4242, "python3", 700, 5000000000);
        region_set_slot(&region, 63, 1, "x", 0, 0);
        totals = parse(region.bytes, sizeof(region.bytes));

        assert_int_equal(totals.state, HOST_TOTALS_OK);
        assert_int_equal(totals.version, version);
        assert_int_equal(totals.references, 3);
        assert_int_equal(totals.last_update, 1000000000);
        assert_memory(totals.held, 1000);
        assert_int_equal(totals.chip_count, 2);
        assert_int_equal(totals.chips[0].chip, 4);
        assert_false(totals.chips[0].remote);
        assert_memory(totals.chips[0].held, 600);
        assert_int_equal(totals.chips[1].chip, 9);
        assert_true(totals.chips[1].remote);
        assert_memory(totals.chips[1].held, 400);
        assert_int_equal(totals.slot_count, 2);
        assert_int_equal(totals.slots[0].inner_pid, 4242);
        assert_int_equal(totals.slots[0].pid, 0);
        assert_string_equal(totals.slots[0].comm, "python3");
        assert_int_equal(totals.slots[0].last_update, 5000000000);
        assert_memory(totals.slots[0].held, 700);
        assert_int_equal(totals.slots[1].inner_pid, 1);
        assert_memory(totals.slots[1].held, 0);
        assert_int_equal(totals.id, 7);
        assert_int_equal(totals.device, -1);
        host_totals_done(&totals);
    }
}

static void test_other_versions_are_refused_by_number(void **state)
{
    static const uint32_t versions[] = {1, 5, 77, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        struct region region = region_make(versions[i]);
        struct host_totals totals = parse(region.bytes, sizeof(region.bytes));

        assert_int_equal(totals.state, HOST_TOTALS_UNSUPPORTED);
        assert_int_equal(totals.version, versions[i]);
        assert_null(totals.slots);
        assert_null(totals.chips);
        assert_false(totals.held[HOST_DRAM].known);
        host_totals_done(&totals);
        assert_int_equal(parse_state(region.bytes, 4), HOST_TOTALS_UNSUPPORTED);
    }
}

static void test_a_file_being_made_is_initialising(void **state)
{
    static const uint32_t not_ready[] = {0, 1, REGION_READY + 1};
    struct region region = {0};

    (void)state;
    assert_int_equal(parse_state("", 0), HOST_TOTALS_INITIALISING);
    assert_int_equal(parse_state(region.bytes, sizeof(region.bytes)), HOST_TOTALS_INITIALISING);
    region = region_make(4);
    for (size_t i = 0; i < 3; i++) {
        region_put_32(&region, 8536, not_ready[i]);
        assert_int_equal(parse_state(region.bytes, sizeof(region.bytes)), HOST_TOTALS_INITIALISING);
    }
}

static void test_the_ready_word_is_only_of_version_4(void **state)
{
    struct region region = region_make(3);

    (void)state;
    assert_int_equal(parse_state(region.bytes, sizeof(region.bytes)), HOST_TOTALS_OK);
    region_put_32(&region, 8536, 1);
    assert_int_equal(parse_state(region.bytes, sizeof(region.bytes)), HOST_TOTALS_OK);
}

static void test_every_shorter_length_is_truncated(void **state)
{
    (void)state;
    for (uint32_t version = 2; version <= 4; version++) {
        struct region region = region_make(version);

        for (size_t size = 1; size < sizeof(region.bytes); size++)
            assert_int_equal(parse_state(region.bytes, size), HOST_TOTALS_TRUNCATED);
    }
}

static void test_counters_that_ran_below_zero_are_not_known(void **state)
{
    struct region region = region_make(3);
    struct host_totals totals;

    (void)state;
    region_set_held(&region, 1000);
    region_put_64(&region, 48, UINT64_MAX - 4095);
    region_put_64(&region, 56, 1ULL << 63);
    region_put_64(&region, 64, (1ULL << 63) - 1);
    region_set_chip(&region, 0, 0, 0, UINT64_MAX - 10);
    region_set_slot(&region, 0, 5, "a", UINT64_MAX - 10, 0);
    totals = parse(region.bytes, sizeof(region.bytes));

    assert_false(totals.held[HOST_DRAM].known);
    assert_int_equal(totals.held[HOST_DRAM].bytes, 0);
    assert_false(totals.held[HOST_L1].known);
    assert_true(totals.held[HOST_L1_SMALL].known);
    assert_int_equal(totals.held[HOST_L1_SMALL].bytes, INT64_MAX);
    assert_int_equal(totals.held[HOST_TRACE].bytes, 1003);
    for (int i = 0; i < HOST_MEMORIES; i++) {
        assert_false(totals.chips[0].held[i].known);
        assert_false(totals.slots[0].held[i].known);
    }
    host_totals_done(&totals);
}

static void test_free_slots_are_left_out(void **state)
{
    struct region region = region_make(4);
    struct host_totals totals;

    (void)state;
    region_set_slot(&region, 0, 0, "left", 4096, 1);
    region_set_slot(&region, 1, -1, "going", 4096, 1);
    region_set_slot(&region, 2, INT32_MIN, "bad", 4096, 1);
    region_set_slot(&region, 3, 12, "here", 4096, 1);
    totals = parse(region.bytes, sizeof(region.bytes));
    assert_int_equal(totals.slot_count, 1);
    assert_int_equal(totals.slots[0].inner_pid, 12);
    host_totals_done(&totals);
}

static void test_chips_of_early_version_2(void **state)
{
    struct region region = region_make(2);
    struct host_totals totals;

    (void)state;
    for (size_t i = 0; i < 16; i++)
        region_set_chip(&region, i, 0, 0, 0);
    region_set_chip(&region, 3, 0, 0, 128);
    region_set_chip(&region, 4, 0, 1, 0);
    totals = parse(region.bytes, sizeof(region.bytes));
    assert_int_equal(totals.chip_count, 3);
    assert_memory(totals.chips[0].held, 0);
    assert_memory(totals.chips[1].held, 128);
    assert_true(totals.chips[2].remote);
    host_totals_done(&totals);

    region_put_32(&region, 0, 3); /* there a chip 0 is one, whatever it holds */
    totals = parse(region.bytes, sizeof(region.bytes));
    assert_int_equal(totals.chip_count, 16);
    host_totals_done(&totals);
}

static void test_a_name_without_an_end(void **state)
{
    struct region region = region_make(3);
    struct host_totals totals;
    char longest[65];

    (void)state;
    memset(longest, 'n', 64);
    longest[64] = '\0';
    region_set_slot(&region, 0, 5, longest, 1, 1);
    totals = parse(region.bytes, sizeof(region.bytes));
    assert_int_equal(strlen(totals.slots[0].comm), 63);
    host_totals_done(&totals);
}

static void test_a_full_table(void **state)
{
    struct region region = region_make(3);
    struct host_totals totals;

    (void)state;
    for (size_t i = 0; i < 64; i++)
        region_set_slot(&region, i, (int32_t)i + 1, "full", 10 * (i + 1), 1);
    totals = parse(region.bytes, sizeof(region.bytes));
    assert_int_equal(totals.slot_count, 64);
    for (size_t i = 0; i < 64; i++)
        assert_memory(totals.slots[i].held, 10 * (i + 1));
    host_totals_done(&totals);
}

static void test_sums_that_do_not_fit_are_not_known(void **state)
{
    struct host_amount sum[HOST_MEMORIES] = {{true, INT64_MAX}, {true, 1}, {false, 0}, {true, 0}, {true, 5}};
    struct host_amount more[HOST_MEMORIES] = {{true, 1}, {true, 2}, {true, 3}, {false, 0}, {true, 0}};

    (void)state;
    host_amounts_add(sum, more);
    assert_false(sum[0].known);
    assert_true(sum[1].known);
    assert_int_equal(sum[1].bytes, 3);
    assert_false(sum[2].known);
    assert_false(sum[3].known);
    assert_int_equal(sum[4].bytes, 5);
}

static void assert_sane(const struct host_totals *totals)
{
    assert_true(totals->slot_count <= 64);
    assert_true(totals->chip_count <= 16);
    for (size_t i = 0; i < totals->slot_count; i++) {
        assert_true(totals->slots[i].inner_pid > 0);
        assert_true(strnlen(totals->slots[i].comm, 64) < 64);
        for (int j = 0; j < HOST_MEMORIES; j++)
            assert_true(totals->slots[i].held[j].bytes <= INT64_MAX);
    }
}

static void test_random_bytes(void **state)
{
    struct fixture_random random = {0x1234567};
    struct region region;
    unsigned fine = 0;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct host_totals totals;

        for (size_t i = 0; i < REGION_SIZE; i += 8)
            region_put_64(&region, i, fixture_random(&random));
        region_put_32(&region, 0, (uint32_t)fixture_below(&random, 6));
        if (round % 2)
            region_put_32(&region, 8536, REGION_READY);
        totals = parse(region.bytes, round % 5 ? sizeof(region.bytes) : fixture_below(&random, REGION_SIZE));
        assert_sane(&totals);
        fine += totals.state == HOST_TOTALS_OK;
        host_totals_done(&totals);
    }
    assert_true(fine > 500); /* else this looked at nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_each_version_is_read_alike),
        FIXTURE(test_other_versions_are_refused_by_number),
        FIXTURE(test_a_file_being_made_is_initialising),
        FIXTURE(test_the_ready_word_is_only_of_version_4),
        FIXTURE(test_every_shorter_length_is_truncated),
        FIXTURE(test_counters_that_ran_below_zero_are_not_known),
        FIXTURE(test_free_slots_are_left_out),
        FIXTURE(test_chips_of_early_version_2),
        FIXTURE(test_a_name_without_an_end),
        FIXTURE(test_a_full_table),
        FIXTURE(test_sums_that_do_not_fit_are_not_known),
        FIXTURE(test_random_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
