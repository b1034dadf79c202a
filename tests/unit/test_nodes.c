/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_server_core */

/*
 * Which node of the host a process or a description means.
 */

#include "tests/unit/fixture.h"

#include <errno.h>
#include <string.h>

#include "server/hardware_nodes.h"
#include "server/nodes.h"

#define ASIC_0 UINT64_C(0x1190800000000001)
#define ASIC_5 UINT64_C(0x1190800000000005)
#define BOARD_0 UINT64_C(0x100018111908000)
#define BOARD_P300 UINT64_C(0x403319141bb)

static struct tt_alloc_device_record asic(uint64_t asic_id)
{
    return (struct tt_alloc_device_record){.known = TT_ALLOC_KNOWN_ASIC_ID, .asic_id = asic_id};
}

static struct tt_alloc_device_record pci(uint32_t address)
{
    return (struct tt_alloc_device_record){.known = TT_ALLOC_KNOWN_PCI, .pci_address = address};
}

static struct node node(int32_t number, uint64_t asic_id, uint32_t address, uint64_t board_id)
{
    struct tt_alloc_device_record facts = asic(asic_id);

    facts.known |= TT_ALLOC_KNOWN_PCI;
    facts.pci_address = address;
    return (struct node){.number = number, .has_board_id = true, .board_id = board_id, .facts = facts};
}

/* An n150, the two chips of a p300, and a node that tells nothing. */
static struct node all[] = {{.number = 0}, {.number = 3}, {.number = 5}, {.number = 9}};
static const struct nodes nodes = {.all = all, .count = 4};

static int set_up(void **state)
{
    (void)state;
    all[0] = node(0, ASIC_0, 0x0100, BOARD_0);
    all[1] = node(3, 33, 0x4100, BOARD_P300);
    all[2] = node(5, ASIC_5, 0x4200, BOARD_P300);
    all[3] = (struct node){.number = 9};
    return 0;
}

static void test_finding(void **state)
{
    static const struct nodes none = {0};

    (void)state;
    assert_ptr_equal(nodes_find(&nodes, 5), &all[2]);
    assert_null(nodes_find(&nodes, 4));
    assert_null(nodes_find(&nodes, -1));
    assert_null(nodes_find(&nodes, 10));
    assert_null(nodes_find(&none, 0));
}

static void test_what_is_held_is_numbered_from_0(void **state)
{
    static const int32_t held[] = {3, 9};

    (void)state;
    assert_ptr_equal(nodes_place(&nodes, held, 2, 0), &all[1]);
    assert_ptr_equal(nodes_place(&nodes, held, 2, 1), &all[3]);
    assert_null(nodes_place(&nodes, held, 2, 2)); /* behind another chip */
    assert_null(nodes_place(&nodes, held, 2, INT32_MAX));
    assert_null(nodes_place(&nodes, held, 2, -1));
    assert_null(nodes_place(&nodes, NULL, 0, 0));
}

static void test_a_held_node_that_is_not_known_is_nobody(void **state)
{
    static const int32_t held[] = {1, 3};

    (void)state;
    assert_null(nodes_place(&nodes, held, 2, 0));
    assert_ptr_equal(nodes_place(&nodes, held, 2, 1), &all[1]);
}

static const struct node *match(struct tt_alloc_device_record facts)
{
    return nodes_match(&nodes, &facts);
}

static void test_descriptions_by_id_and_by_address(void **state)
{
    struct tt_alloc_device_record both = asic(ASIC_5);

    (void)state;
    assert_ptr_equal(match(asic(ASIC_0)), &all[0]);
    assert_ptr_equal(match(pci(0x4100)), &all[1]);
    assert_null(match(asic(1)));
    assert_null(match(pci(0x4300)));
    assert_null(match((struct tt_alloc_device_record){0}));

    both.known |= TT_ALLOC_KNOWN_PCI; /* the id decides; one that the host does not have leaves it to the address */
    both.pci_address = 0x0100;
    assert_ptr_equal(match(both), &all[2]);
    both.asic_id = 1;
    assert_ptr_equal(match(both), &all[0]);
}

