/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_host */

/*
 * Who has a device open, by the driver's list.
 */

#include "tests/unit/host_fixture.h"

#include <errno.h>

#include "host/host.h"

#define PIDS "proc/driver/tenstorrent/0/pids"
#define PARTS (HOST_IDENTITY | HOST_HOLDERS)

/* A host with one device. */
static struct tree open_tree(void)
{
    struct tree tree = tree_open();

    tree_add_host(&tree);
    tree_add_device(&tree, 0);
    return tree;
}

static struct host read_host(const struct tree *tree)
{
    struct host host;

    assert_int_equal(host_read(tree->path, PARTS, &host), 0);
    return host;
}

/* The only device has holders as "PID*OPENS PID*OPENS", and so many hidden opens. */
static void assert_holders(const struct tree *tree, const char *expected, unsigned hidden)
{
    struct host host = read_host(tree);
    const struct host_device *device = host_find_device(&host, 0);
    char text[256] = "";

    assert_non_null(device);
    assert_int_equal(device->holders_error, 0);
    for (size_t i = 0; i < device->holder_count; i++) {
        size_t length = strlen(text);

        snprintf(text + length, sizeof(text) - length, "%s%d*%u", i ? " " : "", device->holders[i].pid,
                 device->holders[i].opens);
    }
    assert_string_equal(text, expected);
    assert_int_equal(device->hidden_opens, hidden);
    host_clear(&host);
}

static void assert_holders_error(const struct tree *tree, int error)
{
    struct host host = read_host(tree);
    const struct host_device *device = host_find_device(&host, 0);

    assert_non_null(device);
    assert_int_equal(device->holders_error, error);
    assert_null(device->holders);
    assert_int_equal(device->holder_count, 0);
    assert_int_equal(device->hidden_opens, 0);
    host_clear(&host);
}

static void test_processes_once_each_and_in_order(void **state)
{
    static const struct {
        const char *list, *expected;
        unsigned hidden;
    } cases[] = {
        {"", "", 0},
        {"42\n", "42*1", 0},
        {"42", "42*1", 0},
        {"7\n5\n7\n6\n5\n7\n", "5*2 6*1 7*3", 0},
        {"0\n", "", 1},
        {"0\n9\n0\n1\n0\n", "1*1 9*1", 3},
        {"2147483647\n10\n9\n", "9*1 10*1 2147483647*1", 0},
    };
    struct tree tree = open_tree();

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tree_write(&tree, PIDS, cases[i].list);
        assert_holders(&tree, cases[i].expected, cases[i].hidden);
    }
    tree_close(&tree);
}

static void test_lists_that_make_no_sense(void **state)
{
    static const char *const lists[] = {
        "x\n",           "-1\n",         "1\n-1\n", "1 2\n",
        " 1\n",          "1\n\n2\n",     "\n",      "+1\n",
        "1.5\n",         "2147483648\n", "0x10\n",  "99999999999999999999999\n",
        "1\n2\nthree\n", "1\r\n",
    };
    struct tree tree = open_tree();

    (void)state;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        tree_write(&tree, PIDS, lists[i]);
        assert_holders_error(&tree, -EINVAL);
    }
    tree_write_bytes(&tree, PIDS, "1\n\0002\n", 5);
    assert_holders_error(&tree, -EINVAL);
    tree_close(&tree);
}

static void test_lists_that_cannot_be_read(void **state)
{
    struct tree tree = open_tree();

    (void)state;
    tree_link(&tree, PIDS, "!EACCES");
    assert_holders_error(&tree, -EACCES);
    tree_link(&tree, PIDS, "!ENODEV");
    assert_holders_error(&tree, -ENODEV);
    tree_remove(&tree, PIDS);
    tree_mkdir(&tree, PIDS);
    assert_holders_error(&tree, -EINVAL);
    tree_remove(&tree, "proc/driver"); /* a driver before 2.5 */
    assert_holders_error(&tree, -ENOENT);
    tree_close(&tree);
}

/* Lines "PID\n" with PIDs from 1000000 on, each twice. */
static char *make_list(size_t lines, size_t *ret_size)
{
    char *list = malloc(lines * 8 + 1);

    assert_non_null(list);
    for (size_t i = 0; i < lines; i++)
        snprintf(list + i * 8, 9, "%zu\n", 1000000 + i / 2);
    *ret_size = lines * 8;
    return list;
}

static void test_long_lists_and_such_as_are_too_long(void **state)
{
    struct tree tree = open_tree();
    size_t size;
    char *list = make_list(1 << 20, &size);
    struct host host;

    (void)state;
    tree_write_bytes(&tree, PIDS, list, 100000 * 8);
    host = read_host(&tree);
    assert_int_equal(host.devices[0].holder_count, 50000);
    assert_int_equal(host.devices[0].holders[49999].pid, 1049999);
    assert_int_equal(host.devices[0].holders[49999].opens, 2);
    host_clear(&host);

    tree_write_bytes(&tree, PIDS, list, size); /* cut in the middle of a number, it would name a wrong process */
    assert_holders_error(&tree, -EFBIG);
    free(list);
    tree_close(&tree);
}

static void test_each_device_has_its_own(void **state)
{
    struct tree tree = open_tree();
    struct host host;

    (void)state;
    tree_add_device(&tree, 1);
    tree_add_device(&tree, 2);
    tree_write(&tree, "proc/driver/tenstorrent/0/pids", "10\n20\n");
    tree_write(&tree, "proc/driver/tenstorrent/1/pids", "20\n20\n30\n");
    tree_remove(&tree, "proc/driver/tenstorrent/2");
    host = read_host(&tree);
    assert_int_equal(host.device_count, 3);
    assert_true(host_device_is_held_by(&host.devices[0], 10));
    assert_true(host_device_is_held_by(&host.devices[0], 20));
    assert_false(host_device_is_held_by(&host.devices[0], 30));
    assert_false(host_device_is_held_by(&host.devices[0], 0));
    assert_false(host_device_is_held_by(&host.devices[1], 10));
    assert_true(host_device_is_held_by(&host.devices[1], 30));
    assert_int_equal(host.devices[2].holders_error, -ENOENT);
    assert_false(host_device_is_held_by(&host.devices[2], 10));
    host_clear(&host);
    tree_close(&tree);
}

static void test_not_read_unless_asked_for(void **state)
{
    struct tree tree = open_tree();
    struct host host;

    (void)state;
    tree_write(&tree, PIDS, "10\n");
    assert_int_equal(host_read(tree.path, HOST_IDENTITY, &host), 0);
    assert_int_equal(host.devices[0].holders_error, -ENOENT);
    assert_int_equal(host.devices[0].holder_count, 0);
    assert_false(host_device_is_held_by(&host.devices[0], 10));
    host_clear(&host);
    tree_close(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_processes_once_each_and_in_order), FIXTURE(test_lists_that_make_no_sense),
        FIXTURE(test_lists_that_cannot_be_read),        FIXTURE(test_long_lists_and_such_as_are_too_long),
        FIXTURE(test_each_device_has_its_own),          FIXTURE(test_not_read_unless_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
