/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_host */

/*
 * A picture of the host that is kept and brought up to date, on a tree that changes meanwhile.
 */

#include "tests/unit/host_fixture.h"

#include <errno.h>

#include "host/host.h"

static struct tree tree;

static const char *class_of(int number, const char *file)
{
    static char path[128];

    snprintf(path, sizeof(path), "sys/class/tenstorrent/tenstorrent!%d%s", number, file);
    return path;
}

static void add_device(int number, const char *pids)
{
    char path[128];

    tree_write(&tree, class_of(number, "/tt_card_type"), "n150\n");
    snprintf(path, sizeof(path), "proc/driver/tenstorrent/%d/pids", number);
    tree_write(&tree, path, pids);
}

static int set_up(void **state)
{
    fixture_begin(state);
    tree = tree_open();
    return 0;
}

static int tear_down(void **state)
{
    tree_close(&tree);
    return fixture_end(state);
}

static void test_listing_is_quick_and_reading_completes_it(void **state)
{
    struct host host;

    (void)state;
    add_device(10, "");
    add_device(2, "");
    assert_int_equal(host_list_devices(tree.path, &host), 0);
    assert_int_equal(host.device_count, 2);
    assert_int_equal(host.devices[0].number, 2);
    assert_int_equal(host.devices[1].number, 10);
    assert_null(host.devices[1].card);
    assert_int_equal(host_read_device(tree.path, &host.devices[1]), 0);
    assert_int_equal(host.devices[1].number, 10);
    assert_string_equal(host.devices[1].card_type.text, "n150");
    assert_non_null(host.devices[1].card);
    host_clear(&host);
}

static void test_no_class_and_no_root(void **state)
{
    struct host host;

    (void)state;
    assert_int_equal(host_list_devices(tree.path, &host), 0);
    assert_int_equal(host.devices_error, -ENOENT);
    assert_int_equal(host.device_count, 0);
    assert_false(host_has_other_devices(tree.path, &host));
    assert_int_equal(host_read_holders(tree.path, &host), 0);
    host_clear(&host);
    assert_int_equal(host_list_devices("/nowhere", &host), -ENOENT);
    assert_int_equal(host_read_holders("/nowhere", &host), -ENOENT);
}

static void test_holders_come_and_go(void **state)
{
    struct host host;

    (void)state;
    add_device(0, "10\n12\n10\n0\n");
    assert_int_equal(host_read(tree.path, HOST_IDENTITY, &host), 0);
    assert_int_equal(host_read_holders(tree.path, &host), 0);
    assert_true(host_device_is_held_by(&host.devices[0], 10));
    assert_true(host_device_is_held_by(&host.devices[0], 12));
    assert_int_equal(host.devices[0].holder_count, 2);
    assert_int_equal(host.devices[0].hidden_opens, 1);

    add_device(0, "12\n");
    assert_int_equal(host_read_holders(tree.path, &host), 0);
    assert_false(host_device_is_held_by(&host.devices[0], 10));
    assert_true(host_device_is_held_by(&host.devices[0], 12));
    assert_int_equal(host.devices[0].hidden_opens, 0);

    tree_remove(&tree, "proc/driver/tenstorrent/0/pids");
    assert_int_equal(host_read_holders(tree.path, &host), 0);
    assert_int_equal(host.devices[0].holders_error, -ENOENT);
    assert_int_equal(host.devices[0].holder_count, 0);
    host_clear(&host);
}

static void test_noticing_other_devices(void **state)
{
    struct host host;

    (void)state;
    add_device(1, "");
    add_device(3, "");
    assert_int_equal(host_list_devices(tree.path, &host), 0);
    assert_false(host_has_other_devices(tree.path, &host));
    add_device(2, "");
    assert_true(host_has_other_devices(tree.path, &host));
    tree_remove(&tree, class_of(3, ""));
    assert_true(host_has_other_devices(tree.path, &host)); /* as many, but others */
    tree_remove(&tree, class_of(2, ""));
    assert_true(host_has_other_devices(tree.path, &host));
    add_device(3, "");
    assert_false(host_has_other_devices(tree.path, &host));
    tree_remove(&tree, "sys");
    assert_true(host_has_other_devices(tree.path, &host));
    host_clear(&host);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_listing_is_quick_and_reading_completes_it),
        TEST(test_no_class_and_no_root),
        TEST(test_holders_come_and_go),
        TEST(test_noticing_other_devices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
