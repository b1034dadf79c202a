/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_server_core */

/*
 * The history of one device, by itself: what is asked of it is compared with what was done, second by second. In the
 * last test a naive model does the same with all events on the table.
 */

#include "tests/unit/fixture.h"

#include <stdlib.h>

#include "protocol/tt_alloc_protocol.h"
#include "server/clock.h"
#include "server/history.h"

#define START UINT64_C(100000) /* s; not at the begin of a minute */
#define DAY 86400
#define UNIT ((uint64_t)HISTORY_UNIT)

struct row {
    struct usage usage;
    struct history *history;
    struct history_series series;
};

static uint64_t at(double second)
{
    return START * NSEC_PER_SEC + (uint64_t)(second * 1e9);
}

static void note(struct row *row, uint8_t region, uint64_t before, uint64_t after, bool is_uncertain, double when)
{
    struct ledger_change change = {.region = region, .size_before = before, .size_after = after};

    if (!row->history)
        row->history = history_new(&row->usage, at(when));
    assert_non_null(row->history);
    if (usage_pool_of(region) >= 0)
        row->usage.pool[usage_pool_of(region)].bytes += (unsigned __int128)after - before;
    history_note(row->history, &row->usage, &change, is_uncertain, at(when));
}

static void take(struct row *row, uint64_t units, double when)
{
    note(row, TT_ALLOC_DRAM, 0, units * UNIT, false, when);
}

static void give(struct row *row, uint64_t units, double when)
{
    note(row, TT_ALLOC_DRAM, units * UNIT, 0, false, when);
}

static void read_pool(struct row *row, unsigned pool, unsigned width, size_t limit, double when)
{
    history_read(row->history, &row->usage, pool, width, limit, at(when), &row->series);
}

/* The newest samples of dram are these, the newest first. */
static void check(struct row *row, double when, size_t count, const uint32_t *samples)
{
    read_pool(row, TT_ALLOC_POOL_DRAM, 1, 0, when);
    assert_true(row->series.count >= count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(row->series.samples[i], samples[i]);
}

#define CHECK(row, when, ...)                                                                                          \
    check(row, when, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), (uint32_t[]){__VA_ARGS__})

static void row_done(struct row *row)
{
    free(row->history);
}

/* ---- Time goes by ---- */

static void test_the_highest_of_each_second(void **state)
{
    struct row row = {0};

    (void)state;
    take(&row, 5, 0.1);
    CHECK(&row, 0.1, 5);
    assert_int_equal(row.series.count, 1);
    assert_int_equal(row.series.time, at(0));
    take(&row, 2, 0.5);
    give(&row, 5, 0.7);
    CHECK(&row, 0.9, 7);
    give(&row, 2, 1.5);
    CHECK(&row, 1.6, 2, 7);
    CHECK(&row, 2.0, 0, 2, 7);
    assert_int_equal(row.series.count, 3);
    assert_int_equal(row.series.time, at(2));
    row_done(&row);
}

static void test_gaps_are_filled(void **state)
{
    struct row row = {0};

    (void)state;
    take(&row, 5, 0.1);
    take(&row, 1, 3.5);
    give(&row, 6, 3.6);
    take(&row, 9, 6.0);
    CHECK(&row, 8.9, 9, 9, 9, 0, 0, 6, 5, 5, 5);
    assert_int_equal(row.series.count, 9);
    row_done(&row);
}

