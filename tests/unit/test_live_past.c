/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_smi_live */

/*
 * The process tables of the past: a made-up host in which processes come, work, become others, end and leave buffers is
 * sampled again and again, and what is read back is held against plain copies of the samples.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smi/live/bytes.h"
#include "smi/live/past.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define SECOND UINT64_C(1000000000)
#define MILLISECOND UINT64_C(1000000)
#define START (UINT64_C(1795356191) * SECOND)
#define USAGES 4
#define REMEMBERED 64 /* samples that are kept as copies */

static const struct filter all = {.region = -1};

struct made {
    struct process_row row;
    struct tt_alloc_usage usage[USAGES];
    int32_t held[2];
    char command[320];
    uint64_t last; /* time of its last report */
};

/* A sample that owns its rows. */
struct copy {
    struct snapshot snapshot;
    struct made *made;
};

struct world {
    struct made *made;
    size_t count, most;
    uint64_t time, random;
    int32_t next_pid;
    struct copy now; /* the sample that was noted last */
    struct copy before[REMEMBERED];
    size_t samples; /* noted so far; the last REMEMBERED of them are kept */
    struct past past;
};

static uint64_t draw(struct world *world, uint64_t below)
{
    world->random = world->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (world->random >> 33) % below;
}

/* ---- The host ---- */

static void point(struct made *made)
{
    made->row.facts.usage = made->usage;
    made->row.facts.comm = "python";
    made->row.facts.command = made->command;
    made->row.held = made->held;
}

static void begin(struct world *world)
{
    struct made *made = &world->made[world->count++];
    uint64_t kind = draw(world, 10);

    *made = (struct made){.last = world->time};
    made->row.facts = (struct tt_alloc_process){
        .pid = world->next_pid,
        .uid = 1000 + (uint32_t)draw(world, 3),
        .serial = (uint64_t)world->next_pid++,
        .start_time = world->time,
        .usage_count = 1 + draw(world, USAGES),
    };
    made->row.tracking = kind == 0 ? TRACKING_UNTRACKED : kind == 1 ? TRACKING_SHM_ONLY : TRACKING_REPORTING;
    made->row.has_uid = true;
    made->row.has_peaks = made->row.is_complete = made->row.tracking == TRACKING_REPORTING;
    made->row.held_count = draw(world, 3);
    for (size_t i = 0; i < USAGES; i++)
        made->usage[i] = (struct tt_alloc_usage){.device = (int32_t)i / 2, .is_pool = i % 2, .index = TT_ALLOC_DRAM};
    snprintf(made->command, sizeof(made->command), "python %d.py", made->row.facts.pid);
}

static void work(struct world *world, struct made *made)
{
    struct tt_alloc_usage *usage = &made->usage[draw(world, made->row.facts.usage_count)];

    usage->bytes = draw(world, 12000) * MIB;
    usage->buffers = draw(world, 3000);
    usage->allocations += usage->buffers;
    usage->frees += draw(world, 9);
    if (usage->peak_bytes < usage->bytes)
        usage->peak_bytes = usage->bytes;
    made->row.facts.buffers = usage->buffers;
    made->last = world->time;
}

static void end(struct world *world, struct made *made)
{
    if (draw(world, 2) && made->row.tracking == TRACKING_REPORTING && made->row.facts.buffers > 0) {
        made->row.tracking = TRACKING_EXITED;
        made->row.facts.end_time = world->time;
        made->row.facts.age = world->time - made->row.facts.start_time;
    } else {
        *made = world->made[--world->count];
    }
}

static void happen(struct world *world, struct made *made)
{
    uint64_t what = draw(world, 40);

    if (made->row.tracking == TRACKING_EXITED && what > 0)
        return;
    if (what == 0)
        end(world, made);
    else if (what == 1)
        memset(made->command, 'x', draw(world, sizeof(made->command))); /* another program */
    else if (what == 2)
        made->held[0] = made->held[1] - 1 - (int32_t)draw(world, 5);
    else if (what == 3)
        made->row.facts.inexact = !made->row.facts.inexact;
    else if (what == 4)
        made->row.facts.lost++;
    else if (what == 5)
        made->row.facts.usage_count = 1 + draw(world, USAGES);
    else if (what < 25)
        work(world, made);
}

