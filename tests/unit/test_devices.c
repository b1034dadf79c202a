/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_server_core */

/*
 * The table of device rows: numbers, keys, bounds. What processes hold there is test_registry.c's subject.
 */

#include "tests/unit/fixture.h"

#include <errno.h>
#include <string.h>

#include "server/device.h"
#include "server/user.h"

#define STRANGER 70001

static struct tt_alloc_device_record asic(uint64_t asic_id)
{
    return (struct tt_alloc_device_record){.known = TT_ALLOC_KNOWN_ASIC_ID, .asic_id = asic_id};
}

static struct tt_alloc_device_record pci(uint32_t address)
{
    return (struct tt_alloc_device_record){.known = TT_ALLOC_KNOWN_PCI, .pci_address = address};
}

static struct device *logical(struct devices *devices, struct user *user, int32_t id)
{
    struct device *device = NULL;

    assert_int_equal(devices_get_logical(devices, id, user, &device), 0);
    return device;
}

static struct device *physical(struct devices *devices, struct user *user, struct tt_alloc_device_record facts,
                               int32_t preferred)
{
    struct device *device = NULL;

    assert_int_equal(devices_add_physical(devices, &facts, preferred, user, &device), 0);
    return device;
}

static void test_rows_stand_by_number(void **state)
{
    static const int32_t ids[] = {7, 0, INT32_MAX, 3, 1, 1000000};
    static const int32_t sorted[] = {0, 1, 3, 7, 1000000, INT32_MAX};
    struct devices devices = {0};
    struct user user = {.uid = STRANGER};
    const struct device *device = NULL;

    (void)state;
    assert_null(devices_find(&devices, 0));
    assert_null(devices_after(&devices, -1));
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(logical(&devices, &user, ids[i])->number, ids[i]);
    assert_int_equal(devices.count, 6);
    assert_int_equal(user.devices, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(devices_find(&devices, ids[i])->number, ids[i]);
        device = devices_after(&devices, device ? device->number : -1);
        assert_int_equal(device->number, sorted[i]);
    }
    assert_null(devices_after(&devices, INT32_MAX));
    assert_null(devices_find(&devices, 2));
    assert_null(devices_find(&devices, INT32_MIN));
    devices_done(&devices);
}

static void test_a_logical_id_has_one_row(void **state)
{
    struct devices devices = {0};
    struct user user = {.uid = STRANGER}, other = {.uid = STRANGER + 1};
    struct device *device;

    (void)state;
    device = logical(&devices, &user, 5);
    assert_ptr_equal(logical(&devices, &other, 5), device);
    assert_int_equal(devices.count, 1);
    assert_int_equal(user.devices, 1);
    assert_int_equal(other.devices, 0);
    devices_done(&devices);
}

static void test_a_taken_number_gives_the_next_free_one(void **state)
{
    struct devices devices = {0};
    struct user user = {.uid = STRANGER};

    (void)state;
    assert_int_equal(physical(&devices, &user, asic(1), 0)->number, 0);
    assert_int_equal(physical(&devices, &user, asic(2), 0)->number, 1);
    assert_int_equal(physical(&devices, &user, asic(3), 3)->number, 3);
    assert_int_equal(physical(&devices, &user, asic(4), 3)->number, 2);
    assert_int_equal(physical(&devices, &user, asic(5), 3)->number, 4);
    /* The row of the logical id 0 is another one than that of chip 1, whose number 0 is. */
    assert_int_equal(logical(&devices, &user, 0)->number, 5);
    assert_false(logical(&devices, &user, 0)->is_physical);
    assert_int_equal(devices.count, 6);
    devices_done(&devices);
}

static void test_what_names_a_chip(void **state)
{
    struct tt_alloc_device_record facts = {.known = TT_ALLOC_KNOWN_ARCH | TT_ALLOC_KNOWN_BOARD};

    (void)state;
    assert_false(device_facts_name_a_chip(&facts));
    facts = asic(0);
    assert_true(device_facts_name_a_chip(&facts));
    facts = pci(0);
    assert_true(device_facts_name_a_chip(&facts));
}

