/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_smi_core */

/* The command line: what is understood, and that everything else is refused. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smi/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 16

/* Parses words apart by blanks. */
static int parse(const char *line, struct options *ret)
{
    static char buffer[256]; /* options keep pointers into it */
    char *words[WORDS_MAX] = {(char *)"tt-smi"}, *rest = buffer;
    int count = 1;

    assert_true(strlen(line) < sizeof(buffer));
    strcpy(buffer, line);
    for (char *word; *line && (word = strsep(&rest, " "));) {
        assert_true(count < WORDS_MAX - 1);
        words[count++] = word;
    }
    optind = 0; /* begins anew */
    return options_parse(count, words, ret);
}

static struct options accept(const char *line)
{
    struct options options;

    if (parse(line, &options) != 0)
        fail_msg("refused: %s", line);
    return options;
}

static void refuse(const char *line)
{
    struct options options;

    if (parse(line, &options) != -EINVAL)
        fail_msg("not refused: %s", line);
}

static void test_defaults(void **state)
{
    struct options options = accept("");

    (void)state;
    assert_int_equal(options.action, ACTION_SHOW);
    assert_int_equal(options.view, VIEW_TABLE);
    assert_false(options.watch);
    assert_int_equal(options.filter.device_count, 0);
    assert_int_equal(options.filter.region, -1);
    assert_false(options.filter.by_uid);
}

static void test_verbs(void **state)
{
    (void)state;
    assert_int_equal(accept("leaks").view, VIEW_LEAKS);
    assert_int_equal(accept("--json exited").view, VIEW_EXITED);
    refuse("leeks");
    refuse("leaks exited");
    refuse("leaks leaks");
}

static void test_devices(void **state)
{
    struct options options = accept("-d 0,2 --device=7");

    (void)state;
    assert_int_equal(options.filter.device_count, 3);
    assert_int_equal(options.filter.devices[1], 2);
    assert_int_equal(options.filter.devices[2], 7);
    options_clear(&options);
    refuse("-d x");
    refuse("-d 1,");
    refuse("-d -1");
    refuse("-d 2147483648");
    refuse("-d");
}

static void test_user(void **state)
{
    struct options options = accept("-u");

    (void)state;
    assert_true(options.filter.by_uid);
    assert_int_equal(options.filter.uid, geteuid());
    assert_int_equal(accept("-u root").filter.uid, 0);
    assert_int_equal(accept("-u 4000000000").filter.uid, 4000000000);
    assert_int_equal(accept("--user=root").filter.uid, 0);
    options = accept("-u leaks"); /* a verb is no user */
    assert_int_equal(options.view, VIEW_LEAKS);
    assert_int_equal(options.filter.uid, geteuid());
    options = accept("-u --json");
    assert_true(options.json);
    options = accept("leaks -u 5 --json -d 1"); /* words on both sides of what was taken */
    assert_int_equal(options.filter.uid, 5);
    assert_true(options.json);
    assert_int_equal(options.filter.device_count, 1);
    options_clear(&options);
    refuse("-u no-such-user-here");
}

static void test_process_and_region(void **state)
{
    (void)state;
    assert_int_equal(accept("-p 12").filter.pid, 12);
    refuse("-p 0");
    refuse("-p 12x");
    assert_int_equal(accept("--region l1_small").filter.region, TT_ALLOC_L1_SMALL);
    assert_int_equal(accept("--region DRAM").filter.region, TT_ALLOC_DRAM);
    refuse("--region l2");
}

static void test_intervals(void **state)
{
    (void)state;
    assert_int_equal(accept("-w").interval, 1000000000);
    assert_int_equal(accept("-w -n 0.1").interval, 100000000);
    assert_int_equal(accept("-w -r 500").interval, 500000000);
    assert_int_equal(accept("-r 100 -w").interval, 100000000);
    refuse("-w -n 0.05");
    refuse("-w -n nan");
    refuse("-w -n inf");
    refuse("-w -n 1s");
    refuse("-n 2");
}

static void test_reset_is_never_taken(void **state)
{
    (void)state;
    refuse("-r");
    refuse("-r 500");
    refuse("-r 0");
    refuse("-r all");
    refuse("-w -r 0");
    refuse("-w -r");
    refuse("--reset");
    refuse("-w --reset");
}

static void test_rest(void **state)
{
    struct options options = accept("--socket /tmp/s --ascii --color never");

    (void)state;
    assert_string_equal(options.socket, "/tmp/s");
    assert_true(options.ascii);
    assert_int_equal(options.color, WHEN_NEVER);
    assert_int_equal(accept("-h").action, ACTION_HELP);
    assert_int_equal(accept("--version").action, ACTION_VERSION);
    refuse("--color sometimes");
    refuse("--jsno");
    refuse("--json=1");
    refuse("-x");
    refuse("--socket");
    refuse("-d 1,2 -x"); /* with something to release */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_verbs),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_user),
        cmocka_unit_test(test_process_and_region),
        cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_reset_is_never_taken),
        cmocka_unit_test(test_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
