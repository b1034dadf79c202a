/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_server_core */

/*
 * The registry and the nodes of the host: which rows processes are put on when they are located, how these rows are
 * called, and what is known of them.
 */

#include "tests/unit/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "server/clock.h"
#include "server/registry.h"

#define ALICE 70001
#define BOB 70002
#define NOW UINT64_C(1000000000)
#define GIB (UINT64_C(1) << 30)

static void on_remains(struct remains remains, void *userdata)
{
    (void)userdata;
    remains_release_devices(&remains);
    ledger_free(remains.ledger);
    remains_settle(&remains);
}

static struct node node(int32_t number, uint64_t asic_id)
{
    return (struct node){
        .number = number,
        .facts = {.known = TT_ALLOC_KNOWN_ASIC_ID | TT_ALLOC_KNOWN_PCI | TT_ALLOC_KNOWN_ARCH | TT_ALLOC_KNOWN_DRAM_SIZE,
                  .asic_id = asic_id,
                  .pci_address = (uint32_t)number << 8,
                  .arch = TT_ALLOC_ARCH_BLACKHOLE,
                  .dram_size = 32 * GIB},
    };
}

/* Nodes 0 .. count - 1 with the ids 100, 101, ... */
static void set_nodes(struct registry *registry, size_t count)
{
    struct nodes nodes = {.all = calloc(count + 1, sizeof(nodes.all[0])), .count = count};

    assert_non_null(nodes.all);
    for (size_t i = 0; i < count; i++)
        nodes.all[i] = node((int32_t)i, 100 + i);
    registry_set_nodes(registry, &nodes);
}

static int set_up(void **state)
{
    struct registry *registry = calloc(1, sizeof(*registry));

    assert_non_null(registry);
    registry_init(registry, on_remains, NULL);
    set_nodes(registry, 4);
    *state = registry;
    return 0;
}

static int tear_down(void **state)
{
    registry_done(*state);
    free(*state);
    return 0;
}

static struct process *attach(struct registry *registry, uid_t uid, pid_t pid)
{
    struct peer peer = {.pid = pid, .uid = uid, .gid = uid, .pidfd = -1};
    struct process *process = NULL;

    assert_int_equal(registry_attach(registry, &peer, &process), 0);
    return process;
}

static void allocate(struct registry *registry, struct process *process, int32_t device_id, uint64_t size)
{
    assert_int_equal(registry_allocate(registry, process, device_id, TT_ALLOC_DRAM, size, size, NOW), 0);
}

static void locate(struct registry *registry, struct process *process, int32_t first, int32_t second)
{
    const int32_t held[] = {first, second};

    registry_locate(registry, process, held, (size_t)(first >= 0) + (size_t)(second >= 0), NOW);
}

static uint64_t bytes_on(const struct registry *registry, int32_t number)
{
    const struct device *device = devices_find(&registry->devices, number);

    assert_non_null(device);
    return usage_clamp(device->usage.region[TT_ALLOC_DRAM].bytes);
}

static int32_t row_of(struct registry *registry, struct process *process, int32_t device_id)
{
    return registry_resolve(registry, process, device_id)->number;
}

static void test_who_uses_a_device_waits_to_be_located(void **state)
{
    struct registry *registry = *state;
    struct process *process = attach(registry, ALICE, 10);

    assert_true(list_is_empty(&registry->unlocated));
    allocate(registry, process, 0, 1);
    assert_ptr_equal(registry->unlocated.next, &process->unlocated_link);
    allocate(registry, process, 1, 2);
    locate(registry, process, 1, 2);
    assert_true(list_is_empty(&registry->unlocated));
    registry_look_again(registry, process, UINT64_MAX); /* there is nothing left to look for */
    assert_true(list_is_empty(&registry->unlocated));
    registry_detach(registry, process, true);
}

static void test_who_goes_waits_no_more(void **state)
{
    struct registry *registry = *state;
    struct process *process = attach(registry, ALICE, 10);

    allocate(registry, process, 0, 1);
    registry_detach(registry, process, true);
    assert_true(list_is_empty(&registry->unlocated));
}

static void test_rows_have_the_numbers_of_nodes(void **state)
{
    struct registry *registry = *state;
    struct process *a = attach(registry, ALICE, 10), *b = attach(registry, BOB, 11);

    allocate(registry, a, 0, 1);
    assert_int_equal(row_of(registry, a, 0), 4); /* 0 is a node's, and perhaps not this process's */
    allocate(registry, b, 0, 2);
    locate(registry, a, 3, -1);
    locate(registry, b, 1, -1);
    assert_int_equal(row_of(registry, a, 0), 3);
    assert_int_equal(row_of(registry, b, 0), 1);
    assert_int_equal(bytes_on(registry, 3), 1);
    assert_int_equal(bytes_on(registry, 1), 2);
}