static void test_pools_are_kept_apart(void **state)
{
    struct row row = {0};

    (void)state;
    note(&row, TT_ALLOC_DRAM, 0, 1 * UNIT, false, 0);
    note(&row, TT_ALLOC_TRACE, 0, 2 * UNIT, false, 0);
    note(&row, TT_ALLOC_L1, 0, 4 * UNIT, false, 0);
    note(&row, TT_ALLOC_L1_SMALL, 0, 8 * UNIT, false, 1);
    note(&row, TT_ALLOC_CB, 0, 16 * UNIT, false, 2);
    note(&row, TT_ALLOC_SYSTEM_MEMORY, 0, 32 * UNIT, false, 2);
    note(&row, TT_ALLOC_KERNEL, 0, 64 * UNIT, false, 3);
    CHECK(&row, 3, 3, 3, 3, 3);
    read_pool(&row, TT_ALLOC_POOL_L1, 1, 0, 3);
    assert_int_equal(row.series.samples[0], 28);
    assert_int_equal(row.series.samples[1], 28);
    assert_int_equal(row.series.samples[2], 12);
    assert_int_equal(row.series.samples[3], 4);
    read_pool(&row, TT_ALLOC_POOL_HOST, 1, 0, 3);
    assert_int_equal(row.series.samples[1], 32);
    assert_int_equal(row.series.samples[2], 0);
    row_done(&row);
}

/* A byte is not nothing, and what no sample can tell is cut off. */
static void test_amounts_at_the_ends(void **state)
{
    struct row row = {0};

    (void)state;
    note(&row, TT_ALLOC_DRAM, 0, 1, false, 0);
    note(&row, TT_ALLOC_DRAM, 0, UNIT, false, 1);
    for (unsigned i = 0; i < 1000; i++)
        note(&row, TT_ALLOC_DRAM, 0, LEDGER_SIZE_LIMIT - 1, false, 2);
    CHECK(&row, 4, UINT32_MAX, UINT32_MAX, UINT32_MAX, 2, 1);
    row_done(&row);
}

static void test_a_limit(void **state)
{
    struct row row = {0};

    (void)state;
    for (uint64_t i = 0; i < 100; i++)
        take(&row, 1, (double)i);
    read_pool(&row, TT_ALLOC_POOL_DRAM, 1, 30, 99);
    assert_int_equal(row.series.count, 30);
    assert_int_equal(row.series.samples[29], 71);
    read_pool(&row, TT_ALLOC_POOL_DRAM, 60, 1, 99);
    assert_int_equal(row.series.count, 1);
    assert_int_equal(row.series.samples[0], 100);
    row_done(&row);
}

/* Seconds 0, 1, 2, ... hold 1, 2, 3, ...: any sample tells which second it is of. */
static void test_the_rings_wrap(void **state)
{
    struct row row = {0};
    const unsigned last = DAY + 5000;
    uint64_t first_minute = START / 60;

    (void)state;
    for (unsigned i = 0; i <= last; i++)
        take(&row, 1, i + 0.5);
    read_pool(&row, TT_ALLOC_POOL_DRAM, 1, 0, last + 0.9);
    assert_int_equal(row.series.count, HISTORY_SECONDS);
    for (size_t i = 0; i < HISTORY_SECONDS; i++)
        assert_int_equal(row.series.samples[i], last + 1 - i);
    read_pool(&row, TT_ALLOC_POOL_DRAM, 60, 0, last + 0.9);
    assert_int_equal(row.series.count, HISTORY_MINUTES);
    assert_int_equal(row.series.samples[0], last + 1);
    for (size_t i = 1; i < HISTORY_MINUTES; i++) {
        uint64_t end_of_minute = ((START + last) / 60 - i + 1) * 60; /* the second behind it */

        assert_true(end_of_minute / 60 > first_minute);
        assert_int_equal(row.series.samples[i], end_of_minute - START);
    }
    row_done(&row);
}

static void check_idle(double idle)
{
    struct row row = {0};
    uint64_t minutes = (START + (uint64_t)idle) / 60 - START / 60 + 1;

    take(&row, 7, 0);
    give(&row, 4, 0.5);
    read_pool(&row, TT_ALLOC_POOL_DRAM, 60, 0, idle); /* nothing came since */
    for (unsigned turn = 0; turn < 2; turn++) {
        size_t count = minutes < HISTORY_MINUTES ? (size_t)minutes : HISTORY_MINUTES;

        assert_int_equal(row.series.count, count);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(row.series.samples[i], i + 1 == minutes ? 7 : 3);
        give(&row, 1, idle); /* something comes */
        read_pool(&row, TT_ALLOC_POOL_DRAM, 60, 0, idle);
    }
    read_pool(&row, TT_ALLOC_POOL_DRAM, 1, 0, idle + 1);
    assert_int_equal(row.series.samples[0], 1);
    for (size_t i = 1; i < row.series.count && i < (size_t)idle; i++)
        assert_int_equal(row.series.samples[i], 3);
    row_done(&row);
}

