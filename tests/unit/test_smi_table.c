/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_smi_core */

/*
 * The screens, word for word, at the widths that matter: as wide as it takes, 120, 80 and 40 columns. And at every
 * width the promise that no line is longer.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smi/sample/users.h"
#include "smi/text/table.h"
#include "smi/text/text.h"
#include "smi/views/views.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/test_smi_sample.h"

/* clang-format off */
static const char overview_unlimited[] =
    "tt-smi " TT_ALLOC_VERSION "  bh-lab-07  14:03:11  server up 3d04h  no driver  3 devices, 3 reporting, 1 inexact, 1 leak\n"
    "\n"
    "DEV  BOARD        PCI           DRAM                       TRACE  L1                       L1_SMALL  PEAK\n"
    "  0  n300         0000:09:00.0  #######---   8.4/11.4G  200/576M  ##--------  18.2/91.0M  900K/2.0M  8.8G\n"
    "  1  blackhole R  ?             ----------  612M/12.0G         -  ----------     0/93.0M          -  3.3G\n"
    "  7  ?            ?                             5.0M/?         -                     -/?          -  5.0M\n"
    "\n"
    "  PID  USER        DEV  STATE      DRAM  TRACE     L1  L1_SMALL   BUFS  PEAK    AGE  COMMAND\n"
    "41772  4000000000  0,1  reporting  8.5G   200M  18.2M      900K  1,478  9.2G  1h12m  /opt/python/bin/python serve.py --model llama-70b\n"
    "51203  root        1    reporting  512M      -      0         -     80  2.9G  4m00s  ~ pytest tests/ops -k conv\n"
    "    ?  root        -    reporting     -      -      -         -      0     -     2s  bad\\x1b[31m\\nname \\xff\\u202e\n"
    "49981  root        1    exited     256M      -      0         -      1  2.1G  2h12m  LEAK, gone 31s: python train.py\n"
    "~ inexact: reports were lost, these figures may be off\n"
    "\n"
    "! 256M of DRAM on device 1 belonged to a process that ended.   tt-smi leaks\n";

static const char overview_120[] =
    "tt-smi " TT_ALLOC_VERSION "  bh-lab-07  14:03:11  server up 3d04h  no driver  3 devices, 3 reporting, 1 inexact, 1 leak\n"
    "\n"
    "DEV  BOARD        PCI           DRAM                       TRACE  L1                       L1_SMALL  PEAK\n"
    "  0  n300         0000:09:00.0  ███████░░░   8.4/11.4G  200/576M  ██░░░░░░░░  18.2/91.0M  900K/2.0M  8.8G\n"
    "  1  blackhole R  ?             ░░░░░░░░░░  612M/12.0G         -  ░░░░░░░░░░     0/93.0M          -  3.3G\n"
    "  7  ?            ?                             5.0M/?         -                     -/?          -  5.0M\n"
    "\n"
    "  PID  USER        DEV  STATE      DRAM  TRACE     L1  L1_SMALL   BUFS  PEAK    AGE  COMMAND\n"
    "41772  4000000000  0,1  reporting  8.5G   200M  18.2M      900K  1,478  9.2G  1h12m  python serve.py --model llama-70b\n"
    "51203  root        1    reporting  512M      -      0         -     80  2.9G  4m00s  ~ pytest tests/ops -k conv\n"
    "    ?  root        -    reporting     -      -      -         -      0     -     2s  bad\\x1b[31m\\nname \\xff\\u202e\n"
    "49981  root        1    exited     256M      -      0         -      1  2.1G  2h12m  LEAK, gone 31s: python train.py\n"
    "~ inexact: reports were lost, these figures may be off\n"
    "\n"
    "! 256M of DRAM on device 1 belonged to a process that ended.   tt-smi leaks\n";

