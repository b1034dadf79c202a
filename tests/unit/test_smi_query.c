/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_smi_core */

/* Columns by name, as CSV: what scripts and spreadsheets make of it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smi/query/fields.h"
#include "smi/query/query.h"
#include "smi/sample/readings.h"
#include "smi/sample/users.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/test_smi_sample.h"

static const struct filter everything = {.region = -1};

static char *print(const struct snapshot *snapshot, struct options options)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    options.filter = everything;
    options.csv = true;
    assert_int_equal(query_print(out, snapshot, &options), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void check(struct options options, const char *expected)
{
    struct snapshot sample = sample_make(&everything);
    char *text = print(&sample, options);

    assert_string_equal(text, expected);
    free(text);
    snapshot_clear(&sample);
}

/* The command of the first process of the sample as a cell. */
static void check_command(const char *command, const char *expected)
{
    struct snapshot sample = sample_make(&everything);
    struct process_row row = *sample.processes[0];
    char *text;

    row.facts.command = command;
    sample.processes[0] = &row;
    sample.process_count = 1;
    text = print(&sample, (struct options){.query_processes = "command,pid", .noheader = true});
    assert_int_equal(strncmp(text, expected, strlen(expected)), 0);
    assert_string_equal(text + strlen(expected), ",41772\n");
    free(text);
    snapshot_clear(&sample);
}

static void test_devices(void **state)
{
    (void)state;
    check((struct options){.query_devices = "index,board,pci_address,dram_size_bytes,dram_used_bytes,dram_free_bytes"},
          "index,board,pci_address,dram_size_bytes [B],dram_used_bytes [B],dram_free_bytes [B]\n"
          "0,n300,0000:09:00.0,12884901888,9228517376,3656384512\n"
          "1,,,12884901888,641728512,12243173376\n"
          "7,,,,5242880,\n");
    check((struct options){.query_devices = "asic_id,trace_used_bytes,l1_small_used_bytes,temperature_celsius"},
          "asic_id,trace_used_bytes [B],l1_small_used_bytes [B],temperature_celsius [C]\n"
          "18446744073709551615,209715200,921600,\n,0,0,\n,0,0,\n");
}

static void test_processes(void **state)
{
    (void)state;
    check((struct options){.query_processes = "pid,uid,tracking,devices,dram_bytes,trace_bytes,buffers,age_seconds"},
          "pid,uid,tracking,devices,dram_bytes [B],trace_bytes [B],buffers,age_seconds [s]\n"
          "41772,4000000000,reporting,\"0,1\",9123659776,209715200,1478,4320\n"
          "51203,0,reporting,1,536870912,0,80,240\n"
          ",0,reporting,,0,0,0,2\n");
}

static void test_header(void **state)
{
    (void)state;
    check((struct options){.query_devices = "device,dram_size_bytes", .nounits = true},
          "device,dram_size_bytes\n0,12884901888\n1,12884901888\n7,\n");
    check((struct options){.query_devices = "device", .noheader = true}, "0\n1\n7\n");
    check((struct options){.query_devices = " device , device", .noheader = true}, "0,0\n1,1\n7,7\n");
}

/* Not all of what the device holds is known: then nobody knows what is free, nor that nothing is used. */
static void test_incomplete(void **state)
{
    struct snapshot sample = sample_make(&everything);
    struct device_row row = *sample.devices[1];
    char *text;

    (void)state;
    row.is_complete = false;
    row.has_peaks = false;
    sample.devices[1] = &row;
    text = print(&sample, (struct options){.query_devices = "dram_used_bytes,dram_free_bytes,trace_used_bytes,"
                                                            "dram_peak_bytes",
                                           .noheader = true});
    assert_non_null(strstr(text, "\n641728512,,,\n"));
    free(text);
    snapshot_clear(&sample);
}

static void test_untracked(void **state)
{
    struct snapshot sample = sample_make(&everything);
    struct process_row row = {.facts = {.pid = 77, .comm = "", .command = "?"}, .tracking = TRACKING_UNTRACKED};
    char *text;

    (void)state;
    sample.processes[0] = &row;
    sample.process_count = 1;
    text = print(&sample, (struct options){.query_processes = "pid,user,uid,tracking,dram_bytes,buffers,"
                                                              "dram_peak_bytes,lost_reports,age_seconds,command",
                                           .noheader = true});
    assert_string_equal(text, "77,,,untracked,,,,,,\n");
    free(text);
    snapshot_clear(&sample);
}

