/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_smi_core */

/* The JSON document, read back: its shape is what scripts rely on. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smi/json/json.h"
#include "smi/json/rows.h"
#include "smi/sample/users.h"

#include <errno.h>
#include <jansson.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/test_smi_sample.h"

static const struct filter everything = {.region = -1};

static char *print(const struct snapshot *snapshot, const struct filter *filter, enum view view, bool indented)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_int_equal(json_print(out, snapshot, filter, view, indented), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

/* The document of a view of the sample. */
static json_t *read_back(const struct filter *filter, enum view view)
{
    struct snapshot sample = sample_make(filter);
    char *text = print(&sample, filter, view, false);
    json_t *document = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(document);
    free(text);
    snapshot_clear(&sample);
    return document;
}

/* The value at a path of keys and indexes, "devices.0.pools.1.size_bytes". */
static json_t *at(json_t *value, const char *path)
{
    char *copy = strdup(path), *rest = copy;

    assert_non_null(copy);
    for (char *step; (step = strsep(&rest, "."));)
        value = json_is_array(value) ? json_array_get(value, strtoul(step, NULL, 10)) : json_object_get(value, step);
    free(copy);
    if (!value)
        fail_msg("there is no %s", path);
    return value;
}

static void check_text(json_t *document, const char *path, const char *expected)
{
    assert_true(json_is_string(at(document, path)));
    assert_string_equal(json_string_value(at(document, path)), expected);
}

static void check_integer(json_t *document, const char *path, json_int_t expected)
{
    assert_true(json_is_integer(at(document, path)));
    assert_int_equal(json_integer_value(at(document, path)), expected);
}

static void check_null(json_t *document, const char *path)
{
    assert_true(json_is_null(at(document, path)));
}

static void test_head(void **state)
{
    json_t *document = read_back(&everything, VIEW_TABLE);

    (void)state;
    check_integer(document, "schema", 1);
    check_text(document, "generator.name", "tt-smi");
    check_text(document, "time", "2026-11-22T14:03:11.482Z");
    check_text(document, "host", "bh-lab-07");
    check_text(document, "server.state", "up");
    check_integer(document, "server.uptime_seconds", 274320);
    check_integer(document, "coverage.processes_reporting", 3);
    check_integer(document, "coverage.events_dropped", 3);
    check_null(document, "coverage.processes_untracked");
    assert_int_equal(json_array_size(at(document, "errors")), 0);
    json_decref(document);
}

static void test_devices(void **state)
{
    json_t *document = read_back(&everything, VIEW_TABLE);

    (void)state;
    assert_int_equal(json_array_size(at(document, "devices")), 3);
    check_text(document, "devices.0.device", "0");
    check_text(document, "devices.0.asic_id", "18446744073709551615"); /* no double holds it */
    check_text(document, "devices.0.pci_address", "0000:09:00.0");
    check_text(document, "devices.0.arch", "wormhole_b0");
    assert_true(json_is_false(at(document, "devices.0.remote")));
    check_text(document, "devices.0.pools.0.pool", "dram");
    check_integer(document, "devices.0.pools.0.size_bytes", (json_int_t)(12 * GIB));
    check_integer(document, "devices.0.pools.0.allocated_bytes", (json_int_t)(8801 * MIB));
    check_text(document, "devices.0.pools.0.regions.1.region", "trace");
    check_integer(document, "devices.0.pools.0.regions.1.limit_bytes", (json_int_t)(576 * MIB));
    check_integer(document, "devices.1.pools.0.regions.0.leaked_bytes", (json_int_t)(256 * MIB));
    json_decref(document);
}

static void test_unknown_is_null_and_empty_is_zero(void **state)
{
    json_t *document = read_back(&everything, VIEW_TABLE);

    (void)state;
    check_integer(document, "devices.1.pools.1.regions.0.allocated_bytes", 0);
    check_null(document, "devices.2.asic_id");
    check_null(document, "devices.2.pci_address");
    check_null(document, "devices.2.arch");
    check_null(document, "devices.2.board");
    check_null(document, "devices.2.remote");
    check_null(document, "devices.2.pools.0.size_bytes");
    check_null(document, "devices.2.pools.1.allocated_bytes");
    check_null(document, "processes.2.pid");
    check_null(document, "processes.2.start_time");
    check_null(document, "processes.0.user");
    check_integer(document, "processes.0.uid", 4000000000);
    json_decref(document);
}