static const char overview_80[] =
    "14:03:11  server up 3d04h  no driver  3 devices, 3 reporting, 1 inexact, 1 leak\n"
    "\n"
    "DEV  BOARD        DRAM                  TRACE  L1                  L1_SMALL\n"
    "  0  n300         ####-   8.4/11.4G  200/576M  #----  18.2/91.0M  900K/2.0M\n"
    "  1  blackhole R  -----  612M/12.0G         -  -----     0/93.0M          -\n"
    "  7  ?                       5.0M/?         -                -/?          -\n"
    "\n"
    "  PID  USER        DEV  STATE      DRAM  TRACE     L1  L1_SMALL    AGE  COMMAND\n"
    "41772  4000000000  0,1  reporting  8.5G   200M  18.2M      900K  1h12m  python ~\n"
    "51203  root        1    reporting  512M      -      0         -  4m00s  ~ pytes~\n"
    "    ?  root        -    reporting     -      -      -         -     2s  bad\\x1b~\n"
    "49981  root        1    exited     256M      -      0         -  2h12m  LEAK, g~\n"
    "~ inexact: reports were lost, these figures may be off\n"
    "\n"
    "! 256M of DRAM on device 1 belonged to a process that ended.   tt-smi leaks\n";

static const char overview_40[] =
    "3 devices, 3 reporting, 1 inexact, 1 le~\n"
    "\n"
    "DEV        DRAM     TRACE          L1\n"
    "  0   8.4/11.4G  200/576M  18.2/91.0M\n"
    "  1  612M/12.0G         -     0/93.0M\n"
    "  7      5.0M/?         -         -/?\n"
    "\n"
    "  PID  DEV  DRAM     L1  COMMAND\n"
    "41772  0,1  8.5G  18.2M  python serve.p~\n"
    "51203  1    512M      0  ~ pytest tests~\n"
    "    ?  -       -      -  bad\\x1b[31m\\nn~\n"
    "49981  1    256M      0  LEAK, gone 31s~\n"
    "~ inexact: reports were lost, these fig~\n"
    "\n"
    "! 256M of DRAM on device 1 belonged to ~\n"
    "  tt-smi leaks\n";

static const char leaks_unlimited[] =
    "LEAK SUMMARY  1 of the last 2 ended processes left buffers\n"
    "  256M of DRAM in 1 buffer on device 1\n"
    "\n"
    "[1] 256M of DRAM in 1 buffer on device 1\n"
    "    owner  pid 49981 (root) python train.py\n"
    "    ended  14:02:40, 31s ago: exited after 2h12m\n"
    "\n"
    "Known, and done with?   tt-smi forget PID\n";

static const char leaks_40[] =
    "LEAK SUMMARY  1 of the last 2 ended pro~\n"
    "  256M of DRAM in 1 buffer on device 1\n"
    "\n"
    "[1] 256M of DRAM in 1 buffer on device 1\n"
    "    owner  pid 49981 (root) python trai~\n"
    "    ended  14:02:40, 31s ago: exited af~\n"
    "\n"
    "Known, and done with?   tt-smi forget P~\n";

static const char exited_unlimited[] =
    "  PID  USER  DRAM PEAK  L1 PEAK  LEFT       BUFS  LIFETIME  ENDED     HOW      COMMAND\n"
    "49990  root          -        -  -             0        3s  14:03:01  hung up  true\n"
    "49981  root       2.1G     2.0M  256M DRAM     1     2h12m  14:02:40  exited   python train.py\n";

static const char exited_80[] =
    "  PID  USER  DRAM PEAK  L1 PEAK  LEFT       BUFS  LIFETIME  ENDED     COMMAND\n"
    "49990  root          -        -  -             0        3s  14:03:01  true\n"
    "49981  root       2.1G     2.0M  256M DRAM     1     2h12m  14:02:40  python tr~\n";

static const char exited_40[] =
    "  PID  DRAM PEAK  LEFT       COMMAND\n"
    "49990          -  -          true\n"
    "49981       2.1G  256M DRAM  python tra~\n";

