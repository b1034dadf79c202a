/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_host */

/*
 * The driver, its devices, and what they say of themselves: as it should be, in each state in which something is
 * missing, and in trees that were made to annoy.
 */

#include "tests/unit/host_fixture.h"

#include <errno.h>
#include <sys/inotify.h>
#include <time.h>

#include "host/host.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PARTS (HOST_IDENTITY | HOST_SENSORS | HOST_HOLDERS)
#define PCI "sys/devices/pci0000:00/0000:01:00.0/"
#define ENTRY PCI "tenstorrent/tenstorrent!0/"
#define HWMON PCI "hwmon/hwmon3/"
#define CLASS "sys/class/tenstorrent/"
#define SECOND UINT64_C(1000000000)

static struct tree open_tree(int devices)
{
    struct tree tree = tree_open();

    tree_add_host(&tree);
    for (int i = 0; i < devices; i++)
        tree_add_device(&tree, i);
    return tree;
}

static struct host read_host(const struct tree *tree)
{
    struct host host;

    assert_int_equal(host_read(tree->path, PARTS, &host), 0);
    return host;
}

static void assert_number(struct host_number number, int64_t expected)
{
    assert_int_equal(number.error, 0);
    assert_int_equal(number.value, expected);
}

static void assert_text(const struct host_text *text, const char *expected)
{
    assert_int_equal(text->error, 0);
    assert_string_equal(text->text, expected);
}

static void assert_id(struct host_id id, uint64_t expected)
{
    assert_int_equal(id.error, 0);
    assert_int_equal(id.value, expected);
}

/* Every sensor, as an array. */
#define NUMBERS(device)                                                                                                \
    {                                                                                                                  \
        (device)->aiclk, (device)->axiclk, (device)->arcclk, (device)->heartbeat, (device)->thermal_trips,             \
            (device)->link_width, (device)->link_width_max, (device)->temperature, (device)->temperature_max,          \
            (device)->power, (device)->power_max, (device)->current, (device)->current_max, (device)->voltage,         \
            (device)->voltage_max, (device)->fan                                                                       \
    }
#define HWMON_NUMBERS(device)                                                                                          \
    {                                                                                                                  \
        (device)->temperature, (device)->temperature_max, (device)->power, (device)->power_max, (device)->current,     \
            (device)->current_max, (device)->voltage, (device)->voltage_max, (device)->fan                             \
    }
#define TEXTS(device)                                                                                                  \
    {                                                                                                                  \
        &(device)->link_speed, &(device)->link_speed_max, &(device)->firmware, &(device)->m3app_firmware,              \
            &(device)->arc_firmware, &(device)->eth_firmware, &(device)->m3bl_firmware, &(device)->flash_version       \
    }

static void assert_no_sensors(const struct host_device *device, int error)
{
    struct host_number numbers[] = NUMBERS(device);
    const struct host_text *texts[] = TEXTS(device);

    for (size_t i = 0; i < COUNT(numbers); i++)
        assert_int_equal(numbers[i].error, error);
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_int_equal(texts[i]->error, error);
}

static void assert_no_hwmon(const struct host_device *device, int error)
{
    struct host_number numbers[] = HWMON_NUMBERS(device);

    for (size_t i = 0; i < COUNT(numbers); i++)
        assert_int_equal(numbers[i].error, error);
}

static void test_the_host(void **state)
{
    struct tree tree = open_tree(0);
    struct host host = read_host(&tree);

    (void)state;
    assert_string_equal(host.name, "quietbox");
    assert_text(&host.driver, "2.7.0");
    assert_int_equal(host.boot_time, 1700000000 * SECOND);
    assert_int_equal(host.time, 1700086400 * SECOND + SECOND / 4);
    assert_int_equal(host.devices_error, 0); /* a driver without devices */
    assert_int_equal(host.device_count, 0);
    assert_null(host_find_device(&host, 0));
    assert_null(host_find_process(&host, 1));
    host_clear(&host);
    tree_close(&tree);
}