static void test_remote_rows_close_ranks(void **state)
{
    struct registry *registry = *state;
    struct process *process = attach(registry, ALICE, 10);

    for (int32_t id = 0; id < 4; id++)
        allocate(registry, process, id, 1 + (uint64_t)id);
    assert_int_equal(row_of(registry, process, 3), 7);
    locate(registry, process, 0, 1);
    assert_int_equal(row_of(registry, process, 2), 4);
    assert_int_equal(row_of(registry, process, 3), 5);
    assert_int_equal(bytes_on(registry, 4), 3);
    assert_int_equal(bytes_on(registry, 5), 4);
    assert_int_equal(registry->devices.count, 4);
}

static void test_a_row_keeps_its_peaks_when_it_is_located(void **state)
{
    struct registry *registry = *state;
    struct process *process = attach(registry, ALICE, 10);

    allocate(registry, process, 0, 1000);
    registry_release(registry, process, 0, TT_ALLOC_DRAM, 1000, NOW);
    locate(registry, process, 2, -1);
    assert_true(devices_find(&registry->devices, 2)->usage.region[TT_ALLOC_DRAM].peak == 1000);
    assert_int_equal(devices_find(&registry->devices, 2)->usage.allocations[TT_ALLOC_DRAM], 1);
}

static void test_looking_again_takes_longer_each_time(void **state)
{
    struct registry *registry = *state;
    struct process *process = attach(registry, ALICE, 10);
    uint64_t pause, last = 0;

    allocate(registry, process, 0, 1);
    for (int i = 0; i < 10; i++) {
        locate(registry, process, -1, -1);
        pause = process->look_again - NOW;
        assert_true(pause >= NSEC_PER_SEC && pause >= last && pause <= 32 * NSEC_PER_SEC);
        registry_look_again(registry, process, process->look_again - 1);
        assert_true(list_is_empty(&registry->unlocated));
        registry_look_again(registry, process, process->look_again);
        assert_false(list_is_empty(&registry->unlocated));
        last = pause;
    }
    assert_int_equal(last, 32 * NSEC_PER_SEC);
}

static void test_a_description_finds_the_row_of_its_node(void **state)
{
    struct registry *registry = *state;
    struct process *a = attach(registry, ALICE, 10), *b = attach(registry, BOB, 11);
    const struct tt_alloc_device_record facts = {.known = TT_ALLOC_KNOWN_ASIC_ID, .asic_id = 102, .device_id = 0};

    allocate(registry, a, 0, 1);
    locate(registry, a, 2, -1);
    assert_int_equal(registry_describe(registry, b, &facts), 0);
    assert_int_equal(row_of(registry, b, 0), 2);
    assert_true(list_is_empty(&registry->unlocated));
    assert_int_equal(devices_find(&registry->devices, 2)->processes, 2);
}

static const struct device *described(struct registry *registry, struct process *process, uint32_t known,
                                      uint64_t dram_size)
{
    const struct tt_alloc_device_record facts = {.known = known | TT_ALLOC_KNOWN_ASIC_ID,
                                                 .asic_id = 101,
                                                 .dram_size = dram_size,
                                                 .arch = TT_ALLOC_ARCH_WORMHOLE_B0};

    assert_int_equal(registry_describe(registry, process, &facts), 0);
    return registry_resolve(registry, process, 0);
}

static void test_sizes_are_nominal_until_somebody_tells(void **state)
{
    struct registry *registry = *state;
    struct process *process = attach(registry, ALICE, 10);
    const struct device *device = described(registry, process, 0, 0);

    assert_int_equal(device->facts.dram_size, 32 * GIB);
    assert_true(device->facts.known & TT_ALLOC_KNOWN_NOMINAL);
    described(registry, process, TT_ALLOC_KNOWN_NOMINAL, 0);
    assert_true(device->facts.known & TT_ALLOC_KNOWN_NOMINAL);
    described(registry, process, TT_ALLOC_KNOWN_DRAM_SIZE, 30 * GIB);
    assert_int_equal(device->facts.dram_size, 30 * GIB);
    assert_false(device->facts.known & TT_ALLOC_KNOWN_NOMINAL);
    set_nodes(registry, 0); /* and what was told is not forgotten when the node goes and comes */
    set_nodes(registry, 4);
    assert_int_equal(device->node, 1);
    assert_int_equal(device->facts.dram_size, 30 * GIB);
    assert_false(device->facts.known & TT_ALLOC_KNOWN_NOMINAL);
}

static void test_what_the_host_says_gives_way_to_nobody(void **state)
{
    struct registry *registry = *state;
    const struct device *device = described(registry, attach(registry, ALICE, 10), TT_ALLOC_KNOWN_ARCH, 0);

    assert_int_equal(device->facts.arch, TT_ALLOC_ARCH_BLACKHOLE);
    described(registry, attach(registry, 0, 11), TT_ALLOC_KNOWN_ARCH, 0);
    assert_int_equal(device->facts.arch, TT_ALLOC_ARCH_BLACKHOLE);
}