static void test_finding_chips(void **state)
{
    struct devices devices = {0};
    struct user user = {.uid = STRANGER};
    struct tt_alloc_device_record both = asic(10), remote = pci(0x200), facts;
    struct device *by_both, *by_asic, *by_pci;

    (void)state;
    both.known |= TT_ALLOC_KNOWN_PCI;
    both.pci_address = 0x100;
    by_both = physical(&devices, &user, both, 0);
    by_asic = physical(&devices, &user, asic(11), 1);
    by_pci = physical(&devices, &user, pci(0x200), 2);

    facts = asic(10);
    assert_ptr_equal(devices_find_physical(&devices, &facts), by_both);
    facts = pci(0x100);
    assert_ptr_equal(devices_find_physical(&devices, &facts), by_both);
    facts = asic(11);
    assert_ptr_equal(devices_find_physical(&devices, &facts), by_asic);
    facts = pci(0x200);
    assert_ptr_equal(devices_find_physical(&devices, &facts), by_pci);
    facts = asic(12);
    assert_null(devices_find_physical(&devices, &facts));
    facts = (struct tt_alloc_device_record){.known = TT_ALLOC_KNOWN_ARCH};
    assert_null(devices_find_physical(&devices, &facts));

    /* Where both are known the asic id decides: the chip of that address was exchanged. */
    both.asic_id = 99;
    assert_null(devices_find_physical(&devices, &both));

    /* A remote chip shares the address of the one it is reached through. */
    remote.known |= TT_ALLOC_KNOWN_REMOTE;
    remote.remote = 1;
    assert_null(devices_find_physical(&devices, &remote));
    devices_done(&devices);
}

static void test_a_logical_row_is_no_chip(void **state)
{
    struct devices devices = {0};
    struct user user = {.uid = STRANGER};
    struct tt_alloc_device_record facts = asic(1);

    (void)state;
    device_learn(logical(&devices, &user, 0), &facts, false);
    assert_null(devices_find_physical(&devices, &facts));
    devices_done(&devices);
}

static void test_learning(void **state)
{
    struct device device = {0};
    struct tt_alloc_device_record first = {.known = TT_ALLOC_KNOWN_DRAM_SIZE | TT_ALLOC_KNOWN_BOARD,
                                           .dram_size = 100,
                                           .l1_size = 77,
                                           .board = "n150"},
                                  second = {.known = TT_ALLOC_KNOWN_DRAM_SIZE | TT_ALLOC_KNOWN_L1_SIZE,
                                            .dram_size = 200,
                                            .l1_size = 300,
                                            .board = "other"};

    (void)state;
    device_learn(&device, &first, false);
    assert_int_equal(device.facts.known, first.known);
    assert_int_equal(device.facts.dram_size, 100);
    assert_int_equal(device.facts.l1_size, 0); /* its bit was clear */

    device_learn(&device, &second, false); /* only what is new */
    assert_int_equal(device.facts.dram_size, 100);
    assert_int_equal(device.facts.l1_size, 300);
    assert_string_equal(device.facts.board, "n150");
    assert_int_equal(device.facts.known, first.known | second.known);

    device_learn(&device, &second, true); /* a trusted peer */
    assert_int_equal(device.facts.dram_size, 200);
    assert_string_equal(device.facts.board, "n150");
}