/* ---- Samples ---- */

static void copy_clear(struct copy *copy)
{
    free(copy->snapshot.processes);
    free(copy->snapshot.leaks);
    free(copy->made);
    *copy = (struct copy){0};
}

/* As the server tells of it: ages, not moments, and in no order. */
static struct copy sample(struct world *world)
{
    struct copy copy = {.snapshot.time = world->time, .made = calloc(world->count + 1, sizeof(*copy.made))};
    struct snapshot *snapshot = &copy.snapshot;

    snapshot->processes = calloc(world->count + 1, sizeof(*snapshot->processes));
    snapshot->leaks = calloc(world->count + 1, sizeof(*snapshot->leaks));
    assert_true(copy.made && snapshot->processes && snapshot->leaks);
    for (size_t i = 0; i < world->count; i++) {
        struct made *made = &copy.made[i];

        *made = world->made[i];
        point(made);
        for (size_t j = 0; j < USAGES; j++)
            made->usage[j].idle = world->time - made->last;
        made->row.facts.idle = world->time - made->last;
        if (made->row.tracking == TRACKING_EXITED) {
            snapshot->leaks[snapshot->leak_count++] = &made->row;
            continue;
        }
        made->row.facts.age = world->time - made->row.facts.start_time;
        snapshot->processes[snapshot->process_count++] = &made->row;
    }
    snapshot->coverage = (struct coverage){.reporting = snapshot->process_count, .leaks = snapshot->leak_count};
    return copy;
}

static void note(struct world *world)
{
    struct copy fresh = sample(world), *kept = &world->before[world->samples % REMEMBERED];

    if (world->samples > 0)
        assert_int_equal(past_note(&world->past, &world->now.snapshot, &fresh.snapshot), 0);
    assert_true(world->past.bytes <= PAST_BYTES_MAX);
    copy_clear(&world->now);
    world->now = fresh;
    copy_clear(kept);
    *kept = sample(world);
    world->samples++;
}

static struct world world_new(size_t most, uint64_t seed)
{
    struct world world = {
        .made = calloc(most + 1, sizeof(struct made)), .most = most, .time = START, .random = seed, .next_pid = 1};

    assert_non_null(world.made);
    return world;
}

static void world_clear(struct world *world)
{
    for (size_t i = 0; i < REMEMBERED; i++)
        copy_clear(&world->before[i]);
    copy_clear(&world->now);
    past_clear(&world->past);
    free(world->made);
}

static void fill(struct world *world)
{
    while (world->count < world->most)
        begin(world);
}

static void pass(struct world *world, uint64_t time)
{
    world->time += time;
    for (size_t i = 0; i < world->count; i++)
        happen(world, &world->made[i]);
    for (size_t births = draw(world, 3); births > 0 && world->count < world->most; births--)
        begin(world);
    note(world);
}

/* ---- What is read back ---- */

static const struct process_row *find(const struct process_row *const *rows, size_t count, int32_t pid)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i]->facts.pid == pid)
            return rows[i];
    }
    return NULL;
}

static void check_near(uint64_t left, uint64_t right, uint64_t most)
{
    assert_true(left <= right + most && right <= left + most);
}

static void check_usage(const struct tt_alloc_usage *left, const struct tt_alloc_usage *right)
{
    assert_true(left->device == right->device && left->is_pool == right->is_pool && left->index == right->index);
    assert_int_equal(left->bytes, right->bytes);
    assert_int_equal(left->buffers, right->buffers);
    assert_int_equal(left->peak_bytes, right->peak_bytes);
    assert_int_equal(left->allocations, right->allocations);
    assert_int_equal(left->frees, right->frees);
}