static const char overview_of_device_1[] =
    "tt-smi " TT_ALLOC_VERSION "  bh-lab-07  14:03:11  server up 3d04h  no driver  3 devices, 3 reporting, 1 inexact, 1 leak\n"
    "\n"
    "DEV  BOARD        DRAM                    TRACE  L1                   L1_SMALL  PEAK\n"
    "  1  blackhole R  ----------  612M/12.0G      -  ----------  0/93.0M         -  3.3G\n"
    "\n"
    "  PID  USER        DEV  STATE      DRAM  TRACE  L1  L1_SMALL  BUFS  PEAK    AGE  COMMAND\n"
    "51203  root        1    reporting  512M      -   0         -    80  2.9G  4m00s  ~ pytest tests/ops -k conv\n"
    "41772  4000000000  1    reporting  100M      -   -         -     8  400M  1h12m  /opt/python/bin/python serve.py --model llama-70b\n"
    "49981  root        1    exited     256M      -   -         -     1  2.1G  2h12m  LEAK, gone 31s: python train.py\n"
    "~ inexact: reports were lost, these figures may be off\n"
    "\n"
    "! 256M of DRAM on device 1 belonged to a process that ended.   tt-smi leaks\n";

static const char overview_of_l1[] =
    "tt-smi " TT_ALLOC_VERSION "  bh-lab-07  14:03:11  server up 3d04h  no driver  3 devices, 3 reporting, 1 inexact, 1 leak\n"
    "\n"
    "DEV  BOARD        PCI           L1                       PEAK\n"
    "  0  n300         0000:09:00.0  ##--------  18.2/91.0M  18.2M\n"
    "  1  blackhole R  ?             ----------     0/93.0M   4.0M\n"
    "  7  ?            ?                                -/?      -\n"
    "\n"
    "  PID  USER        DEV     L1  BUFS   PEAK    AGE  COMMAND\n"
    "41772  4000000000  0    18.2M    12  18.2M  1h12m  /opt/python/bin/python serve.py --model llama-70b\n"
    "51203  root        1        0     0   4.0M  4m00s  ~ pytest tests/ops -k conv\n"
    "~ inexact: reports were lost, these figures may be off\n";

static const char exited_of_l1[] =
    "  PID  USER  PEAK  LEFT  BUFS  LIFETIME  ENDED     HOW     COMMAND\n"
    "49981  root  2.0M  0        0     2h12m  14:02:40  exited  python train.py\n";

static const char leaks_of_l1[] =
    "No leaks: the last 1 ended process left nothing.\n";
/* clang-format on */

typedef int print_view(FILE *out, const struct snapshot *snapshot, const struct filter *filter,
                       const struct style *style);

static const struct filter everything = {.region = -1};

