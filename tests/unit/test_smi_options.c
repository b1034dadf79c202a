/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_smi_core */

/* The command line: what is understood, and that everything else is refused. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smi/cli/help.h"
#include "smi/cli/option_table.h"
#include "smi/sample/users.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/host_fixture.h"

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

/* The help of a verb; free() it. */
static char *print_help(enum view verb)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    help_print(out, verb);
    assert_int_equal(fclose(out), 0);
    return text;
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
    options = accept("-d 3,0R,2r,1R32"); /* far chips, as tables name them */
    assert_int_equal(options.filter.device_count, 4);
    assert_string_equal(device_label(options.filter.devices[0]).text, "3");
    assert_string_equal(device_label(options.filter.devices[1]).text, "0R");
    assert_string_equal(device_label(options.filter.devices[2]).text, "2R");
    assert_string_equal(device_label(options.filter.devices[3]).text, "1R32");
    options_clear(&options);
    refuse("-d R");
    refuse("-d 0R1");
    refuse("-d 0R33");
    refuse("-d 0RR");
    refuse("-d -1R");
    refuse("-d 1048576R");
    refuse("-d 0?");
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

/* Users of a tree are those of its own etc/passwd, wherever --root stands. */
static void test_user_of_tree(void **state)
{
    struct tree tree = tree_open();
    char line[128];

    (void)state;
    tree_write(&tree, "etc/passwd",
               "root:x:0:0::/:/bin/sh\nmira:x:77:77::/:/bin/sh\n\nbroken\njun:x:78:78::/:/bin/sh\n");
    snprintf(line, sizeof(line), "-u jun --root %s", tree.path);
    assert_int_equal(accept(line).filter.uid, 78);
    assert_string_equal(user_name(77), "mira");
    assert_null(user_name(79));
    snprintf(line, sizeof(line), "--root %s -u 79", tree.path);
    assert_int_equal(accept(line).filter.uid, 79);
    snprintf(line, sizeof(line), "--root %s -u daemon", tree.path);
    refuse(line);
    assert_int_equal(accept("--root / -u root").filter.uid, 0);
    assert_null(user_name(77));
    users_clear();
    tree_close(&tree);
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
    assert_int_equal(accept("--version").action, ACTION_VERSION);
    assert_string_equal(accept("--root /tmp/host").root, "/tmp/host");
    assert_null(options.root);
    refuse("--color sometimes");
    refuse("--jsno");
    refuse("--json=1");
    refuse("-x");
    refuse("--socket");
    refuse("-d 1,2 -x"); /* with something to release */
}

static void test_top(void **state)
{
    (void)state;
    assert_int_equal(accept("top").view, VIEW_TOP);
    assert_int_equal(accept("top").count, 20);
    assert_int_equal(accept("top").by, TOP_BY_SIZE);
    assert_false(accept("top").each);
    assert_int_equal(accept("top -k 5").count, 5);
    assert_int_equal(accept("--count=4294967295 top").count, UINT32_MAX);
    assert_int_equal(accept("top --by age").by, TOP_BY_AGE);
    assert_int_equal(accept("top --by=owner").by, TOP_BY_OWNER);
    assert_true(accept("top --each").each);
    refuse("top -k 0");
    refuse("top -k 4294967296");
    refuse("top -k 5x");
    refuse("top --by user");
    refuse("top --by siz");
    refuse("top --each=1");
}

static void test_queries(void **state)
{
    struct options options = accept("--query-devices=device,dram_bytes");

    (void)state;
    assert_string_equal(options.query_devices, "device,dram_bytes");
    assert_null(options.query_processes);
    assert_true(options.csv);
    assert_false(options.noheader || options.nounits);
    options = accept("--query-processes pid --format=csv,nounits,noheader");
    assert_string_equal(options.query_processes, "pid");
    assert_true(options.csv && options.noheader && options.nounits);
    assert_false(accept("--json").csv);
    assert_int_equal(accept("--help-fields").action, ACTION_FIELDS);
    refuse("--query-devices=device --query-processes=pid");
    refuse("--query-devices=device --json");
    refuse("--query-devices=device leaks");
    refuse("--query-devices=device --format=json");
    refuse("--query-devices=device --format=csv,");
    refuse("--query-devices=device --format=noheader");
    refuse("--format=csv");
    refuse("--query-devices");
}

static void test_what_goes_with_which_verb(void **state)
{
    (void)state;
    assert_int_equal(accept("doctor --json --root /").view, VIEW_DOCTOR);
    assert_true(accept("leaks --strict").strict);
    assert_true(accept("--strict").strict);
    assert_false(accept("").strict);
    refuse("doctor -w");
    refuse("doctor -d 0");
    refuse("doctor --strict");
    refuse("--each");
    refuse("leaks -k 5");
    refuse("exited --by age");
}