static void test_processes(void **state)
{
    json_t *document = read_back(&everything, VIEW_TABLE);

    (void)state;
    check_integer(document, "processes.0.pid", 41772);
    check_text(document, "processes.0.start_time", "2026-11-22T12:51:11.482Z");
    check_text(document, "processes.0.tracking", "reporting");
    check_text(document, "processes.0.command", "/opt/python/bin/python serve.py --model llama-70b");
    check_integer(document, "processes.0.buffers", 1478);
    check_text(document, "processes.0.usage.0.region", "dram");
    check_text(document, "processes.0.usage.4.device", "1");
    check_integer(document, "processes.0.usage.4.allocated_bytes", (json_int_t)(100 * MIB));
    check_text(document, "processes.0.pools.0.pool", "dram");
    assert_true(json_is_true(at(document, "processes.1.inexact")));
    check_integer(document, "processes.1.lost_reports", 3);
    json_decref(document);
}

static void test_hostile_name(void **state)
{
    json_t *document = read_back(&everything, VIEW_TABLE);

    (void)state;
    check_text(document, "processes.2.command", "bad\033[31m\nname \ufffd\u202e");
    json_decref(document);
}

static void test_nothing_but_printable_ascii(void **state)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    (void)state;
    assert_non_null(out);
    assert_int_equal(json_write(out, json_pack("{s:s}", "\x7fkey", "a\x7f\x1b\u202ez\x7f"), false), 0);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, "{\"\\u007fkey\":\"a\\u007f\\u001B\\u202Ez\\u007f\"}\n");
    free(text);
}

static void test_leaks_and_ended(void **state)
{
    json_t *leaks = read_back(&everything, VIEW_LEAKS), *exited = read_back(&everything, VIEW_EXITED);

    (void)state;
    assert_null(json_object_get(leaks, "devices"));
    assert_int_equal(json_array_size(at(leaks, "leaks")), 1);
    check_text(leaks, "leaks.0.reason", "owner_exited");
    check_integer(leaks, "leaks.0.pid", 49981);
    check_integer(leaks, "leaks.0.lifetime_seconds", 7969);
    assert_int_equal(json_array_size(at(leaks, "leaks.0.usage")), 1); /* what it had freed is no leak */
    check_integer(leaks, "leaks.0.usage.0.allocated_bytes", (json_int_t)(256 * MIB));
    assert_null(json_object_get(exited, "leaks"));
    assert_int_equal(json_array_size(at(exited, "exited")), 2);
    check_text(exited, "exited.0.ended", "hung_up");
    assert_int_equal(json_array_size(at(exited, "exited.1.usage")), 2);
    json_decref(leaks);
    json_decref(exited);
}

static void test_filter_by_region(void **state)
{
    struct filter filter = {.region = TT_ALLOC_L1_SMALL};
    json_t *document = read_back(&filter, VIEW_TABLE);

    (void)state;
    assert_int_equal(json_array_size(at(document, "processes")), 1);
    assert_int_equal(json_array_size(at(document, "processes.0.usage")), 1);
    check_integer(document, "processes.0.buffers", 1);
    assert_int_equal(json_array_size(at(document, "devices.0.pools")), 1);
    assert_int_equal(json_array_size(at(document, "devices.0.pools.0.regions")), 1);
    check_integer(document, "coverage.processes_reporting", 3); /* what there is, not what is shown */
    json_decref(document);
}

static void test_no_server(void **state)
{
    struct snapshot sample = {
        .time = SAMPLE_TIME,
        .name = "h",
        .path = "/tmp/\xff.sock",
        .error = -ENOENT,
        .host = {.driver.error = -ENOENT, .devices_error = -ENOENT, .totals_error = -ENOENT},
    };
    char *text = print(&sample, &everything, VIEW_TABLE, false);
    json_t *document = json_loads(text, 0, NULL);

    (void)state;
    assert_non_null(document);
    check_text(document, "server.state", "unreachable");
    check_null(document, "coverage");
    check_null(document, "devices");
    check_null(document, "processes");
    check_null(document, "leaks");
    check_text(document, "errors.0.code", "server_unreachable");
    check_text(document, "errors.0.path", "/tmp/\ufffd.sock");
    json_decref(document);
    free(text);
}