/* The text of a view; free() it. */
static char *render(print_view *print, const struct snapshot *snapshot, const struct filter *filter, struct style style)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_int_equal(print(out, snapshot, filter, &style), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void check(print_view *print, const struct filter *filter, struct style style, const char *expected)
{
    struct snapshot sample = sample_make(filter);
    char *text = render(print, &sample, filter, style);

    assert_string_equal(text, expected);
    free(text);
    snapshot_clear(&sample);
}

static void test_overview(void **state)
{
    (void)state;
    check(print_overview, &everything, (struct style){.width = 0}, overview_unlimited);
    check(print_overview, &everything, (struct style){.width = 120, .utf8 = true}, overview_120);
    check(print_overview, &everything, (struct style){.width = 80}, overview_80);
    check(print_overview, &everything, (struct style){.width = 40}, overview_40);
}

static void test_leaks(void **state)
{
    (void)state;
    check(print_leaks, &everything, (struct style){.width = 0}, leaks_unlimited);
    check(print_leaks, &everything, (struct style){.width = 40}, leaks_40);
}

static void test_exited(void **state)
{
    (void)state;
    check(print_exited, &everything, (struct style){.width = 0}, exited_unlimited);
    check(print_exited, &everything, (struct style){.width = 80}, exited_80);
    check(print_exited, &everything, (struct style){.width = 40}, exited_40);
}

static void test_filter_by_device(void **state)
{
    int32_t devices[] = {1};
    struct filter filter = {.devices = devices, .device_count = 1, .region = -1};

    (void)state;
    check(print_overview, &filter, (struct style){.width = 0}, overview_of_device_1);
}

static void test_filter_by_region(void **state)
{
    struct filter filter = {.region = TT_ALLOC_L1};

    (void)state;
    check(print_overview, &filter, (struct style){.width = 0}, overview_of_l1);
    check(print_exited, &filter, (struct style){.width = 0}, exited_of_l1);
    check(print_leaks, &filter, (struct style){.width = 0}, leaks_of_l1);
}

static void test_filter_by_user_and_process(void **state)
{
    struct filter by_user = {.by_uid = true, .uid = 4000000000, .region = -1};
    struct filter by_process = {.pid = 51203, .region = -1};
    struct snapshot sample = sample_make(&by_user);

    (void)state;
    assert_int_equal(sample.process_count, 1);
    assert_int_equal(sample.processes[0]->facts.pid, 41772);
    assert_int_equal(sample.leak_count, 0);
    snapshot_clear(&sample);
    sample = sample_make(&by_process);
    assert_int_equal(sample.process_count, 1);
    assert_int_equal(sample.processes[0]->facts.pid, 51203);
    snapshot_clear(&sample);
}

static void check_widths(const char *text, size_t limit)
{
    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        char *copy = strndup(line, length);

        assert_non_null(copy);
        assert_int_equal(line[length], '\n');
        if (text_width(copy) > limit)
            fail_msg("%zu columns, not %zu: %s", text_width(copy), limit, copy);
        if (length > 0 && copy[length - 1] == ' ')
            fail_msg("blanks at the end: '%s'", copy);
        free(copy);
        line += length + 1;
    }
}

static void test_no_line_is_longer_than_the_screen(void **state)
{
    static print_view *const views[] = {print_overview, print_leaks, print_exited};
    struct snapshot sample = sample_make(&everything);

    (void)state;
    for (size_t width = 20; width <= 300; width++) {
        for (size_t i = 0; i < SAMPLE_COUNT(views); i++) {
            char *ascii = render(views[i], &sample, &everything, (struct style){.width = width});
            char *utf8 = render(views[i], &sample, &everything, (struct style){.width = width, .utf8 = true});

            check_widths(ascii, width);
            check_widths(utf8, width);
            free(ascii);
            free(utf8);
        }
    }
    snapshot_clear(&sample);
}

/* The same text, once what colours it is taken out. */
static void strip_colors(char *text)
{
    char *to = text;

    for (const char *from = text; *from;) {
        if (*from == '\033')
            from += strcspn(from, "m") + 1;
        else
            *to++ = *from++;
    }
    *to = '\0';
}

static void test_colors_change_nothing_else(void **state)
{
    struct snapshot sample = sample_make(&everything);
    char *text = render(print_overview, &sample, &everything, (struct style){.width = 80, .color = true});

    (void)state;
    assert_non_null(strstr(text, "\033[31m! 256M of DRAM"));
    strip_colors(text);
    assert_string_equal(text, overview_80);
    free(text);
    snapshot_clear(&sample);
}

static void test_wide_characters_are_cut_between(void **state)
{
    static const struct column columns[] = {{.title = "A", .right = true}, {.title = "B", .least = 4}};
    struct style style = {.width = 8, .utf8 = true};
    struct table *table = table_new(columns, 2, &style);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    table_row(table);
    table_set(table, 0, TINT_NONE, "%d", 7);
    table_set(table, 1, TINT_NONE, "\u4e2d\u6587\u5b57");
    assert_int_equal(table_print(table, out), 0);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, "A  B\n7  \u4e2d\u6587\u2026\n");
    free(text);
    assert_null(table_free(table));
}