static void test_text(void **state)
{
    (void)state;
    check_command("python train.py", "python train.py");
    check_command("python -c \"a, b\"", "\"python -c \"\"a, b\"\"\"");
    check_command("=1+1", "'=1+1");
    check_command("+1", "'+1");
    check_command("-bash", "'-bash");
    check_command("@sum", "'@sum");
    check_command("=a,b", "\"'=a,b\"");
    check_command("two\nlines\r\033[31m", "two\\nlines\\x0d\\x1b[31m");
    check_command("\t=1", "\\t=1");
    check_command("caf\u00e9 \xff", "caf\u00e9 \\xff");
    check_command("", "");
}

static void test_all(void **state)
{
    struct snapshot sample = sample_make(&everything);
    char *text = print(&sample, (struct options){.query_devices = "all", .nounits = true});

    (void)state;
    for (size_t i = 0; i < query_device_fields.count; i++)
        assert_non_null(strstr(text, query_device_fields.list[i].name));
    free(text);
    text = print(&sample, (struct options){.query_processes = "all"});
    assert_int_equal(strncmp(text, "time,host,pid,", 14), 0);
    free(text);
    snapshot_clear(&sample);
}

static void check_names(const struct query_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        const char *name = fields->list[i].name, *unit = fields->list[i].unit, *tail = strrchr(name, '_');

        assert_true(strlen(fields->list[i].help) > 0);
        assert_int_equal(tail && strcmp(tail, "_bytes") == 0, unit && strcmp(unit, "B") == 0);
        assert_int_equal(tail && strcmp(tail, "_seconds") == 0, unit && strcmp(unit, "s") == 0);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(name, fields->list[j].name);
    }
}

static void test_names(void **state)
{
    (void)state;
    check_names(&query_device_fields);
    check_names(&query_process_fields);
}

/* Readings have one name, in JSON and here. */
static void test_readings(void **state)
{
    struct host_device node = {
        .power = {.value = 46250000}, .temperature = {.error = -ENODATA}, .fan = {.value = 1200}};
    struct snapshot sample = sample_make(&everything);
    struct device_row row = *sample.devices[0];
    size_t found = 0;
    char *text;

    (void)state;
    row.node = &node;
    sample.devices[0] = &row;
    sample.device_count = 1;
    text =
        print(&sample, (struct options){.query_devices = "power_watts,temperature_celsius,fan_rpm", .noheader = true});
    assert_string_equal(text, "46.250,,1200\n");
    for (size_t i = 0; i < query_device_fields.count; i++) {
        for (size_t j = 0; j < READINGS; j++) {
            if (strcmp(query_device_fields.list[i].name, telemetry_readings[j].name) == 0) {
                assert_int_equal(query_device_fields.list[i].index, j);
                found++;
            }
        }
    }
    assert_int_equal(found, 8);
    free(text);
    snapshot_clear(&sample);
}

/* What query_check() says on stderr. */
static void check_refused(struct options options, const char *expected)
{
    char said[256] = {0};
    int ends[2], saved = dup(STDERR_FILENO), r;

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    r = query_check(&options);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(ends[1]);
    assert_true(read(ends[0], said, sizeof(said) - 1) > 0);
    close(ends[0]);
    close(saved);
    assert_int_equal(r, -EINVAL);
    assert_string_equal(said, expected);
}

static void test_unknown(void **state)
{
    (void)state;
    assert_int_equal(query_check(&(struct options){0}), 0);
    assert_int_equal(query_check(&(struct options){.query_processes = "pid,command"}), 0);
    check_refused((struct options){.query_devices = "device,dram_usd_bytes"},
                  "tt-smi: unknown field 'dram_usd_bytes', did you mean dram_used_bytes?   tt-smi --help-fields\n");
    check_refused((struct options){.query_devices = "device node"}, /* a forgotten comma */
                  "tt-smi: unknown field 'device node'   tt-smi --help-fields lists the fields\n");
    check_refused((struct options){.query_devices = "pid"},
                  "tt-smi: unknown field 'pid'   tt-smi --help-fields lists the fields\n");
    check_refused((struct options){.query_devices = "device,"},
                  "tt-smi: unknown field ''   tt-smi --help-fields lists the fields\n");
    check_refused((struct options){.query_devices = "\033[2J"},
                  "tt-smi: unknown field '\\x1b[2J'   tt-smi --help-fields lists the fields\n");
}

static void test_help(void **state)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_non_null(out);
    query_print_help(out);
    assert_int_equal(fclose(out), 0);
    for (char *line, *rest = text; (line = strsep(&rest, "\n"));)
        assert_true(strlen(line) <= 80);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_devices),    cmocka_unit_test(test_processes), cmocka_unit_test(test_header),
        cmocka_unit_test(test_incomplete), cmocka_unit_test(test_untracked), cmocka_unit_test(test_text),
        cmocka_unit_test(test_all),        cmocka_unit_test(test_names),     cmocka_unit_test(test_readings),
        cmocka_unit_test(test_unknown),    cmocka_unit_test(test_help),
    };
    int failed;

    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    users_clear();
    return failed;
}