/* One client tells address and id, as the user-mode driver has it; another one only that id. */
static void test_a_chip_goes_by_the_clients_id_too(void **state)
{
    struct registry *registry = *state;
    struct process *a = attach(registry, ALICE, 10), *b = attach(registry, BOB, 11);
    struct tt_alloc_device_record facts = {
        .known = TT_ALLOC_KNOWN_ASIC_ID | TT_ALLOC_KNOWN_PCI, .asic_id = 7777, .pci_address = 2 << 8};

    registry_describe(registry, a, &facts);
    assert_int_equal(row_of(registry, a, 0), 2);
    assert_int_equal(devices_find(&registry->devices, 2)->facts.asic_id, 102);
    facts.known = TT_ALLOC_KNOWN_ASIC_ID;
    registry_describe(registry, b, &facts);
    assert_int_equal(row_of(registry, b, 0), 2);
}

static void test_nodes_that_come_late(void **state)
{
    struct registry *registry = *state;
    struct process *a = attach(registry, ALICE, 10), *b = attach(registry, BOB, 11);
    const struct tt_alloc_device_record facts = {.known = TT_ALLOC_KNOWN_ASIC_ID, .asic_id = 101, .device_id = 7};

    set_nodes(registry, 0);
    allocate(registry, a, 0, 1);
    registry_describe(registry, b, &facts);
    assert_int_equal(row_of(registry, a, 0), 0);
    assert_int_equal(row_of(registry, b, 7), 7);
    assert_int_equal(devices_count(&registry->devices), 2);
    set_nodes(registry, 4);
    assert_int_equal(row_of(registry, b, 7), 1);
    assert_int_equal(row_of(registry, a, 0), 0); /* nobody knows which one that is */
    assert_int_equal(devices_count(&registry->devices), 4);
    locate(registry, b, 0, -1);
    locate(registry, a, 2, -1);
    assert_int_equal(row_of(registry, a, 0), 2);
}

static void test_a_number_that_is_taken(void **state)
{
    struct registry *registry = *state;
    struct process *a = attach(registry, ALICE, 10), *b = attach(registry, BOB, 11);

    set_nodes(registry, 0);
    allocate(registry, a, 0, 1);
    set_nodes(registry, 4);
    allocate(registry, b, 1, 2);
    locate(registry, b, 3, 0);
    assert_int_equal(row_of(registry, a, 0), 0);
    assert_int_equal(row_of(registry, b, 1), 4);
    assert_int_equal(registry_resolve(registry, b, 1)->node, 0);
}

static void test_random_operations(void **state)
{
    struct registry *registry = *state;
    struct fixture_random random = {1};
    struct process *crowd[6];

    for (int i = 0; i < 6; i++)
        crowd[i] = attach(registry, ALICE + (uid_t)i % 2, 10 + i);
    for (int step = 0; step < 20000; step++) {
        struct process *process = crowd[fixture_below(&random, 6)];
        struct tt_alloc_device_record facts = {.known = TT_ALLOC_KNOWN_ASIC_ID,
                                               .asic_id = 98 + fixture_below(&random, 8),
                                               .device_id = (int32_t)fixture_below(&random, 4)};
        uint64_t sum = 0, rows = 0;

        if (fixture_below(&random, 40) == 0)
            set_nodes(registry, fixture_below(&random, 5));
        else if (fixture_below(&random, 10) == 0)
            registry_describe(registry, process, &facts);
        else if (fixture_below(&random, 4) == 0)
            locate(registry, process, (int32_t)fixture_below(&random, 3) - 1, 3);
        else
            allocate(registry, process, facts.device_id, 1 + fixture_below(&random, 50));
        for (int i = 0; i < 6; i++)
            for (size_t k = 0; k < ledger_device_count(crowd[i]->ledger); k++)
                sum += usage_clamp(ledger_device(crowd[i]->ledger, k)->usage.region[TT_ALLOC_DRAM].bytes);
        for (size_t i = 0; i < registry->devices.count; i++) {
            rows += bytes_on(registry, registry->devices.rows[i]->number);
            assert_true(i == 0 || registry->devices.rows[i - 1]->number < registry->devices.rows[i]->number);
        }
        assert_int_equal(rows, sum);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_who_uses_a_device_waits_to_be_located),
        TEST(test_who_goes_waits_no_more),
        TEST(test_rows_have_the_numbers_of_nodes),
        TEST(test_remote_rows_close_ranks),
        TEST(test_a_row_keeps_its_peaks_when_it_is_located),
        TEST(test_looking_again_takes_longer_each_time),
        TEST(test_a_description_finds_the_row_of_its_node),
        TEST(test_sizes_are_nominal_until_somebody_tells),
        TEST(test_what_the_host_says_gives_way_to_nobody),
        TEST(test_a_chip_goes_by_the_clients_id_too),
        TEST(test_nodes_that_come_late),
        TEST(test_a_number_that_is_taken),
        TEST(test_random_operations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