static void test_long_idleness(void **state)
{
    static const double idle[] = {1,    59,   60,        898, 899,      900,       901,       902,         1800,
                                  1801, 1802, DAY - 900, DAY, DAY + 60, DAY + 900, 3.0 * DAY, 1000.0 * DAY};

    (void)state;
    for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++)
        check_idle(idle[i]);
}

/* The clock of the events cannot go back. If it did, nothing would be lost or spoiled but the time of what is said. */
static void test_a_clock_that_jumps(void **state)
{
    struct row row = {0};

    (void)state;
    take(&row, 1, 1000);
    CHECK(&row, 500, 1);
    assert_int_equal(row.series.time, at(1000));
    take(&row, 1, 500);
    take(&row, 1, -90000);
    CHECK(&row, 1000, 3);
    assert_int_equal(row.series.count, 1);
    take(&row, 1, 4e8);
    CHECK(&row, 4e8, 4, 3, 3);
    row_done(&row);
}

/* ---- Late events ---- */

static void test_a_little_late(void **state)
{
    struct row row = {0};

    (void)state;
    take(&row, 5, 0);
    take(&row, 1, 10);
    take(&row, 2, 8); /* as if at 10 */
    give(&row, 2, 8);
    CHECK(&row, 10, 8, 5, 5);
    row_done(&row);
}

/* One held 5 throughout, and its reports came at once. Of the other we learn at 20 what it did from 3 to 12. */
static void test_a_batch_that_comes_late(void **state)
{
    struct row row = {0};

    (void)state;
    take(&row, 5, 0);
    take(&row, 1, 20);
    take(&row, 10, 3);
    take(&row, 20, 3.1);
    give(&row, 20, 3.2);
    give(&row, 10, 5);
    take(&row, 2, 8);
    take(&row, 30, 8);
    give(&row, 30, 8);
    take(&row, 4, 12);
    CHECK(&row, 21, 12, 12, 11, 11, 11, 11, 11, 11, 11, 11, 7, 7, 7, 37, 5, 5, 15, 15, 35, 5, 5, 5);
    assert_int_equal(row.series.count, 22);
    row_done(&row);
}

/* It goes on behind the late ones, and a third one comes even later. */
static void test_batches_that_come_late(void **state)
{
    struct row row = {0};

    (void)state;
    take(&row, 5, 0);
    take(&row, 1, 10);
    take(&row, 10, 6);
    take(&row, 1, 10.5);
    give(&row, 1, 10.6);
    take(&row, 100, 4);
    give(&row, 100, 5);
    take(&row, 1000, 3);
    give(&row, 1000, 4);
    CHECK(&row, 10, 17, 15, 15, 15, 15, 105, 1105, 1005, 5, 5, 5);
    row_done(&row);
}

/* What a process did in a second before its ring was emptied stands in the sample already. */
static void test_a_second_that_comes_in_two_parts(void **state)
{
    struct row row = {0};

    (void)state;
    take(&row, 5, 3.1);
    give(&row, 5, 3.2);
    take(&row, 1, 10);
    take(&row, 5, 3.3);
    give(&row, 5, 3.4);
    CHECK(&row, 10, 1, 0, 0, 0, 0, 0, 0, 5);
    row_done(&row);
}

