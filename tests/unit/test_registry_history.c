/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_server_core */

/*
 * The history as the registry leads it: what reports, resyncs, descriptions and ends of processes draw. Everything
 * happens in the last minute, because the end of a process is now.
 */

#include "tests/unit/fixture.h"

#include "server/clock.h"
#include "server/device_history.h"
#include "server/registry.h"

#define UNIT ((uint64_t)HISTORY_UNIT)
#define AGE 60 /* s; the tests begin so long ago */

struct world {
    struct registry registry;
    uint64_t begin; /* a whole second, ns */
    struct history_series series;
};

static void on_remains(struct remains remains, void *userdata)
{
    (void)userdata;
    remains_release_devices(&remains);
    ledger_free(remains.ledger);
    remains_settle(&remains);
}

static void world_init(struct world *world)
{
    *world = (struct world){.begin = (clock_now() / NSEC_PER_SEC - AGE) * NSEC_PER_SEC};
    registry_init(&world->registry, on_remains, world);
}

static uint64_t at(const struct world *world, double second)
{
    return world->begin + (uint64_t)(second * 1e9);
}

static struct process *attach(struct world *world, pid_t pid)
{
    struct peer peer = {.pid = pid, .uid = 70001, .gid = 70001, .pidfd = -1};
    struct process *process = NULL;

    assert_int_equal(registry_attach(&world->registry, &peer, &process), 0);
    return process;
}

static void allocate(struct world *world, struct process *process, uint64_t id, uint64_t units, double second)
{
    assert_int_equal(
        registry_allocate(&world->registry, process, 0, TT_ALLOC_DRAM, id, units * UNIT, at(world, second)), 0);
}

static void release(struct world *world, struct process *process, uint64_t id, double second)
{
    assert_int_equal(registry_release(&world->registry, process, 0, TT_ALLOC_DRAM, id, at(world, second)), 0);
}

static void announce(struct world *world, struct process *process, uint64_t id, uint64_t units, double second)
{
    struct announcement announcement = {
        .region = TT_ALLOC_DRAM, .references = 1, .buffer_id = id, .size = units * UNIT, .born = at(world, 0)};

    assert_int_equal(registry_announce(&world->registry, process, &announcement, at(world, second)), 0);
}

static void sweep(struct world *world, struct process *process)
{
    size_t steps = SIZE_MAX;

    assert_true(registry_sweep(&world->registry, process, &steps));
}

/* The samples of dram from the beginning to the given second, the oldest first. */
static void check(struct world *world, int32_t number, double second, size_t count, const uint32_t *samples)
{
    struct device *device = devices_find(&world->registry.devices, number);

    history_read(device->history, &device->usage, TT_ALLOC_POOL_DRAM, 1, 0, at(world, second), &world->series);
    assert_true(world->series.count >= count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(world->series.samples[world->series.count - 1 - i], samples[i]);
}

#define CHECK(world, number, second, ...)                                                                              \
    check(world, number, second, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), (uint32_t[]){__VA_ARGS__})

static void describe(struct world *world, struct process *process, int32_t device_id, uint64_t asic_id)
{
    const struct tt_alloc_device_record facts = {
        .device_id = device_id, .known = TT_ALLOC_KNOWN_ASIC_ID, .asic_id = asic_id};

    assert_int_equal(registry_describe(&world->registry, process, &facts), 0);
}

/* ---- Reports, beginnings and ends ---- */

static void test_reports_are_drawn(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    struct process *a = attach(&world, 10), *b = attach(&world, 11);
    allocate(&world, a, 1, 5, 0.1);
    allocate(&world, a, 1, 5, 1.1);  /* one reference more */
    allocate(&world, a, 1, 7, 2.1);  /* replaced: never both */
    release(&world, a, 99, 2.2);     /* unknown */
    allocate(&world, b, 1, 10, 3.5); /* of the other */
    release(&world, b, 1, 3.6);
    release(&world, a, 1, 5.0);
    CHECK(&world, 0, 6, 5, 5, 7, 17, 7, 7, 0);
    registry_done(&world.registry);
}

static void test_memory_is_taken_with_the_first_report(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    struct process *a = attach(&world, 10);
    for (int32_t i = 0; i < 32; i++)
        describe(&world, a, i, (uint64_t)i + 1);
    assert_int_equal(devices_history_bytes(&world.registry.devices), 0);
    for (int32_t i = 0; i < 32; i++)
        for (uint8_t region = 0; region < TT_ALLOC_REGIONS; region++)
            for (unsigned second = 0; second < AGE; second++)
                registry_allocate(&world.registry, a, i, region, second, UNIT, at(&world, second));
    assert_int_equal(world.registry.devices.count, 32);
    assert_int_equal(devices_history_bytes(&world.registry.devices), 32 * sizeof(struct history));
    assert_true(devices_history_bytes(&world.registry.devices) + 32 * sizeof(struct device) < 1024 * 1024);
    registry_done(&world.registry);
}