static void test_the_user_mode_drivers_ids(void **state)
{
    (void)state;
    assert_ptr_equal(match(asic(BOARD_0)), &all[0]);
    assert_ptr_equal(match(asic(BOARD_0 << 5 | 31)), &all[0]);
    assert_null(match(asic(BOARD_0 << 6)));
    assert_null(match(asic(BOARD_P300 << 5))); /* may be either chip of the board */
}

static void test_a_remote_chip_is_not_the_one_that_leads_to_it(void **state)
{
    struct tt_alloc_device_record facts = pci(0x0100);

    (void)state;
    facts.known |= TT_ALLOC_KNOWN_REMOTE | TT_ALLOC_KNOWN_ASIC_ID;
    facts.remote = 1;
    facts.asic_id = BOARD_0;
    assert_false(facts_have_own_pci(&facts));
    assert_null(match(facts));
    facts.remote = 0;
    assert_ptr_equal(match(facts), &all[0]);
}

static void test_being_the_same_chip(void **state)
{
    struct node before = node(0, 1, 0x0100, 1), now = node(0, 1, 0x0200, 1), silent = {.number = 0};

    (void)state;
    assert_true(node_is_same_chip(&before, &now));
    now.facts.asic_id = 2;
    assert_false(node_is_same_chip(&before, &now));
    now.facts.known = TT_ALLOC_KNOWN_PCI; /* in a reset it tells no id */
    assert_false(node_is_same_chip(&before, &now));
    now.facts.pci_address = 0x0100;
    assert_true(node_is_same_chip(&before, &now));
    assert_true(node_is_same_chip(&before, &silent));
}

/* Only what the host does tell is known; the wire has no number for any other architecture. */
static void test_what_the_host_tells(void **state)
{
    const struct host_card card = {.dram_size = 12, .l1_size = 6, .dram_channels = 3, .l1_per_core = 2};
    struct host_device devices[] = {
        {.number = 0,
         .card_type = {.text = "n150"},
         .card = &card,
         .arch = "wormhole_b0",
         .asic_id = {.value = ASIC_0}},
        {.number = 1, .card_type.error = -ENOENT, .arch = "blackhole", .board_id = {.value = BOARD_0}},
        {.number = 2, .card_type.error = -ENOENT, .arch = "grayskull", .pci_address.error = -ENOENT},
        {.number = 3, .card_type.error = -ENOENT, .asic_id.error = -ENODATA, .board_id.error = -ENODATA},
    };
    const struct host host = {.devices = devices, .device_count = 4};
    struct nodes told;

    (void)state;
    assert_int_equal(hardware_nodes(&host, &told), 0);
    assert_int_equal(told.count, 4);
    assert_int_equal(told.all[0].facts.known, TT_ALLOC_KNOWN_REMOTE | TT_ALLOC_KNOWN_ASIC_ID | TT_ALLOC_KNOWN_PCI |
                                                  TT_ALLOC_KNOWN_ARCH | TT_ALLOC_KNOWN_BOARD | NODE_NOMINAL);
    assert_int_equal(told.all[0].facts.arch, TT_ALLOC_ARCH_WORMHOLE_B0);
    assert_int_equal(told.all[0].facts.dram_size, 12);
    assert_string_equal(told.all[0].facts.board, "n150");
    assert_int_equal(told.all[1].facts.arch, TT_ALLOC_ARCH_BLACKHOLE);
    assert_true(told.all[1].has_board_id);
    assert_int_equal(told.all[2].facts.known, TT_ALLOC_KNOWN_REMOTE | TT_ALLOC_KNOWN_ASIC_ID);
    assert_int_equal(told.all[3].facts.known, TT_ALLOC_KNOWN_REMOTE | TT_ALLOC_KNOWN_PCI);
    assert_false(told.all[3].has_board_id);
    nodes_done(&told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_finding, set_up),
        cmocka_unit_test_setup(test_what_is_held_is_numbered_from_0, set_up),
        cmocka_unit_test_setup(test_a_held_node_that_is_not_known_is_nobody, set_up),
        cmocka_unit_test_setup(test_descriptions_by_id_and_by_address, set_up),
        cmocka_unit_test_setup(test_the_user_mode_drivers_ids, set_up),
        cmocka_unit_test_setup(test_a_remote_chip_is_not_the_one_that_leads_to_it, set_up),
        cmocka_unit_test_setup(test_being_the_same_chip, set_up),
        cmocka_unit_test(test_what_the_host_tells),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