static void test_clocks_that_are_not_known(void **state)
{
    static const struct {
        const char *stat, *uptime;
        uint64_t boot_time, time;
    } cases[] = {
        {"cpu 1\n", "5.00 1.00\n", 0, 0},
        {"", "", 0, 0},
        {"btime 100\n", "", 100 * SECOND, 0},
        {"btime 100", "1 2\n", 100 * SECOND, 101 * SECOND},
        {"btime 100\n", "1.999\n", 100 * SECOND, 101 * SECOND + 999000000},
        {"btime 100\n", "1.0000000019\n", 100 * SECOND, 101 * SECOND + 1}, /* no more than ns */
        {"btime -5\n", "1.00\n", 0, 0},
        {"btime x\n", "1.00\n", 0, 0},
        {"btime 100\n", "-1.00\n", 100 * SECOND, 0},
        {"btime 100\n", "x\n", 100 * SECOND, 0},
        {"btime 99999999999999999999\n", "1.00\n", 0, 0},
        {"btime 100\n", "99999999999999999999.00\n", 100 * SECOND, 0},
        {"notbtime 7\nbtime 100\n", "1.00\n", 100 * SECOND, 101 * SECOND},
    };
    struct tree tree = open_tree(0);

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct host host;

        tree_write(&tree, "proc/stat", cases[i].stat);
        tree_write(&tree, "proc/uptime", cases[i].uptime);
        host = read_host(&tree);
        assert_int_equal(host.boot_time, cases[i].boot_time);
        assert_int_equal(host.time, cases[i].time);
        host_clear(&host);
    }
    tree_close(&tree);
}

static void test_a_tree_without_anything(void **state)
{
    struct tree tree = tree_open();
    struct host host = read_host(&tree);

    (void)state;
    assert_string_equal(host.name, "");
    assert_int_equal(host.time, 0);
    assert_int_equal(host.boot_time, 0);
    assert_int_equal(host.driver.error, -ENOENT);
    assert_int_equal(host.devices_error, -ENOENT);
    assert_int_equal(host.device_count, 0);
    host_clear(&host);
    host_clear(&host);
    host_clear(NULL);
    tree_close(&tree);
}

static void test_a_class_that_cannot_be_read(void **state)
{
    struct tree tree = open_tree(0);
    struct host host;

    (void)state;
    tree_remove(&tree, "sys/class/tenstorrent");
    tree_link(&tree, "sys/class/tenstorrent", "!EACCES");
    tree_link(&tree, "sys/module/tenstorrent/version", "!EACCES");
    host = read_host(&tree);
    assert_int_equal(host.devices_error, -EACCES);
    assert_int_equal(host.driver.error, -EACCES);
    assert_int_equal(host.device_count, 0);
    host_clear(&host);
    tree_close(&tree);
}

static void test_what_a_device_is(void **state)
{
    struct tree tree = open_tree(2);
    struct host host = read_host(&tree);
    const struct host_device *device = host_find_device(&host, 1);

    (void)state;
    assert_int_equal(host.device_count, 2);
    assert_non_null(device);
    assert_int_equal(device->number, 1);
    assert_text(&device->card_type, "n300");
    assert_ptr_equal(device->card, host_card_by_type("n300"));
    assert_string_equal(device->arch, "wormhole_b0");
    assert_id(device->pci_address, 2U << 8);
    assert_id(device->asic_id, 0x10001);
    assert_id(device->board_id, 0x20001);
    assert_int_equal(device->holders_error, 0);
    host_clear(&host);
    tree_close(&tree);
}

static void test_what_a_device_measures(void **state)
{
    struct tree tree = open_tree(1);
    struct host host = read_host(&tree);
    const struct host_device *device = &host.devices[0];
    struct host_number numbers[] = NUMBERS(device);
    const struct host_text *texts[] = TEXTS(device);
    const int64_t expected[] = {500, 900, 540, 77, 0, 8, 16, 42500, 75000, 13000000, 85000000, 18000, 160000, 720, 950};
    const char *expected_texts[] = {"16.0 GT/s PCIe", "16.0 GT/s PCIe", "18.5.0.0",  "5.12.0.0",
                                    "2.31.0.0",       "6.14.0",         "129.2.0.0", "3.4.0.0"};

    (void)state;
    for (size_t i = 0; i < COUNT(expected); i++)
        if (i != 4) /* thermal trips are Blackhole's */
            assert_number(numbers[i], expected[i]);
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_text(texts[i], expected_texts[i]);
    assert_int_equal(device->thermal_trips.error, -ENOENT);
    assert_int_equal(device->fan.error, -ENOENT);
    host_clear(&host);
    tree_close(&tree);
}