/* ---- What the host tells ---- */

static const struct host_holder sample_holders[] = {{4711, 2}, {9006, 1}};

static struct host_device sample_node(void)
{
    return (struct host_device){
        .number = 4,
        .board_id = {0, 0x0100014111908000},
        .temperature = {0, 58437},
        .power = {0, 46000000},
        .voltage = {0, 780},
        .aiclk = {-EACCES, 0},
        .heartbeat = {0, 7},
        .fan = {-ENOENT, 0},
        .firmware = {0, "18.12.0.0"},
        .eth_firmware = {-ENODEV, ""},
        .link_speed = {0, "16.0 GT/s PCIe"},
        .link_width = {0, 16},
        .holders = (struct host_holder *)sample_holders,
        .holder_count = SAMPLE_COUNT(sample_holders),
        .hidden_opens = 3,
    };
}

static json_t *keep(json_t *object)
{
    assert_non_null(object);
    return object;
}

static void test_device_of_the_host(void **state)
{
    struct snapshot sample = sample_make(&everything);
    struct host_device node = sample_node();
    struct device_row row = sample_device_row(&sample_devices[2]);
    json_t *device;

    (void)state;
    row.node = &node;
    row.is_told = row.is_complete = row.has_peaks = false;
    device = keep(json_device(&row, &sample, &everything));
    check_text(device, "label", "7");
    check_integer(device, "node", 4);
    check_text(device, "board_id", "0100014111908000");
    check_null(device, "size_source");
    check_null(device, "idle_seconds");
    assert_true(json_is_false(at(device, "complete")));
    assert_float_equal(json_number_value(at(device, "telemetry.temperature_celsius")), 58.437, 1e-9);
    check_null(device, "telemetry.aiclk_mhz");
    check_text(device, "telemetry.unavailable.aiclk_mhz", "not_permitted");
    check_text(device, "telemetry.unavailable.fan_rpm", "not_offered");
    assert_null(json_object_get(at(device, "telemetry.unavailable"), "power_watts"));
    check_text(device, "firmware.bundle", "18.12.0.0");
    check_text(device, "firmware.unavailable.eth", "no_data");
    check_integer(device, "holders.1.pid", 9006);
    check_integer(device, "hidden_opens", 3);
    check_integer(device, "pools.0.allocated_bytes", (json_int_t)(5 * MIB));
    check_null(device, "pools.0.peak_bytes");
    check_null(device, "pools.0.buffers");
    json_decref(device);
    snapshot_clear(&sample);
}

static void test_far_chip(void **state)
{
    struct snapshot sample = sample_make(&everything);
    struct tt_alloc_device facts = {.device = device_remote_number(4, 0)};
    struct device_row row = {.facts = facts, .is_placed = true};
    json_t *device = keep(json_device(&row, &sample, &everything));

    (void)state;
    check_text(device, "device", "4R");
    check_text(device, "label", "4R");
    check_null(device, "node");
    check_null(device, "holders");
    check_null(device, "processes");
    check_text(device, "holders_unavailable", "no_node");
    check_text(device, "telemetry.unavailable.power_watts", "no_node");
    json_decref(device);
    row.facts.device = DEVICE_UNKNOWN + 2;
    device = keep(json_device(&row, &sample, &everything));
    check_text(device, "device", "?2");
    check_text(device, "label", "?");
    json_decref(device);
    row = sample_device_row(&sample_devices[0]);
    row.is_placed = false;
    device = keep(json_device(&row, &sample, &everything));
    check_text(device, "device", "0");
    check_text(device, "label", "0?");
    json_decref(device);
    snapshot_clear(&sample);
}

static void test_official_keys(void **state)
{
    struct host_device node = sample_node();
    struct device_row row = sample_device_row(&sample_devices[0]);
    json_t *device;

    (void)state;
    row.node = &node;
    device = keep(json_device_info(&row));
    check_text(device, "board_info.bus_id", "0000:09:00.0");
    check_text(device, "board_info.board_type", "n300 L");
    check_text(device, "board_info.board_id", "0100014111908000");
    check_integer(device, "board_info.pcie_speed", 4);
    check_text(device, "board_info.pcie_width", "16");
    check_text(device, "telemetry.voltage", "0.78");
    check_text(device, "telemetry.power", "46.0");
    check_text(device, "telemetry.asic_temperature", "58.4");
    check_text(device, "telemetry.heartbeat", "7");
    check_null(device, "telemetry.aiclk");
    check_null(device, "telemetry.fan_speed");
    check_text(device, "firmwares.fw_bundle_version", "18.12.0.0");
    check_null(device, "firmwares.eth_fw");
    json_decref(device);
    row.node = NULL;
    device = keep(json_device_info(&row));
    check_null(device, "telemetry.power");
    check_null(device, "limits.thm_limit");
    json_decref(device);
}