/* From before all that is known. */
static void test_very_late(void **state)
{
    struct row row = {0};

    (void)state;
    take(&row, 5, 0);
    take(&row, 1, 5);
    take(&row, 2, -50);
    CHECK(&row, 5, 8, 7, 7, 7, 7, 7);
    assert_int_equal(row.series.count, 6);
    take(&row, 1, 2000);
    take(&row, 10, 300);
    read_pool(&row, TT_ALLOC_POOL_DRAM, 1, 0, 2000);
    assert_int_equal(row.series.samples[0], 19);
    assert_int_equal(row.series.samples[899], 18);
    read_pool(&row, TT_ALLOC_POOL_DRAM, 60, 0, 2000);
    assert_int_equal(row.series.samples[10], 18);
    assert_int_equal(row.series.samples[20], 8); /* minutes that are over stay */
    row_done(&row);
}

/* Late and gone: freed long ago by one whose allocation came in time. */
static void test_a_late_free(void **state)
{
    struct row row = {0};

    (void)state;
    take(&row, 5, 0);
    take(&row, 3, 10);
    give(&row, 5, 2);
    CHECK(&row, 11, 3, 3, 0, 0, 0, 0, 0, 0, 0, 5, 5, 5);
    row_done(&row);
}

/* More than a sample can tell, late: cut off where it stood, and gone where it was given back. */
static void test_late_amounts_at_the_ends(void **state)
{
    const uint64_t huge = LEDGER_SIZE_LIMIT / UNIT - 1; /* sixteen times as much as a sample tells */
    struct row row = {0};

    (void)state;
    take(&row, 5, 0);
    take(&row, 1, 10);
    take(&row, huge, 2);
    give(&row, huge, 4);
    CHECK(&row, 10, 6, 5, 5, 5, 5, 5, UINT32_MAX, UINT32_MAX, UINT32_MAX, 5, 5);
    row_done(&row);
    row = (struct row){0};
    take(&row, huge, 0);
    take(&row, 1, 10);
    give(&row, huge, 2);
    CHECK(&row, 10, 1, 0, 0, 0, 0, 0, 0, 0, UINT32_MAX, UINT32_MAX, UINT32_MAX);
    row_done(&row);
}

/* Two processes with clocks that differ: what the one gives back late, the other took later. There is no less than
 * nothing. */
static void test_a_free_before_its_time(void **state)
{
    struct row row = {0};

    (void)state;
    take(&row, 1, 0);
    take(&row, 10, 6);
    take(&row, 1, 12);
    give(&row, 10, 3);
    CHECK(&row, 12, 2, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1);
    row_done(&row);
}

/* ---- Frozen ---- */

/* 10 are stale; 10 others are told, and with the end the stale ones go. Another process takes and gives meanwhile. */
static void test_a_resync_draws_nothing(void **state)
{
    struct row row = {0};

    (void)state;
    take(&row, 10, 0);
    history_freeze(row.history, &row.usage);
    note(&row, TT_ALLOC_DRAM, 0, 4 * UNIT, true, 1);
    note(&row, TT_ALLOC_DRAM, 0, 1 * UNIT, false, 1.5);
    note(&row, TT_ALLOC_DRAM, 0, 6 * UNIT, true, 2);
    note(&row, TT_ALLOC_DRAM, 1 * UNIT, 0, false, 3);
    note(&row, TT_ALLOC_DRAM, 9 * UNIT, 0, true, 4);
    CHECK(&row, 4.5, 10, 11, 11, 11, 10);
    note(&row, TT_ALLOC_DRAM, 1 * UNIT, 0, false, 5);
    history_thaw(row.history, &row.usage, at(5));
    take(&row, 3, 6);
    CHECK(&row, 7, 13, 13, 10, 10, 11, 11, 11, 10);
    row_done(&row);
}

static void test_parts_come_and_go(void **state)
{
    struct row row = {0};
    struct usage part = {0};

    (void)state;
    usage_add(&part, TT_ALLOC_DRAM, 8 * UNIT);
    take(&row, 1, 0);
    usage_merge(&row.usage, &part);
    history_note_arrival(row.history, &row.usage, &part, at(2));
    usage_withdraw(&row.usage, &part);
    history_note_departure(row.history, &row.usage, &part, at(4));
    CHECK(&row, 5, 1, 9, 9, 9, 1, 1);
    row_done(&row);
}