static void test_a_blackhole(void **state)
{
    struct tree tree = open_tree(1);
    struct host host;

    (void)state;
    tree_write(&tree, ENTRY "tt_card_type", "p150a\n");
    tree_write(&tree, ENTRY "tt_therm_trip_count", "3\n");
    tree_write(&tree, PCI "device", "0xb140\n");
    tree_write(&tree, HWMON "name", "blackhole\n");
    tree_write(&tree, HWMON "fan1_input", "2100\n");
    tree_write(&tree, HWMON "temp1_input", "-5000\n"); /* a cold morning */
    tree_remove(&tree, ENTRY "tt_eth_fw_ver");
    host = read_host(&tree);
    assert_ptr_equal(host.devices[0].card, host_card_by_type("p150"));
    assert_text(&host.devices[0].card_type, "p150a");
    assert_string_equal(host.devices[0].arch, "blackhole");
    assert_number(host.devices[0].thermal_trips, 3);
    assert_number(host.devices[0].fan, 2100);
    assert_number(host.devices[0].temperature, -5000);
    assert_int_equal(host.devices[0].eth_firmware.error, -ENOENT);
    host_clear(&host);
    tree_close(&tree);
}

static void test_the_architecture_by_whatever_is_known(void **state)
{
    static const struct {
        const char *type, *pci_id, *arch;
    } cases[] = {
        {"unknown", "0x401e", "wormhole_b0"}, {"unknown", "b140", "blackhole"}, {"n150", "0xffff", "wormhole_b0"},
        {"p100a", "garbage", "blackhole"},    {"unknown", "0x1234", NULL},      {"n150", "0xb140", "blackhole"},
    };
    struct tree tree = open_tree(1);

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct host host;

        tree_write(&tree, ENTRY "tt_card_type", cases[i].type);
        tree_write(&tree, PCI "device", cases[i].pci_id);
        host = read_host(&tree);
        if (cases[i].arch)
            assert_string_equal(host.devices[0].arch, cases[i].arch);
        else
            assert_null(host.devices[0].arch);
        host_clear(&host);
    }
    tree_close(&tree);
}

static void test_pci_addresses(void **state)
{
    static const struct {
        const char *target;
        int error;
        uint64_t address;
    } cases[] = {
        {"0000:09:00.0", 0, 0x900},
        {"../../../0000:c1:1f.7", 0, 0xc1ff},
        {"/sys/devices/10000:e1:00.0", 0, UINT64_C(0x10000e100)},
        {"ffffffff:ff:1f.7", 0, UINT64_C(0xffffffffffff)},
        {"../../usb1", -EINVAL, 0},
        {"0000:09:20.0", -EINVAL, 0},
        {"0000:09:00.8", -EINVAL, 0},
        {"0000:09:00", -EINVAL, 0},
        {"0000:09:00.0.0", -EINVAL, 0},
        {"0000:109:00.0", -EINVAL, 0},
        {"0x00:09:00.0", -EINVAL, 0},
        {"a/", -EINVAL, 0},
        {"!ENODEV", -ENODEV, 0},
    };
    struct tree tree = open_tree(1);

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct host host;

        tree_link(&tree, ENTRY "device", cases[i].target);
        host = read_host(&tree);
        assert_int_equal(host.devices[0].pci_address.error, cases[i].error);
        assert_int_equal(host.devices[0].pci_address.value, cases[i].address);
        host_clear(&host);
    }
    tree_close(&tree);
}

/* As cp -rL leaves it: everything is there, and nothing is a link. */
static void test_a_copied_tree_without_links(void **state)
{
    struct tree tree = open_tree(0);
    struct host host;

    (void)state;
    tree_add_class_device(&tree, CLASS "tenstorrent!5", 5);
    tree_add_pci_device(&tree, CLASS "tenstorrent!5/device");
    host = read_host(&tree);
    assert_int_equal(host.devices[0].number, 5);
    assert_number(host.devices[0].aiclk, 500);
    assert_number(host.devices[0].temperature, 42500);
    assert_string_equal(host.devices[0].arch, "wormhole_b0");
    assert_int_equal(host.devices[0].pci_address.error, -ENOENT);
    host_clear(&host);

    tree_write(&tree, CLASS "tenstorrent!5/device/uevent", "DRIVER=tenstorrent\nPCI_SLOT_NAME=0000:0a:00.0\nX=1\n");
    host = read_host(&tree);
    assert_id(host.devices[0].pci_address, 0xa00);
    host_clear(&host);
    tree_close(&tree);
}