static void check_row(const struct process_row *left, const struct process_row *right)
{
    assert_non_null(right);
    assert_int_equal(left->tracking, right->tracking);
    assert_int_equal(left->facts.uid, right->facts.uid);
    assert_int_equal(left->facts.start_time, right->facts.start_time);
    assert_int_equal(left->facts.end_time, right->facts.end_time);
    assert_int_equal(left->facts.buffers, right->facts.buffers);
    assert_int_equal(left->facts.lost, right->facts.lost);
    assert_int_equal(left->facts.inexact, right->facts.inexact);
    assert_true(left->has_peaks == right->has_peaks && left->is_complete == right->is_complete);
    assert_int_equal(strncmp(left->facts.command, right->facts.command, 256), 0);
    assert_string_equal(left->facts.comm, right->facts.comm);
    assert_int_equal(left->held_count, right->held_count);
    assert_memory_equal(left->held, right->held, left->held_count * sizeof(*left->held));
    check_near(left->facts.age, right->facts.age, MILLISECOND);
    if (left->tracking != TRACKING_EXITED)
        check_near(left->facts.idle, right->facts.idle, SECOND / 2 + MILLISECOND);
    assert_int_equal(left->facts.usage_count, right->facts.usage_count);
    for (size_t i = 0; i < left->facts.usage_count; i++)
        check_usage(&left->facts.usage[i], &right->facts.usage[i]);
}

static void check_rows(const struct process_row *const *left, size_t left_count, const struct process_row *const *right,
                       size_t right_count)
{
    assert_int_equal(left_count, right_count);
    for (size_t i = 0; i < left_count; i++)
        check_row(left[i], find(right, right_count, left[i]->facts.pid));
}

static void check_sample(const struct world *world, const struct snapshot *before)
{
    struct past_table table;

    assert_int_equal(past_read(&world->past, &world->now.snapshot, &all, before->time, &table), 0);
    assert_int_equal(table.snapshot.time, before->time);
    assert_int_equal(table.snapshot.coverage.leaks, before->coverage.leaks);
    check_rows(before->processes, before->process_count, table.snapshot.processes, table.snapshot.process_count);
    check_rows(before->leaks, before->leak_count, table.snapshot.leaks, table.snapshot.leak_count);
    past_table_clear(&table);
}

static size_t check_all(const struct world *world)
{
    uint64_t since = past_since(&world->past, &world->now.snapshot);
    size_t checked = 0;

    for (size_t i = 0; i < REMEMBERED; i++) {
        const struct snapshot *before = &world->before[i].snapshot;

        if (before->time < since || before->time > world->time)
            continue;
        check_sample(world, before);
        checked++;
    }
    return checked;
}

static int try_read(const struct world *world, uint64_t time)
{
    struct past_table table;
    int r = past_read(&world->past, &world->now.snapshot, &all, time, &table);

    if (r == 0)
        past_table_clear(&table);
    return r;
}

/* ---- Tests ---- */

static void every_sample_is_read_back(void **state)
{
    struct world world = world_new(40, 1);

    (void)state;
    for (size_t i = 0; i < 600; i++) {
        pass(&world, SECOND - 20 * MILLISECOND + draw(&world, 40) * MILLISECOND);
        if (i % 50 == 49)
            assert_int_equal(check_all(&world), i < REMEMBERED ? i + 1 : REMEMBERED);
    }
    world_clear(&world);
}

/* What is asked for is a moment, and what comes is the last sample before it, or just behind it. */
static void moments_between_samples(void **state)
{
    struct world world = world_new(5, 2);
    struct past_table table;

    (void)state;
    fill(&world);
    for (size_t i = 0; i < 10; i++)
        pass(&world, 10 * SECOND);
    assert_int_equal(past_since(&world.past, &world.now.snapshot), START + 10 * SECOND);
    assert_int_equal(past_read(&world.past, &world.now.snapshot, &all, START + 29 * SECOND, &table), 0);
    assert_int_equal(table.snapshot.time, START + 20 * SECOND);
    past_table_clear(&table);
    assert_int_equal(past_read(&world.past, &world.now.snapshot, &all, START + 30 * SECOND - SECOND / 4, &table), 0);
    assert_int_equal(table.snapshot.time, START + 30 * SECOND);
    past_table_clear(&table);
    assert_int_equal(past_read(&world.past, &world.now.snapshot, &all, world.time, &table), 0);
    assert_int_equal(table.snapshot.time, world.time);
    past_table_clear(&table);
    assert_int_equal(try_read(&world, START + 9 * SECOND), -ENOENT);
    assert_int_equal(try_read(&world, 0), -ENOENT);
    world_clear(&world);
}