/* What it held goes with its end, which is now; before, nothing changes. */
static void test_the_end_of_a_process(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    struct process *a = attach(&world, 10), *b = attach(&world, 11);
    allocate(&world, a, 1, 5, 0);
    allocate(&world, b, 1, 3, 1);
    registry_detach(&world.registry, a, true);
    CHECK(&world, 0, 2 * AGE, 5, 8, 8);
    assert_int_equal(world.series.samples[0], 3);
    assert_int_equal(world.series.samples[2 * AGE - (AGE - 2)], 8);
    registry_done(&world.registry);
}

/* Two that call different chips 0, and one of them tells so late. */
static void test_a_device_that_is_described_late(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    struct process *a = attach(&world, 10), *b = attach(&world, 11);
    allocate(&world, a, 1, 5, 0);
    allocate(&world, b, 1, 3, 1);
    describe(&world, b, 0, 7);
    CHECK(&world, 0, 2 * AGE, 5, 8, 8);
    assert_int_equal(world.series.samples[0], 5);
    CHECK(&world, 1, 2 * AGE, 3, 3);
    assert_true(world.series.count <= AGE + 2); /* from now on */
    registry_done(&world.registry);
}

/* ---- Resyncs ---- */

/* After a gap: 10 were freed and 12 others allocated, unseen. */
static void test_a_resync_after_a_gap(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    struct process *a = attach(&world, 10), *b = attach(&world, 11);
    allocate(&world, a, 1, 10, 0);
    allocate(&world, a, 2, 1, 0);
    registry_resync_begin(a, false);
    announce(&world, a, 3, 12, 1);
    allocate(&world, b, 1, 100, 2); /* another's are as certain as ever */
    announce(&world, a, 2, 1, 3);
    release(&world, b, 1, 3);
    registry_resync_end(&world.registry, a, false, 2);
    CHECK(&world, 0, 5, 11, 11, 111, 111, 11, 11);
    sweep(&world, a); /* at once: now */
    CHECK(&world, 0, 2 * AGE, 11, 11, 111, 111, 11, 11);
    for (size_t i = 0; i < world.series.count - 4; i++)
        assert_true(world.series.samples[i] == 11 || world.series.samples[i] == 13);
    assert_int_equal(world.series.samples[0], 13);
    registry_done(&world.registry);
}

/* After a restart nothing is known and nothing stale, and what is told is what there is. */
static void test_a_resync_with_an_empty_server(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    struct process *a = attach(&world, 10);
    registry_resync_begin(a, false);
    announce(&world, a, 1, 4, 0.1);
    announce(&world, a, 2, 5, 0.2);
    registry_resync_end(&world.registry, a, false, 2);
    CHECK(&world, 0, 1, 9, 9);
    registry_done(&world.registry);
}

/* The first to be through must not show what the other counts twice. */
static void test_two_resyncs_at_once(void **state)
{
    struct world world;
    struct device *device;

    (void)state;
    world_init(&world);
    struct process *a = attach(&world, 10), *b = attach(&world, 11);
    allocate(&world, a, 1, 10, 0);
    allocate(&world, b, 1, 20, 0);
    registry_resync_begin(a, false);
    registry_resync_begin(b, false);
    announce(&world, a, 2, 10, 1);
    announce(&world, b, 2, 20, 1);
    release(&world, a, 1, 2); /* the last stale one */
    device = devices_find(&world.registry.devices, 0);
    assert_int_equal(device->unsettled, 1);
    release(&world, b, 1, 4);
    assert_int_equal(device->unsettled, 0);
    CHECK(&world, 0, 5, 30, 30, 30, 30, 30, 30);
    registry_done(&world.registry);
}

static void test_an_end_in_the_middle_of_a_resync(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    struct process *a = attach(&world, 10), *b = attach(&world, 11);
    allocate(&world, b, 1, 3, 0);
    allocate(&world, a, 1, 10, 0);
    registry_resync_begin(a, false);
    announce(&world, a, 2, 10, 1);
    registry_resync_call_off(a);
    registry_detach(&world.registry, a, true);
    assert_int_equal(devices_find(&world.registry.devices, 0)->unsettled, 0);
    CHECK(&world, 0, 2 * AGE, 13, 13, 13);
    assert_int_equal(world.series.samples[0], 3);
    registry_done(&world.registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reports_are_drawn),    cmocka_unit_test(test_memory_is_taken_with_the_first_report),
        cmocka_unit_test(test_the_end_of_a_process), cmocka_unit_test(test_a_device_that_is_described_late),
        cmocka_unit_test(test_a_resync_after_a_gap), cmocka_unit_test(test_a_resync_with_an_empty_server),
        cmocka_unit_test(test_two_resyncs_at_once),  cmocka_unit_test(test_an_end_in_the_middle_of_a_resync),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