static void test_a_device_without_sensors(void **state)
{
    struct tree tree = open_tree(1);
    struct host host;

    (void)state;
    tree_write(&tree, HWMON "name", "nvme\n"); /* another's */
    host = read_host(&tree);
    assert_no_hwmon(&host.devices[0], -ENOENT);
    host_clear(&host);
    tree_remove(&tree, HWMON "name");
    host = read_host(&tree);
    assert_no_hwmon(&host.devices[0], -ENOENT);
    host_clear(&host);
    tree_remove(&tree, PCI "hwmon");
    host = read_host(&tree);
    assert_no_hwmon(&host.devices[0], -ENOENT);
    assert_number(host.devices[0].aiclk, 500);
    host_clear(&host);
    tree_close(&tree);
}

static void test_sensors_of_any_number_among_others(void **state)
{
    struct tree tree = open_tree(1);
    char name[256];
    struct host host;

    (void)state;
    tree_remove(&tree, PCI "hwmon");
    tree_write(&tree, PCI "hwmon/hwmon0/name", "nvme\n");
    tree_write(&tree, PCI "hwmon/hwmon0/temp1_input", "1\n");
    memset(name, 'x', 255);
    name[255] = '\0';
    tree_printf(&tree, PCI "hwmon", name, "not even a directory");
    tree_write(&tree, PCI "hwmon/hwmon128/name", "wormhole\n");
    tree_write(&tree, PCI "hwmon/hwmon128/temp1_input", "33000\n");
    host = read_host(&tree);
    assert_number(host.devices[0].temperature, 33000);
    assert_int_equal(host.devices[0].power.error, -ENOENT);
    host_clear(&host);
    tree_close(&tree);
}

static void test_a_device_in_reset(void **state)
{
    struct tree tree = open_tree(1);
    struct host host;

    (void)state;
    tree_link(&tree, ENTRY "tt_aiclk", "!ENODATA");
    tree_link(&tree, ENTRY "tt_asic_id", "!ENODEV");
    tree_link(&tree, ENTRY "tt_fw_bundle_ver", "!ENODATA");
    tree_link(&tree, HWMON "temp1_input", "!ENODEV");
    host = read_host(&tree);
    assert_int_equal(host.devices[0].aiclk.error, -ENODATA);
    assert_int_equal(host.devices[0].aiclk.value, 0);
    assert_int_equal(host.devices[0].asic_id.error, -ENODEV);
    assert_int_equal(host.devices[0].firmware.error, -ENODATA);
    assert_int_equal(host.devices[0].temperature.error, -ENODEV);
    assert_number(host.devices[0].arcclk, 540); /* the rest is as it was */
    assert_number(host.devices[0].power, 13000000);
    host_clear(&host);
    tree_close(&tree);
}

static void test_a_device_of_which_only_the_name_is_left(void **state)
{
    struct tree tree = open_tree(1);
    struct host host;

    (void)state;
    tree_link(&tree, CLASS "tenstorrent!0", "!ENODEV");
    tree_link(&tree, CLASS "tenstorrent!1", "../../devices/gone");
    host = read_host(&tree);
    assert_int_equal(host.device_count, 2);
    assert_int_equal(host.devices[0].card_type.error, -ENODEV);
    assert_int_equal(host.devices[0].aiclk.error, -ENODEV);
    assert_null(host.devices[0].card);
    assert_null(host.devices[0].arch);
    assert_int_equal(host.devices[1].card_type.error, -ENOENT);
    assert_no_sensors(&host.devices[1], -ENOENT);
    host_clear(&host);
    tree_close(&tree);
}

static void test_numbers_that_are_none(void **state)
{
    static const char *const texts[] = {"x",
                                        "12x",
                                        "0x10",
                                        "1 2",
                                        "--1",
                                        "-",
                                        "+5",
                                        "1.5",
                                        "99999999999999999999",
                                        "-99999999999999999999",
                                        "\x01",
                                        "1e3",
                                        "१",
                                        "12\t3",
                                        "NaN",
                                        "inf",
                                        "00000000000000000000000000000000000000000000000000000000005"};
    struct tree tree = open_tree(1);

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct host host;

        tree_write(&tree, ENTRY "tt_aiclk", texts[i]);
        tree_write(&tree, HWMON "power1_input", texts[i]);
        host = read_host(&tree);
        assert_int_equal(host.devices[0].aiclk.error, -EINVAL);
        assert_int_equal(host.devices[0].aiclk.value, 0);
        assert_int_equal(host.devices[0].power.error, -EINVAL);
        host_clear(&host);
    }
    tree_close(&tree);
}