static void test_an_unmade_table_is_an_error(void **state)
{
    (void)state;
    table_row(NULL);
    table_set(NULL, 0, TINT_NONE, "x");
    assert_int_equal(table_print(NULL, stdout), -ENOMEM);
    assert_null(table_free(NULL));
}

static void test_nothing_to_show(void **state)
{
    struct snapshot sample = {.time = SAMPLE_TIME, .name = "h", .path = "/tmp/s.sock", .host.driver.error = -ENOENT};
    struct style style = {.width = 0};
    char *text = render(print_overview, &sample, &everything, style);

    (void)state;
    assert_string_equal(text,
                        "tt-smi " TT_ALLOC_VERSION "  h  14:03:11  server up 0s  no driver  0 devices, 0 reporting\n\n"
                        "No device has been reported on yet.\n\nNo process reports buffers.\n\n"
                        "! The driver of Tenstorrent devices is not loaded.   sudo modprobe tenstorrent\n");
    free(text);
    text = render(print_leaks, &sample, &everything, style);
    assert_string_equal(text, "No leaks: no process has ended.\n");
    free(text);
    text = render(print_exited, &sample, &everything, style);
    assert_string_equal(text, "No process that ended is known.\n");
    free(text);
}

static void test_no_server(void **state)
{
    struct snapshot sample = {
        .time = SAMPLE_TIME, .name = "h", .path = "/tmp/s.sock", .error = -ECONNREFUSED, .host.driver.error = -EACCES};
    char *text = render(print_overview, &sample, &everything, (struct style){.width = 0});

    (void)state;
    assert_string_equal(text,
                        "tt-smi " TT_ALLOC_VERSION "  h  14:03:11  server not reachable  driver unknown  0 devices\n\n"
                        "No device is known.\n\nWho uses devices is not known.\n");
    free(text);
}

static void test_seldom_regions_show_when_they_hold_something(void **state)
{
    static const struct tt_alloc_usage usage[] = {
        SAMPLE_REGION(0, TT_ALLOC_CB, 3 * MIB, 2, 3 * MIB),
        SAMPLE_REGION(0, TT_ALLOC_KERNEL, 0, 0, 1 * MIB),
        {.device = 0, .index = 200, .bytes = 1}, /* of a server newer than we are */
    };
    static const struct tt_alloc_process process = {
        .pid = 1, .comm = "a", .command = "a", .usage = usage, .usage_count = SAMPLE_COUNT(usage)};
    const struct process_row row = sample_process_row(&process, TRACKING_REPORTING), *processes[] = {&row};
    struct snapshot sample = {.processes = processes, .process_count = 1};
    char *text = render(print_processes, &sample, &everything, (struct style){.width = 0});

    (void)state;
    assert_string_equal(text, "PID  USER  DEV  DRAM  TRACE  L1  L1_SMALL    CB  BUFS  PEAK  AGE  COMMAND\n"
                              "  1  root  0       -      -   -         -  3.0M     2     -   0s  a\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overview),
        cmocka_unit_test(test_leaks),
        cmocka_unit_test(test_exited),
        cmocka_unit_test(test_filter_by_device),
        cmocka_unit_test(test_filter_by_region),
        cmocka_unit_test(test_filter_by_user_and_process),
        cmocka_unit_test(test_no_line_is_longer_than_the_screen),
        cmocka_unit_test(test_colors_change_nothing_else),
        cmocka_unit_test(test_wide_characters_are_cut_between),
        cmocka_unit_test(test_an_unmade_table_is_an_error),
        cmocka_unit_test(test_nothing_to_show),
        cmocka_unit_test(test_no_server),
        cmocka_unit_test(test_seldom_regions_show_when_they_hold_something),
    };
    int failed;

    setenv("TZ", "UTC", 1);
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    users_clear();
    return failed;
}