static void test_untracked(void **state)
{
    static const int32_t held[] = {0};
    struct snapshot sample = sample_make(&everything);
    struct host_device node = sample_node();
    struct process_row row = {
        .facts = {.pid = 9006, .comm = "", .command = "?"},
        .tracking = TRACKING_UNTRACKED,
        .held = held,
        .held_count = 1,
    };
    json_t *process;

    (void)state;
    sample.host.devices = &node;
    sample.host.device_count = 1;
    sample.host.devices_error = 0;
    process = keep(json_process(&row, &sample, &everything));
    check_text(process, "tracking", "untracked");
    for (const char *names = "usage pools buffers uid user command cmdline comm serial inexact lost_reports shm "
                             "difference_bytes age_seconds idle_seconds sessions container inner_pid",
                    *next = names;
         *next;) {
        char name[32] = {0};
        size_t length = strcspn(next, " ");

        memcpy(name, next, length);
        check_null(process, name);
        next += length + (next[length] == ' ');
    }
    check_text(process, "held_devices.0", "0");
    check_integer(process, "device", 4);
    json_decref(process);
    node.holders_error = -ENOENT;
    process = keep(json_process(&row, &sample, &everything));
    check_null(process, "held_devices");
    check_null(process, "device");
    json_decref(process);
    sample.host.devices = NULL;
    sample.host.device_count = 0;
    snapshot_clear(&sample);
}

static void test_shm_only(void **state)
{
    struct snapshot sample = sample_make(&everything);
    struct host_amount held[HOST_MEMORIES] = {[HOST_DRAM] = {true, 5 * MIB}, [HOST_L1] = {true, 0}};
    struct made_usage made = {0};
    struct process_row row = {.facts = {.pid = 9, .comm = "x", .command = "x"}, .tracking = TRACKING_SHM_ONLY};
    json_t *process;

    (void)state;
    made_usage_add(&made, 0, held);
    row.facts.usage = made.list;
    row.facts.usage_count = made.count;
    memcpy(row.shm, held, sizeof(held));
    process = keep(json_process(&row, &sample, &everything));
    check_integer(process, "usage.0.allocated_bytes", (json_int_t)(5 * MIB));
    check_null(process, "usage.0.peak_bytes");
    check_null(process, "usage.0.buffers");
    check_null(process, "usage.0.allocations");
    check_null(process, "usage.0.logical_id");
    check_null(process, "buffers");
    check_integer(process, "shm.l1", 0);
    check_null(process, "shm.trace");
    check_null(process, "difference_bytes");
    json_decref(process);
    snapshot_clear(&sample);
}

static void test_difference(void **state)
{
    struct snapshot sample = sample_make(&everything);
    struct process_row row = sample_process_row(&sample_processes[0], TRACKING_REPORTING);
    json_t *process;

    (void)state;
    row.shm[HOST_DRAM] = (struct host_amount){true, 500 * MIB};
    process = keep(json_process(&row, &sample, &everything));
    check_integer(process, "difference_bytes.dram", -(json_int_t)(12 * MIB));
    check_null(process, "difference_bytes.l1");
    json_decref(process);
    snapshot_clear(&sample);
}