static void test_what_is_no_file(void **state)
{
    struct tree tree = open_tree(1);
    struct host host;

    (void)state;
    tree_remove(&tree, ENTRY "tt_aiclk");
    tree_make_fifo(&tree, ENTRY "tt_aiclk");
    tree_remove(&tree, ENTRY "tt_axiclk");
    tree_mkdir(&tree, ENTRY "tt_axiclk");
    tree_remove(&tree, ENTRY "device");
    tree_make_fifo(&tree, ENTRY "device");
    host = read_host(&tree);
    assert_int_equal(host.devices[0].aiclk.error, -EINVAL);
    assert_int_equal(host.devices[0].axiclk.error, -EINVAL);
    assert_int_equal(host.devices[0].pci_address.error, -ENOTDIR);
    assert_int_equal(host.devices[0].link_width.error, -ENOTDIR);
    assert_number(host.devices[0].arcclk, 540);
    host_clear(&host);
    tree_close(&tree);
}

static void test_ids(void **state)
{
    static const struct {
        const char *text;
        int error;
        uint64_t id;
    } cases[] = {
        {"0000040331914100\n", 0, UINT64_C(0x40331914100)},
        {"0x1234\n", 0, 0x1234},
        {"ABCDEFabcdef0123", 0, UINT64_C(0xabcdefabcdef0123)},
        {"0000000000000000\n", -ENODATA, 0},
        {"ffffffffffffffff\n", -ENODATA, 0},
        {"\n", -ENODATA, 0},
        {"12345678901234567\n", -EINVAL, 0},
        {"0x\n", -EINVAL, 0},
        {"-1\n", -EINVAL, 0},
        {"12 34\n", -EINVAL, 0},
        {"xyz\n", -EINVAL, 0},
    };
    struct tree tree = open_tree(1);

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct host host;

        tree_write(&tree, ENTRY "tt_asic_id", cases[i].text);
        host = read_host(&tree);
        assert_int_equal(host.devices[0].asic_id.error, cases[i].error);
        assert_int_equal(host.devices[0].asic_id.value, cases[i].id);
        host_clear(&host);
    }
    tree_close(&tree);
}

static void test_links_that_do_not_answer(void **state)
{
    static const struct {
        const char *width, *speed;
        int error;
    } cases[] = {{"0", "Unknown", -ENODATA}, {"63", "Unknown speed", -ENODATA}, {"-1", "", -ENODATA}, {"1", "x", 0}};
    struct tree tree = open_tree(1);

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct host host;

        tree_write(&tree, PCI "current_link_width", cases[i].width);
        tree_write(&tree, PCI "current_link_speed", cases[i].speed);
        host = read_host(&tree);
        assert_int_equal(host.devices[0].link_width.error, cases[i].error);
        assert_int_equal(host.devices[0].link_speed.error, cases[i].error);
        assert_number(host.devices[0].link_width_max, 16);
        host_clear(&host);
    }
    tree_close(&tree);
}

static void test_files_of_megabytes(void **state)
{
    static const char *const files[] = {
        "proc/stat",
        "proc/uptime",
        "proc/sys/kernel/hostname",
        "sys/module/tenstorrent/version",
        ENTRY "tt_card_type",
        ENTRY "tt_aiclk",
        ENTRY "tt_asic_id",
        ENTRY "tt_fw_bundle_ver",
        PCI "device",
        PCI "current_link_speed",
        HWMON "name",
    };
    const size_t size = 5 << 20;
    struct tree tree = open_tree(1);
    char *bytes = malloc(size);
    struct host host;

    (void)state;
    memset(bytes, '7', size);
    for (size_t i = 0; i < COUNT(files); i++)
        tree_write_bytes(&tree, files[i], bytes, size);
    free(bytes);
    host = read_host(&tree);
    assert_int_equal(strlen(host.name), sizeof(host.name) - 1);
    assert_int_equal(host.time, 0);
    assert_int_equal(strlen(host.driver.text), sizeof(host.driver.text) - 1);
    assert_int_equal(host.devices[0].aiclk.error, -EINVAL);
    assert_int_equal(host.devices[0].asic_id.error, -EINVAL);
    assert_int_equal(host.devices[0].firmware.error, 0);
    assert_null(host.devices[0].card);
    assert_no_hwmon(&host.devices[0], -ENOENT);
    host_clear(&host);
    tree_close(&tree);
}