static void nothing_was_seen_yet(void **state)
{
    struct world world = world_new(5, 3);

    (void)state;
    note(&world);
    assert_int_equal(try_read(&world, START - SECOND), -ENOENT);
    assert_int_equal(try_read(&world, START), 0);
    assert_int_equal(past_since(&world.past, &world.now.snapshot), START);
    world_clear(&world);
}

/* Somebody sets the clock: back, and it begins anew; ahead, and what is too old is let go of. */
static void clock_steps(void **state)
{
    struct world world = world_new(20, 4);

    (void)state;
    for (size_t i = 0; i < 30; i++)
        pass(&world, SECOND);
    world.time -= 20 * SECOND;
    note(&world);
    assert_int_equal(past_since(&world.past, &world.now.snapshot), world.time);
    assert_int_equal(world.past.bytes, 0);
    note(&world); /* a clock that stands still, as that of a copied host does */
    assert_int_equal(world.past.bytes, 0);
    for (size_t i = 0; i < 5; i++)
        pass(&world, SECOND);
    assert_int_equal(past_since(&world.past, &world.now.snapshot), world.time - 5 * SECOND);
    pass(&world, 600 * SECOND);
    assert_int_equal(past_since(&world.past, &world.now.snapshot), world.time - 605 * SECOND);
    pass(&world, 3600 * SECOND);
    assert_int_equal(past_since(&world.past, &world.now.snapshot), world.time);
    world_clear(&world);
}

/* All of them do something every second. */
static void two_hundred_processes(void **state)
{
    struct world world = world_new(200, 5);
    uint64_t since = 0;

    (void)state;
    fill(&world);
    for (size_t i = 0; i < 500; i++) {
        world.time += SECOND;
        for (size_t j = 0; j < world.count; j++)
            work(&world, &world.made[j]);
        note(&world);
        assert_true(past_since(&world.past, &world.now.snapshot) >= since);
        since = past_since(&world.past, &world.now.snapshot);
    }
    assert_true(world.time - since > 300 * SECOND && world.time - since <= 901 * SECOND);
    assert_true(world.past.bytes > PAST_BYTES_MAX / 2);
    assert_int_equal(check_all(&world), REMEMBERED);
    world_clear(&world);
}

static void a_quarter_of_an_hour(void **state)
{
    struct world world = world_new(200, 6);

    (void)state;
    fill(&world);
    for (size_t i = 0; i < 920; i++) {
        world.time += SECOND;
        for (size_t j = 0; j < 60; j++)
            work(&world, &world.made[j]);
        note(&world);
    }
    assert_true(world.time - past_since(&world.past, &world.now.snapshot) >= 899 * SECOND);
    world_clear(&world);
}

static void ten_thousand_processes(void **state)
{
    struct world world = world_new(10000, 7);

    (void)state;
    fill(&world);
    for (size_t i = 0; i < 15; i++) {
        world.time += SECOND;
        for (size_t j = 0; j < world.count; j++)
            work(&world, &world.made[j]);
        note(&world);
    }
    assert_true(past_since(&world.past, &world.now.snapshot) <= world.time - 5 * SECOND);
    assert_int_equal(try_read(&world, world.time - 3 * SECOND), 0);
    for (size_t j = 0; j < world.count; j++)
        memset(world.made[j].command, 'y', sizeof(world.made[j].command) - 1);
    pass(&world, SECOND);
    world.count = 0; /* all of them end at once: more than can be kept */
    world.time += SECOND;
    note(&world);
    assert_int_equal(past_since(&world.past, &world.now.snapshot), world.time);
    world_clear(&world);
}

static bool read_growth(const struct world *world, uint64_t time, const struct process_row *row, int64_t *ret)
{
    struct past_table table;
    bool is_known;

    assert_int_equal(past_read(&world->past, &world->now.snapshot, &all, time, &table), 0);
    is_known = growth_get(&table.growth, row, ret);
    past_table_clear(&table);
    return is_known;
}