static void test_totals_of_no_device(void **state)
{
    struct snapshot sample = sample_make(&everything);
    struct host_slot slot = {.inner_pid = 12, .state = HOST_SLOT_GONE, .comm = "old", .held = {{true, MIB}}};
    struct host_totals totals[] = {
        {.id = 5,
         .path = "/dev/shm/a",
         .state = HOST_TOTALS_STALE,
         .version = 3,
         .slots = &slot,
         .slot_count = 1,
         .phantom = {[HOST_DRAM] = {true, MIB}, [HOST_CB] = {true, MIB}}},
        {.id = 6, .path = "/dev/shm/b", .state = HOST_TOTALS_UNREADABLE, .error = -EACCES},
    };
    int32_t devices[] = {DEVICE_UNKNOWN, DEVICE_UNKNOWN};
    struct device_row *chips[] = {NULL, NULL};
    json_t *sources, *errors;

    (void)state;
    sample.host.totals = totals;
    sample.host.totals_count = SAMPLE_COUNT(totals);
    sample.host.totals_error = 0;
    sample.merged.totals = devices;
    sample.merged.chips = chips;
    sources = keep(json_sources(&sample));
    errors = keep(json_errors(&sample));
    check_integer(sources, "totals.found", 2);
    check_integer(sources, "totals.denied", 1);
    check_integer(sources, "totals.stale", 1);
    check_integer(sources, "totals.unplaced.0.memories.dram.phantom_bytes", (json_int_t)MIB);
    check_null(sources, "totals.unplaced.0.memories.cb.phantom_bytes");
    check_text(sources, "totals.unplaced.0.slots.0.state", "gone");
    check_null(sources, "totals.unplaced.0.slots.0.pid");
    check_text(sources, "totals.unplaced.1.unavailable", "not_permitted");
    check_null(sources, "totals.unplaced.1.memories");
    assert_int_equal(json_array_size(errors), 1);
    check_text(errors, "0.code", "totals_denied");
    check_text(errors, "0.path", "/dev/shm/b");
    json_decref(sources);
    json_decref(errors);
    sample.host.totals = NULL;
    sample.host.totals_count = 0;
    sample.merged.totals = NULL;
    sample.merged.chips = NULL;
    snapshot_clear(&sample);
}

/* The driver told of devices, and no server was asked. */
static void test_not_asked(void **state)
{
    struct snapshot sample = sample_make(&everything);
    char *text;
    json_t *document;

    (void)state;
    sample.path = NULL;
    sample.host.devices_error = 0;
    text = print(&sample, &everything, VIEW_TABLE, false);
    document = json_loads(text, 0, NULL);
    check_text(document, "server.state", "not_asked");
    check_null(document, "server.path");
    check_null(document, "server.uptime_seconds");
    check_null(document, "coverage.processes_reporting");
    check_null(document, "coverage.leaks");
    check_integer(document, "coverage.processes_untracked", 0);
    check_null(document, "leaks");
    assert_int_equal(json_array_size(at(document, "devices")), 3);
    assert_int_equal(json_array_size(at(document, "device_info")), 3);
    check_null(document, "devices.0.pools.0.regions.0.leaked_bytes");
    json_decref(document);
    free(text);
    snapshot_clear(&sample);
}

static void test_lines(void **state)
{
    struct snapshot sample = sample_make(&everything);
    char *compact = print(&sample, &everything, VIEW_TABLE, false);
    char *indented = print(&sample, &everything, VIEW_TABLE, true);

    (void)state;
    assert_ptr_equal(strchr(compact, '\n'), compact + strlen(compact) - 1);
    assert_non_null(strstr(indented, "\n  \"schema\": 1"));
    free(compact);
    free(indented);
    snapshot_clear(&sample);
}

static void test_integers_stay_positive(void **state)
{
    (void)state;
    assert_true(json_clamp(UINT64_MAX) == INT64_MAX);
    assert_true(json_clamp(INT64_MAX) == INT64_MAX);
    assert_true(json_clamp(7) == 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_unknown_is_null_and_empty_is_zero),
        cmocka_unit_test(test_processes),
        cmocka_unit_test(test_hostile_name),
        cmocka_unit_test(test_nothing_but_printable_ascii),
        cmocka_unit_test(test_leaks_and_ended),
        cmocka_unit_test(test_filter_by_region),
        cmocka_unit_test(test_no_server),
        cmocka_unit_test(test_device_of_the_host),
        cmocka_unit_test(test_far_chip),
        cmocka_unit_test(test_official_keys),
        cmocka_unit_test(test_untracked),
        cmocka_unit_test(test_shm_only),
        cmocka_unit_test(test_difference),
        cmocka_unit_test(test_totals_of_no_device),
        cmocka_unit_test(test_not_asked),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_integers_stay_positive),
    };
    int failed;

    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    users_clear();
    return failed;
}