static void test_sixty_four_devices_in_order(void **state)
{
    struct tree tree = open_tree(64);
    struct host host = read_host(&tree);

    (void)state;
    assert_int_equal(host.device_count, 64);
    for (int i = 0; i < 64; i++) {
        assert_int_equal(host.devices[i].number, i);
        assert_id(host.devices[i].asic_id, 0x10000U + (unsigned)i);
        assert_id(host.devices[i].pci_address, (1U + (unsigned)i) << 8);
        assert_ptr_equal(host_find_device(&host, i), &host.devices[i]);
    }
    assert_null(host_find_device(&host, 64));
    assert_null(host_find_device(&host, -1));
    host_clear(&host);
    tree_close(&tree);
}

static void test_entries_with_absurd_names(void **state)
{
    static const char *const names[] = {
        "tenstorrent!",   "tenstorrent!x",  "tenstorrent!-1", "tenstorrent!007", "tenstorrent!2147483648",
        "tenstorrent!1 ", "tenstorrent! 1", "tenstorrent!1x", "tenstorrent0",    "tenstorrent!99999999999999999999",
        "xtenstorrent!1", "Tenstorrent!1",  "\x01\x02",       "tenstorrent!0x1", "tenstorrent!+1",
    };
    struct tree tree = open_tree(0);
    char long_name[256] = "tenstorrent!";
    struct host host;

    (void)state;
    memset(long_name + strlen(long_name), '1', 255 - strlen(long_name));
    tree_printf(&tree, CLASS, long_name, "%s", "");
    for (size_t i = 0; i < COUNT(names); i++)
        tree_printf(&tree, CLASS, names[i], "%s", "");
    tree_write(&tree, CLASS "tenstorrent!10", "a plain file\n");
    tree_add_class_device(&tree, CLASS "tenstorrent!2147483647", 1);
    tree_add_class_device(&tree, CLASS "tenstorrent!2", 2);
    host = read_host(&tree);
    assert_int_equal(host.device_count, 3);
    assert_int_equal(host.devices[0].number, 2);
    assert_int_equal(host.devices[1].number, 10);
    assert_int_equal(host.devices[1].aiclk.error, -ENOTDIR);
    assert_int_equal(host.devices[2].number, INT32_MAX);
    assert_number(host.devices[2].aiclk, 500);
    host_clear(&host);
    tree_close(&tree);
}

static void test_parts(void **state)
{
    static const unsigned impossible[] = {
        HOST_METERS, HOST_STATE, HOST_HOLDERS, HOST_TOTALS, HOST_TOTALS | HOST_IDENTITY, HOST_TOTALS | HOST_HOLDERS,
        1U << 31};
    struct tree tree = open_tree(1);
    struct host host = {.name = "untouched"};

    (void)state;
    for (size_t i = 0; i < COUNT(impossible); i++)
        assert_int_equal(host_read(tree.path, impossible[i], &host), -EINVAL);
    assert_int_equal(host_read("/nonexistent/tree", PARTS, &host), -ENOENT);
    assert_int_equal(host_read("/proc/self/stat", PARTS, &host), -ENOTDIR);
    assert_string_equal(host.name, "untouched");

    assert_int_equal(host_read(tree.path, 0, &host), 0);
    assert_string_equal(host.name, "quietbox");
    assert_int_equal(host.driver.error, -ENOENT);
    assert_int_equal(host.devices_error, -ENOENT);
    assert_int_equal(host.device_count, 0);
    host_clear(&host);

    assert_int_equal(host_read(tree.path, HOST_IDENTITY, &host), 0);
    assert_no_sensors(&host.devices[0], -ENOENT);
    assert_id(host.devices[0].asic_id, 0x10000);
    host_clear(&host);

    assert_int_equal(host_read(tree.path, HOST_IDENTITY | HOST_METERS, &host), 0);
    assert_number(host.devices[0].power, 13000000);
    assert_int_equal(host.devices[0].power_max.error, -ENOENT);
    assert_int_equal(host.devices[0].aiclk.error, -ENOENT);
    assert_int_equal(host.devices[0].link_speed.error, -ENOENT);
    host_clear(&host);

    assert_int_equal(host_read(tree.path, HOST_IDENTITY | HOST_STATE, &host), 0);
    assert_number(host.devices[0].aiclk, 500);
    assert_int_equal(host.devices[0].firmware.error, 0);
    assert_int_equal(host.devices[0].power.error, -ENOENT);
    host_clear(&host);
    tree_close(&tree);
}