static void test_every_field_is_learnt_by_its_bit(void **state)
{
    struct tt_alloc_device_record facts;
    uint32_t bits = TT_ALLOC_KNOWN_REMOTE * 2 - 1;

    (void)state;
    for (uint32_t bit = 1; bit <= TT_ALLOC_KNOWN_REMOTE; bit *= 2) {
        struct device device = {0};
        size_t before = 0, after = 0;
        const uint8_t *bytes = (const uint8_t *)&device.facts;

        memset(&facts, 0x11, sizeof(facts));
        facts.known = bits & ~bit;
        device_learn(&device, &facts, false);
        for (size_t i = 0; i < sizeof(device.facts); i++)
            before += bytes[i] == 0x11;
        facts.known = bit;
        device_learn(&device, &facts, false);
        for (size_t i = 0; i < sizeof(device.facts); i++)
            after += bytes[i] == 0x11;
        assert_true(after >= before + 4);
        assert_int_equal(device.facts.known, bits);
    }
}

static void test_a_board_name_is_terminated(void **state)
{
    struct device device = {0};
    struct tt_alloc_device_record facts = {.known = TT_ALLOC_KNOWN_BOARD};

    (void)state;
    memset(facts.board, 'x', sizeof(facts.board));
    device_learn(&device, &facts, false);
    assert_int_equal(strlen(device.facts.board), sizeof(facts.board) - 1);
}

static void test_rows_per_user(void **state)
{
    struct devices devices = {0};
    struct user user = {.uid = STRANGER}, other = {.uid = STRANGER + 1}, root = {.uid = 0, .is_privileged = true};
    struct tt_alloc_device_record facts = asic(1);
    struct device *device = NULL;

    (void)state;
    for (int32_t id = 0; id < USER_DEVICES_MAX; id++)
        logical(&devices, &user, id);
    assert_int_equal(devices_get_logical(&devices, USER_DEVICES_MAX, &user, &device), -EDQUOT);
    assert_int_equal(devices_add_physical(&devices, &facts, 0, &user, &device), -EDQUOT);
    assert_null(device);
    assert_int_equal(devices.count, USER_DEVICES_MAX);

    logical(&devices, &user, 0); /* what is there is found as ever */
    logical(&devices, &other, USER_DEVICES_MAX);
    for (int32_t id = 10000; id < 10000 + 2 * USER_DEVICES_MAX; id++)
        logical(&devices, &root, id);

    devices_remove(&devices, devices_find(&devices, 5)); /* who gives one up may have another */
    assert_int_equal(user.devices, USER_DEVICES_MAX - 1);
    logical(&devices, &user, USER_DEVICES_MAX + 1);
    devices_done(&devices);
}

static void test_the_longest_idle_unused_row_makes_room(void **state)
{
    struct devices devices = {0};
    struct user root = {.uid = 0, .is_privileged = true};
    struct device *device = NULL;

    (void)state;
    for (int32_t id = 0; id < DEVICES_MAX; id++) {
        device = logical(&devices, &root, id);
        device->usage.last_activity = (uint64_t)(10000 - id);
        device_ref(device);
    }
    assert_int_equal(devices_get_logical(&devices, DEVICES_MAX, &root, &device), -EDQUOT);
    assert_int_equal(devices.count, DEVICES_MAX);

    device_unref(devices_find(&devices, 100));
    device_unref(devices_find(&devices, 4000)); /* idle for longer than 100, shorter than those in use */
    logical(&devices, &root, DEVICES_MAX);
    assert_null(devices_find(&devices, 4000));
    assert_non_null(devices_find(&devices, 100));
    logical(&devices, &root, DEVICES_MAX + 1)->references++;
    assert_int_equal(devices.count, DEVICES_MAX);
    assert_int_equal(root.devices, DEVICES_MAX);
    devices_done(&devices);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_rows_stand_by_number),
        FIXTURE(test_a_logical_id_has_one_row),
        FIXTURE(test_a_taken_number_gives_the_next_free_one),
        FIXTURE(test_what_names_a_chip),
        FIXTURE(test_finding_chips),
        FIXTURE(test_a_logical_row_is_no_chip),
        FIXTURE(test_learning),
        FIXTURE(test_every_field_is_learnt_by_its_bit),
        FIXTURE(test_a_board_name_is_terminated),
        FIXTURE(test_rows_per_user),
        FIXTURE(test_the_longest_idle_unused_row_makes_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