static void test_forget(void **state)
{
    struct options options = accept("forget 4711 4711:12 ?:18446744073709551615 2147483647");

    (void)state;
    assert_int_equal(options.view, VIEW_FORGET);
    assert_int_equal(options.act.leak_count, 4);
    assert_int_equal(options.act.leaks[0].pid, 4711);
    assert_true(options.act.leaks[0].serial == 0);
    assert_int_equal(options.act.leaks[1].pid, 4711);
    assert_true(options.act.leaks[1].serial == 12);
    assert_int_equal(options.act.leaks[2].pid, 0);
    assert_true(options.act.leaks[2].serial == UINT64_MAX);
    assert_int_equal(options.act.leaks[3].pid, INT32_MAX);
    options_clear(&options);
    assert_null(options.act.leaks);
    assert_true(accept("forget --all --json").act.all);
    refuse("forget");
    refuse("forget --all 4711");
    refuse("--all");
    refuse("leaks --all");
    refuse("forget all");
    for (const char *const *word = (const char *const[]){"0", "-1", "+1", "2147483648", "1:", ":1", "?", "?:0", "?:",
                                                         "1:0", "1:-1", "1:2:3", "1:18446744073709551616", "1x", NULL};
         *word; word++) {
        char line[64];

        snprintf(line, sizeof(line), "forget -- %s", *word);
        refuse(line);
    }
}

static void test_reset_peaks(void **state)
{
    struct options options = accept("reset-peaks -d 0,2 -p 4711 --json");

    (void)state;
    assert_int_equal(options.view, VIEW_RESET_PEAKS);
    assert_int_equal(options.filter.device_count, 2);
    assert_int_equal(options.filter.pid, 4711);
    options_clear(&options);
    refuse("reset-peaks 4711");
    refuse("reset-peaks -u");
    refuse("reset-peaks -w");
    refuse("reset-peaks --root /");
    refuse("reset-peaks --strict");
}

static void test_help(void **state)
{
    (void)state;
    assert_int_equal(accept("-h").action, ACTION_SHORT_HELP);
    assert_int_equal(accept("--help").action, ACTION_HELP);
    assert_int_equal(accept("--help").view, VIEW_TABLE);
    assert_int_equal(accept("--help top").view, VIEW_TOP);
    assert_int_equal(accept("top --help").view, VIEW_TOP);
    assert_int_equal(accept("--help --each").action, ACTION_HELP); /* is no time to be strict */
    assert_int_equal(accept("--completion=fish").action, ACTION_COMPLETION);
    assert_int_equal(accept("--completion=fish").shell, SHELL_FISH);
    refuse("--help topp");
    refuse("--completion=sh");
}

/* What the other modules rely on. */
static void test_table(void **state)
{
    static const char unfit[] = "'\"[]\\`";
    size_t words = 0;

    (void)state;
    for (size_t i = 0; i < option_count; i++) {
        const struct option_entry *entry = &option_table[i];

        assert_ptr_equal(option_by_code(entry->code), entry);
        assert_true(entry->name || option_letter(entry));
        assert_true(entry->argument == no_argument || entry->value);
        assert_true((entry->completion == COMPLETE_WORDS) == (entry->words != NULL));
        if (entry->help && strpbrk(entry->help, unfit))
            fail_msg("to be escaped: %s", entry->help);
    }
    for (int view = VIEW_TABLE + 1; view < VIEWS; view++) {
        assert_int_equal(verb_by_name(verb_table[view].name), view);
        assert_null(strpbrk(verb_table[view].help, unfit));
    }
    for (const char *word = option_by_code(OPT_REGION)->words; word; word = strchr(word, ' '), words++) {
        char name[32];

        assert_int_equal(sscanf(word, "%31s", name), 1);
        assert_in_range(region_by_name(name), 0, TT_ALLOC_REGIONS - 1);
        word++;
    }
    assert_int_equal(words, TT_ALLOC_REGIONS);
}

/* Every option and verb stands in the help, each verb's own help has what goes with it and nothing else. */
static void test_help_is_complete(void **state)
{
    (void)state;
    for (int view = VIEW_TABLE; view < VIEWS; view++) {
        char *text = print_help((enum view)view);

        for (size_t i = 0; i < option_count; i++) {
            const struct option_entry *entry = &option_table[i];
            bool expected = entry->help && (view == VIEW_TABLE || entry->verbs & 1u << view);
            char line[80];

            snprintf(line, sizeof(line), "\n  %s ", option_usage(entry).text);
            if ((strstr(text, line) != NULL) != expected)
                fail_msg("%s of verb %d: %s", expected ? "missing" : "too much", view, line);
        }
        for (int verb = VIEW_TABLE + 1; verb < VIEWS; verb++)
            assert_true(verb_table[verb].name && (view != VIEW_TABLE || strstr(text, verb_table[verb].help)));
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_verbs),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_user),
        cmocka_unit_test(test_user_of_tree),
        cmocka_unit_test(test_process_and_region),
        cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_reset_is_never_taken),
        cmocka_unit_test(test_rest),
        cmocka_unit_test(test_top),
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_what_goes_with_which_verb),
        cmocka_unit_test(test_forget),
        cmocka_unit_test(test_reset_peaks),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_help_is_complete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