/* Whatever this machine has, it can be read; its clock is the true one. */
static void test_this_very_host(void **state)
{
    struct host host;
    char name[65];

    (void)state;
    assert_int_equal(host_read(NULL, PARTS, &host), 0);
    assert_int_equal(gethostname(name, sizeof(name)), 0);
    assert_string_equal(host.name, name);
    assert_true(host.time / SECOND <= (uint64_t)time(NULL));
    assert_true(host.boot_time > 0 && host.boot_time < host.time);
    host_clear(&host);
}

/* Also where links in the place of sensors lead to it. */
static void test_nothing_of_a_device_node_is_opened(void **state)
{
    struct tree tree = open_tree(1);
    int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    char path[128], events[512];
    struct host host;

    (void)state;
    tree_make_fifo(&tree, "dev/tenstorrent/0");
    tree_link(&tree, ENTRY "tt_heartbeat", "/dev/tenstorrent/0");
    tree_link(&tree, HWMON "fan1_input", "/dev/tenstorrent/0");
    tree_link(&tree, "proc/driver/tenstorrent/0/pids", "/dev/tenstorrent/0");
    snprintf(path, sizeof(path), "%s/dev/tenstorrent", tree.path);
    assert_true(inotify_add_watch(watch, path, IN_OPEN | IN_ACCESS) >= 0);

    assert_int_equal(host_read(tree.path, HOST_ALL, &host), 0);
    assert_int_equal(host.devices[0].heartbeat.error, -EINVAL);
    assert_int_equal(host.devices[0].fan.error, -EINVAL);
    assert_int_equal(host.devices[0].holders_error, -EINVAL);
    assert_int_equal(read(watch, events, sizeof(events)), -1);
    assert_int_equal(errno, EAGAIN);
    host_clear(&host);
    close(watch);
    tree_close(&tree);
}

/* A link of the tree that names the host's own files finds the tree's. */
static void test_links_do_not_lead_to_the_host_we_run_on(void **state)
{
    struct tree tree = open_tree(1);
    struct host host;

    (void)state;
    tree_link(&tree, ENTRY "tt_fw_bundle_ver", "/etc/hostname");
    tree_link(&tree, ENTRY "device", "/proc/self");
    tree_link(&tree, ENTRY "tt_aiclk", "../../../../../../../../../../../proc/uptime");
    host = read_host(&tree);
    assert_int_equal(host.devices[0].firmware.error, -ENOENT);
    assert_int_equal(host.devices[0].link_speed.error, -ENOENT);
    assert_int_equal(host.devices[0].aiclk.error, -EINVAL); /* of the tree's "86400.25 1234567.89" */
    host_clear(&host);
    tree_close(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_the_host),
        FIXTURE(test_clocks_that_are_not_known),
        FIXTURE(test_a_tree_without_anything),
        FIXTURE(test_a_class_that_cannot_be_read),
        FIXTURE(test_what_a_device_is),
        FIXTURE(test_what_a_device_measures),
        FIXTURE(test_a_blackhole),
        FIXTURE(test_the_architecture_by_whatever_is_known),
        FIXTURE(test_pci_addresses),
        FIXTURE(test_a_copied_tree_without_links),
        FIXTURE(test_a_device_without_sensors),
        FIXTURE(test_sensors_of_any_number_among_others),
        FIXTURE(test_a_device_in_reset),
        FIXTURE(test_a_device_of_which_only_the_name_is_left),
        FIXTURE(test_numbers_that_are_none),
        FIXTURE(test_what_is_no_file),
        FIXTURE(test_ids),
        FIXTURE(test_links_that_do_not_answer),
        FIXTURE(test_files_of_megabytes),
        FIXTURE(test_sixty_four_devices_in_order),
        FIXTURE(test_entries_with_absurd_names),
        FIXTURE(test_parts),
        FIXTURE(test_this_very_host),
        FIXTURE(test_nothing_of_a_device_node_is_opened),
        FIXTURE(test_links_do_not_lead_to_the_host_we_run_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
