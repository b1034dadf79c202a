/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_smi_core */

/* The JSON document, read back: its shape is what scripts rely on. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smi/json.h"
#include "smi/json_rows.h"
#include "smi/users.h"

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
        cmocka_unit_test(test_leaks_and_ended),
        cmocka_unit_test(test_filter_by_region),
        cmocka_unit_test(test_no_server),
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