static void growth_of_then(void **state)
{
    struct world world = world_new(1, 8);
    const struct process_row *row;
    int64_t bytes = 0;

    (void)state;
    fill(&world);
    world.made[0].row.tracking = TRACKING_REPORTING;
    world.made[0].row.is_complete = true;
    world.made[0].row.facts.usage_count = USAGES;
    for (uint64_t i = 1; i <= 100; i++) { /* more and more, and less from then on */
        world.time += SECOND;
        world.made[0].usage[1].bytes = (i <= 80 ? i : 160 - i) * MIB;
        note(&world);
    }
    row = &world.now.made[0].row;
    assert_true(read_growth(&world, world.time - 20 * SECOND, row, &bytes));
    assert_int_equal(bytes, 60 * MIB);
    assert_true(read_growth(&world, START + 30 * SECOND, row, &bytes)); /* of less than a minute */
    assert_int_equal(bytes, 20 * MIB);
    assert_false(read_growth(&world, START + 4 * SECOND, row, &bytes));
    world_clear(&world);
}

/* Each of them has got as many MiB as its PID says. */
static void note_growths(struct growth *growth, struct made *made, size_t count, uint64_t time)
{
    const struct process_row *rows[count];

    for (size_t i = 0; i < count; i++) {
        made[i].usage[0].bytes += (uint64_t)made[i].row.facts.pid * MIB;
        made[i].row.facts.usage = made[i].usage;
        rows[i] = &made[i].row;
    }
    assert_int_equal(growth_note(growth, &(struct snapshot){.time = time, .processes = rows, .process_count = count}),
                     0);
}

/* Whatever their order is, and whoever comes and goes; two may have had the same PID. */
static void growth_of_each(void **state)
{
    struct made made[100] = {0};
    struct growth growth = {0};
    int64_t bytes = 0;

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        made[i].row.facts.pid = (int32_t)(i * 37 % 100 / 2 + 1);
        made[i].row.facts.start_time = i * 37 % 100;
        made[i].row.facts.usage_count = 1;
        made[i].row.is_complete = true;
        made[i].usage[0] = (struct tt_alloc_usage){.is_pool = true, .index = TT_ALLOC_POOL_DRAM};
    }
    note_growths(&growth, made, 40, START);
    note_growths(&growth, made, 70, START + 30 * SECOND);
    note_growths(&growth, made + 30, 70, START + 60 * SECOND);
    for (size_t i = 0; i < 100; i++) {
        bool is_known = i >= 30 && i < 70;
        int64_t more = made[i].row.facts.pid * (int64_t)MIB;

        assert_int_equal(growth_get(&growth, &made[i].row, &bytes), is_known);
        if (is_known)
            assert_int_equal(bytes, (i < 40 ? 2 : 1) * more);
    }
    growth_clear(&growth);
}

static void numbers_and_texts(void **state)
{
    static const uint64_t numbers[] = {0, 1, 127, 128, 300, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX};
    struct bytes_out out = {.limit = 4096};
    struct bytes_in in;
    size_t length;

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        bytes_put(&out, numbers[i]);
        for (size_t j = 0; j < 8; j++)
            bytes_put_step(&out, numbers[i], numbers[j]);
    }
    bytes_put_text(&out, "\xc3\xa4\xc3\xa4", 3); /* two characters of two bytes */
    bytes_put_text(&out, "abc", 3);
    assert_int_equal(out.error, 0);
    in = (struct bytes_in){out.bytes, out.bytes + out.size};
    for (size_t i = 0; i < 8; i++) {
        assert_true(bytes_get(&in) == numbers[i]);
        for (size_t j = 0; j < 8; j++)
            assert_true(bytes_get_step(&in, numbers[i]) == numbers[j]);
    }
    assert_memory_equal(bytes_get_text(&in, &length), "\xc3\xa4", 2);
    assert_int_equal(length, 2);
    assert_memory_equal(bytes_get_text(&in, &length), "abc", 3);
    assert_true(in.at == in.end);
    for (size_t i = 0; i < 4096; i++)
        bytes_put(&out, UINT64_MAX);
    assert_true(out.error == -EFBIG && out.size <= out.limit);
    free(out.bytes);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_texts),
        cmocka_unit_test(every_sample_is_read_back),
        cmocka_unit_test(moments_between_samples),
        cmocka_unit_test(nothing_was_seen_yet),
        cmocka_unit_test(clock_steps),
        cmocka_unit_test(two_hundred_processes),
        cmocka_unit_test(a_quarter_of_an_hour),
        cmocka_unit_test(ten_thousand_processes),
        cmocka_unit_test(growth_of_then),
        cmocka_unit_test(growth_of_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