/* ---- Anything, beside a model that keeps all sums ---- */

#define MODEL_SECONDS 4000

static void check_model(struct row *row, const uint32_t *highest, unsigned now)
{
    unsigned count = now + 1 < HISTORY_SECONDS ? now + 1 : HISTORY_SECONDS;

    read_pool(row, TT_ALLOC_POOL_DRAM, 1, 0, now);
    assert_int_equal(row->series.count, count);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(row->series.samples[i], highest[now - i]);
    read_pool(row, TT_ALLOC_POOL_DRAM, 60, 0, now);
    for (unsigned i = 0; i < row->series.count; i++) {
        int64_t begin = ((int64_t)(START + now) / 60 - i) * 60 - (int64_t)START;
        uint32_t most = 0;

        for (int64_t second = begin < 0 ? 0 : begin; second < begin + 60 && second <= now; second++)
            most = highest[second] > most ? highest[second] : most;
        assert_int_equal(row->series.samples[i], most);
    }
}

/* What came late stands beside what was there at the end of its second. */
static uint32_t late_high(uint32_t high, uint32_t next, uint32_t late)
{
    uint32_t at_end = high < next ? high : next;

    return high > at_end + late ? high : at_end + late;
}

/* One process reports in time, and at times the ring of another one is emptied. */
static void test_random_events(void **state)
{
    static uint32_t highest[MODEL_SECONDS];
    uint64_t live = 0, late_live = 0;
    unsigned told = 0; /* of the second process */
    struct row row = {0};

    (void)state;
    srandom(1);
    take(&row, 1, 0);
    live = highest[0] = 1;
    for (unsigned now = 1; now < MODEL_SECONDS; now++) {
        highest[now] = (uint32_t)(live + late_live);
        for (long events = random() % 8 ? 0 : random() % 5; events > 0; events--) {
            uint64_t units = (uint64_t)random() % 100;

            if (random() % 2 && live > units) {
                give(&row, units, now);
                live -= units;
            } else {
                take(&row, units, now);
                live += units;
            }
            if (highest[now] < live + late_live)
                highest[now] = (uint32_t)(live + late_live);
        }
        if (random() % 50 == 0) {
            unsigned from = now > 850 ? now - 850 : 0;

            take(&row, 0, now); /* the row has come to this second */
            for (unsigned then = told > from ? told : from; then + HISTORY_GRACE < now;
                 then += 1 + (unsigned)random() % 20) {
                take(&row, 3, then);
                late_live += 3;
                highest[then] = late_high(highest[then], highest[then + 1], 3);
                for (unsigned second = then + 1; second <= now; second++)
                    highest[second] += 3;
                told = then + 1;
            }
        }
        if (random() % 40 == 0)
            check_model(&row, highest, now);
    }
    check_model(&row, highest, MODEL_SECONDS - 1);
    row_done(&row);
}

static void test_memory(void **state)
{
    (void)state;
    assert_true(32 * sizeof(struct history) < 1024 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_highest_of_each_second),
        cmocka_unit_test(test_gaps_are_filled),
        cmocka_unit_test(test_pools_are_kept_apart),
        cmocka_unit_test(test_amounts_at_the_ends),
        cmocka_unit_test(test_a_limit),
        cmocka_unit_test(test_the_rings_wrap),
        cmocka_unit_test(test_long_idleness),
        cmocka_unit_test(test_a_clock_that_jumps),
        cmocka_unit_test(test_a_little_late),
        cmocka_unit_test(test_a_batch_that_comes_late),
        cmocka_unit_test(test_batches_that_come_late),
        cmocka_unit_test(test_a_second_that_comes_in_two_parts),
        cmocka_unit_test(test_very_late),
        cmocka_unit_test(test_a_late_free),
        cmocka_unit_test(test_late_amounts_at_the_ends),
        cmocka_unit_test(test_a_free_before_its_time),
        cmocka_unit_test(test_a_resync_draws_nothing),
        cmocka_unit_test(test_parts_come_and_go),
        cmocka_unit_test(test_random_events),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
