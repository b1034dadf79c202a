/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_smi_live */

/*
 * What keys, clicks and typed filters do to a view, without any picture.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smi/live/history.h"
#include "smi/live/view.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)

static const struct settings usual = {.sort = FIELD_DRAM, .interval = SECOND};

/* As if a table of that many processes had been drawn, of which ten are to be seen. */
static struct live_view shown(size_t lines)
{
    struct live_view view = view_new(&usual);

    view.shown.layout = layout_make(80, 24, 2, FULLNESS_AUTO);
    view.shown.lines = lines;
    view.shown.lines_visible = 10;
    view.shown.devices = view.shown.first_count = 2;
    view.shown.first_numbers[1] = 5;
    view.shown.headings[0] = (struct heading){FIELD_PID, 0, 7};
    view.shown.headings[1] = (struct heading){FIELD_DRAM, 8, 6};
    view.shown.headings[2] = (struct heading){FIELD_COMMAND, 15, 65};
    view.shown.heading_count = 3;
    view.shown.first_line_y = view.shown.layout.table.y + 1;
    return view;
}

static void press(struct live_view *view, uint32_t key)
{
    view_take(view, &(struct input){.key = key});
}

static void type(struct live_view *view, const char *text)
{
    for (; *text; text++)
        press(view, (uint32_t)*text);
}

static void make_lines(struct line *list, size_t count, struct lines *ret)
{
    for (size_t i = 0; i < count; i++)
        list[i] = (struct line){.key = {.kind = LINE_PROCESS, .pid = (int32_t)i + 1}};
    *ret = (struct lines){.list = list, .count = count};
}

static void quitting(void **state)
{
    static const uint32_t keys[] = {'q', FUNCTION_KEY + 10, ESCAPE};

    (void)state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct live_view view = shown(3);

        press(&view, keys[i]);
        assert_true(view.must_quit);
    }
}

/* Esc leaves one thing at a time, and the program last. */
static void stepping_back(void **state)
{
    struct live_view view = shown(3);

    (void)state;
    type(&view, "2/x");
    press(&view, ENTER);
    press(&view, ARROW_LEFT);
    press(&view, '?');
    assert_true(view.page == PAGE_HELP && view.has_device && view.device == 5 && view.back > 0);
    press(&view, ESCAPE);
    assert_int_equal(view.page, PAGE_TABLE);
    press(&view, ESCAPE);
    assert_true(view.filter_text[0] == '\0' && view.expression.count == 0);
    press(&view, ESCAPE);
    assert_false(view.has_device);
    press(&view, ESCAPE);
    assert_true(view.back == 0 && !view.must_quit);
    press(&view, ESCAPE);
    assert_true(view.must_quit);
}

static void sorting(void **state)
{
    struct live_view view = shown(3);

    (void)state;
    press(&view, 's');
    assert_int_equal(view.settings.sort, FIELD_COMMAND);
    press(&view, '>');
    assert_int_equal(view.settings.sort, FIELD_PID);
    press(&view, '<');
    press(&view, '<');
    assert_int_equal(view.settings.sort, FIELD_DRAM);
    press(&view, 'r');
    assert_true(view.settings.is_reversed);
    press(&view, FUNCTION_KEY + 6);
    assert_false(view.settings.is_reversed);
    view.settings.sort = FIELD_AGE; /* its column is not on the screen any more */
    press(&view, 's');
    assert_int_equal(view.settings.sort, FIELD_DRAM);
}

static void clicking(void **state)
{
    struct live_view view = shown(3);
    size_t y = view.shown.layout.table.y;

    (void)state;
    view_take(&view, &(struct input){MOUSE_CLICK, 20, y});
    assert_true(view.settings.sort == FIELD_COMMAND && !view.settings.is_reversed);
    view_take(&view, &(struct input){MOUSE_CLICK, 20, y});
    assert_true(view.settings.sort == FIELD_COMMAND && view.settings.is_reversed);
    view_take(&view, &(struct input){MOUSE_CLICK, 7, y}); /* between two headings */
    assert_int_equal(view.settings.sort, FIELD_COMMAND);
    view_take(&view, &(struct input){MOUSE_CLICK, 20, y + 3});
    assert_int_equal(view.index, 2);
    view_take(&view, &(struct input){MOUSE_CLICK, 20, y + 9}); /* below the last */
    assert_int_equal(view.index, 2);
    view_take(&view, &(struct input){MOUSE_CLICK, 2, view.shown.layout.devices.y + 4});
    assert_true(view.focus == FOCUS_DEVICES && view.device_index == 1);
    view_take(&view, &(struct input){MOUSE_CLICK, 999, 999});
}

static void scrolling(void **state)
{
    struct live_view view = shown(30);
    struct line list[30];
    struct lines lines;

    (void)state;
    make_lines(list, 30, &lines);
    press(&view, PAGE_DOWN);
    assert_int_equal(view.index, 9);
    press(&view, GO_END);
    view_settle(&view, &lines, 10);
    assert_true(view.index == 29 && view.first == 20);
    press(&view, ARROW_DOWN);
    assert_int_equal(view.index, 29);
    press(&view, GO_HOME);
    view_settle(&view, &lines, 10);
    assert_true(view.index == 0 && view.first == 0);
    press(&view, ARROW_UP);
    assert_int_equal(view.index, 0);
    view_take(&view, &(struct input){.key = MOUSE_DOWN});
    assert_int_equal(view.index, 3);
}

/* The selected process stays selected wherever it goes; when it is gone, what stands in its place is. */
static void selection_follows(void **state)
{
    struct live_view view = shown(30);
    struct line list[30], other;
    struct lines lines;

    (void)state;
    make_lines(list, 30, &lines);
    press(&view, ARROW_DOWN);
    view_settle(&view, &lines, 10);
    assert_int_equal(view.key.pid, 2);
    other = list[25];
    list[25] = list[1];
    list[1] = other;
    view_settle(&view, &lines, 10);
    assert_true(view.index == 25 && view.first == 16);
    lines.count = 20;
    view_settle(&view, &lines, 10);
    assert_true(view.index == 19 && view.first == 10 && view.key.pid == 20);
    lines.count = 0;
    view_settle(&view, &lines, 10);
    assert_true(view.index == 0 && view.first == 0);
    view_settle(&view, &lines, 0);
}

static void time_travel(void **state)
{
    struct live_view view = shown(3);

    (void)state;
    press(&view, ARROW_LEFT);
    press(&view, ARROW_LEFT);
    press(&view, ARROW_RIGHT);
    assert_int_equal(view.back, 5);
    for (size_t i = 0; i < 1000; i++)
        press(&view, ARROW_LEFT);
    assert_int_equal(view.back, HISTORY_LENGTH - 1);
    for (size_t i = 0; i < 1000; i++)
        press(&view, ARROW_RIGHT);
    assert_int_equal(view.back, 0);
}

static void pages(void **state)
{
    static const struct {
        uint32_t key;
        enum page page;
    } keys[] = {{'?', PAGE_HELP},    {'h', PAGE_HELP},  {FUNCTION_KEY + 1, PAGE_HELP},
                {'b', PAGE_BUFFERS}, {'l', PAGE_LEAKS}, {ENTER, PAGE_DETAIL}};

    (void)state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct live_view view = shown(3);

        view.key.kind = LINE_PROCESS;
        press(&view, keys[i].key);
        assert_int_equal(view.page, keys[i].page);
        press(&view, keys[i].key);
        assert_int_equal(view.page, PAGE_TABLE);
    }
}

static void devices(void **state)
{
    struct live_view view = shown(0);

    (void)state;
    press(&view, ENTER); /* no process to be detailed */
    assert_int_equal(view.page, PAGE_TABLE);
    press(&view, '9'); /* there is no ninth */
    assert_false(view.has_device);
    press(&view, TAB);
    press(&view, ARROW_DOWN);
    assert_int_equal(view.device_index, 1);
    view.shown.selected_device = 5;
    press(&view, ENTER);
    assert_true(view.has_device && view.device == 5);
    press(&view, ENTER);
    assert_false(view.has_device);
    press(&view, '2');
    assert_true(view.has_device && view.device == 5);
    press(&view, '0');
    assert_false(view.has_device);
}

static void looks(void **state)
{
    struct live_view view = shown(3);

    (void)state;
    type(&view, "tz");
    assert_true(view.settings.is_tree && view.is_frozen);
    type(&view, "tz");
    assert_true(!view.settings.is_tree && !view.is_frozen);
    press(&view, 'c');
    assert_int_equal(view.settings.fullness, FULLNESS_FULL);
    type(&view, "cc");
    assert_int_equal(view.settings.fullness, FULLNESS_AUTO);
    press(&view, CTRL_L);
    assert_true(view.must_redraw && !view.must_quit);
    press(&view, 'k'); /* nobody is to be killed */
    press(&view, FUNCTION_KEY + 9);
    assert_false(view.must_quit);
}

/* A line stays folded whatever else comes and goes; * is all processes. */
static void folding(void **state)
{
    const struct line_key user = {.kind = LINE_USER, .uid = 5}, other = {.kind = LINE_PROCESS, .pid = 9};
    struct live_view view = shown(3);
    struct folds *folds = &view.folds;

    (void)state;
    view.key = (struct line_key){.kind = LINE_PROCESS, .pid = 7};
    press(&view, '-');
    assert_true(folds->count == 0 && strstr(view.message, "tree")); /* there is none */
    press(&view, 't');
    press(&view, '-');
    press(&view, '-');
    assert_true(folds_has(folds, &view.key) && !folds_has(folds, &other) && folds->count == 1);
    press(&view, ' ');
    assert_false(folds_has(folds, &view.key));
    press(&view, ' ');
    press(&view, '+');
    assert_true(!folds_has(folds, &view.key) && folds->count == 0);
    press(&view, '*');
    assert_true(folds_has(folds, &view.key) && folds_has(folds, &other) && !folds_has(folds, &user));
    press(&view, '+');
    assert_true(!folds_has(folds, &view.key) && folds_has(folds, &other));
    press(&view, '*');
    assert_false(folds_has(folds, &other));
    view.key.kind = LINE_REGION; /* has nothing below it */
    press(&view, '-');
    assert_int_equal(folds->count, 0);
    view.shown.lines = 0;
    view.key = user;
    press(&view, '-');
    assert_int_equal(folds->count, 0);
}

static void very_many_folds(void **state)
{
    struct folds folds = {0};

    (void)state;
    for (int32_t pid = 1; pid <= FOLDS_MAX + 10; pid++)
        folds_set(&folds, &(struct line_key){.kind = LINE_PROCESS, .pid = pid}, true);
    assert_int_equal(folds.count, FOLDS_MAX);
    assert_false(folds_has(&folds, &(struct line_key){.kind = LINE_PROCESS, .pid = 10}));
    assert_true(folds_has(&folds, &(struct line_key){.kind = LINE_PROCESS, .pid = 11}));
    folds_set(&folds, &(struct line_key){.kind = LINE_PROCESS, .pid = 11}, false);
    assert_int_equal(folds.count, FOLDS_MAX - 1);
    assert_true(folds_has(&folds, &(struct line_key){.kind = LINE_PROCESS, .pid = FOLDS_MAX + 10}));
}

/* Before these a picture is drawn, when others came in the same read. */
static void keys_of_a_line(void **state)
{
    static const uint32_t of_a_line[] = {ENTER, ' ', '+', '-'};
    static const uint32_t others[] = {ARROW_DOWN, ARROW_UP, PAGE_DOWN, GO_END, '*', 't', 'q', MOUSE_CLICK, MOUSE_DOWN};

    (void)state;
    for (size_t i = 0; i < sizeof(of_a_line) / sizeof(of_a_line[0]); i++)
        assert_true(view_goes_by_line(&(struct input){.key = of_a_line[i]}));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(view_goes_by_line(&(struct input){.key = others[i]}));
}

/* From step to step, and from the last to the first; one of the command line's own is left. */
static void refreshing(void **state)
{
    struct live_view view = shown(3);

    (void)state;
    press(&view, FUNCTION_KEY + 2);
    for (size_t i = 0; i < SETUP_INTERVAL; i++)
        press(&view, ARROW_DOWN);
    press(&view, ARROW_RIGHT);
    assert_int_equal(view.settings.interval, 2 * SECOND);
    press(&view, ARROW_LEFT);
    press(&view, ARROW_LEFT);
    assert_int_equal(view.settings.interval, SECOND / 2);
    for (size_t i = 0; i < 3; i++)
        press(&view, ARROW_LEFT);
    assert_int_equal(view.settings.interval, 60 * SECOND);
    press(&view, ARROW_RIGHT);
    assert_int_equal(view.settings.interval, SECOND / 10);
    view.settings.interval = 3 * SECOND;
    press(&view, ARROW_RIGHT);
    assert_int_equal(view.settings.interval, 5 * SECOND);
    view.settings.interval = 86400 * SECOND;
    press(&view, ARROW_LEFT);
    assert_int_equal(view.settings.interval, 60 * SECOND);
}

static void typing(void **state)
{
    struct live_view view = shown(3);

    (void)state;
    type(&view, "/dram>1Gq");
    assert_true(view.is_typing && view.problem && !view.must_quit);
    press(&view, ENTER); /* not as long as it makes no sense */
    assert_true(view.is_typing);
    press(&view, BACKSPACE);
    assert_true(!view.problem && view.expression.count == 1 && view.expression.terms[0].field == FIELD_DRAM);
    press(&view, ENTER);
    assert_false(view.is_typing);
    assert_string_equal(view.filter_text, "dram>1G");
    type(&view, "/ & pid>");
    press(&view, ESCAPE);
    assert_string_equal(view.filter_text, "dram>1G");
    assert_true(!view.problem && view.expression.count == 1);
    press(&view, FUNCTION_KEY + 4);
    press(&view, CTRL_U);
    press(&view, BACKSPACE);
    for (size_t i = 0; i < 3 * FILTER_TEXT_MAX; i++)
        press(&view, 'x');
    assert_int_equal(strlen(view.filter_text), FILTER_TEXT_MAX);
}

/* ---- Settings ---- */

static void setup_page(void **state)
{
    struct live_view view = shown(3);

    (void)state;
    press(&view, FUNCTION_KEY + 2);
    assert_int_equal(view.page, PAGE_SETUP);
    press(&view, ARROW_RIGHT);
    assert_int_equal(view.settings.fullness, FULLNESS_FULL);
    press(&view, ARROW_LEFT);
    press(&view, ARROW_LEFT);
    assert_int_equal(view.settings.fullness, FULLNESS_COMPACT);
    press(&view, ARROW_DOWN);
    press(&view, ARROW_LEFT);
    assert_int_equal(view.settings.sort, FIELD_STATE);
    press(&view, ARROW_DOWN);
    press(&view, ENTER);
    assert_true(view.settings.is_reversed);
    for (size_t i = 0; i < 99; i++)
        press(&view, ARROW_DOWN);
    press(&view, ' ');
    assert_true(view.settings.is_hidden[FIELD_AGE] && !view.settings.is_hidden[FIELD_COMMAND]);
    assert_false(view.must_save);
    press(&view, FUNCTION_KEY + 12);
    assert_true(view.must_save);
    press(&view, FUNCTION_KEY + 2);
    assert_int_equal(view.page, PAGE_TABLE);
}

static struct settings parse_settings(const char *text)
{
    struct settings settings = settings_default();
    FILE *in = fmemopen((void *)text, strlen(text), "r");

    assert_non_null(in);
    settings_parse(in, &settings);
    fclose(in);
    return settings;
}

static void settings_files(void **state)
{
    struct settings settings = {.fullness = FULLNESS_COMPACT,
                                .sort = FIELD_GROWTH,
                                .is_tree = true,
                                .interval = 2 * SECOND + SECOND / 2,
                                .is_hidden = {[FIELD_L1_SMALL] = true, [FIELD_AGE] = true}};
    struct settings usual_ones = settings_default(), read;
    char text[256] = "";
    FILE *out = fmemopen(text, sizeof(text), "w");

    (void)state;
    assert_non_null(out);
    settings_write(out, &settings);
    fclose(out);
    assert_string_equal(
        text, "[live]\ndevices=compact\nsort=growth\nreverse=no\ntree=yes\ninterval=2.5\nhide=l1_small,age\n");
    read = parse_settings(text);
    assert_memory_equal(&read, &settings, sizeof(read));
    read = parse_settings("interval=0\ninterval=x\nsort=colour\ndevices=7\nreverse=perhaps\n# "
                          "tree=yes\nhide=pid,command,nonsense,,\nnonsense\n=\n\xff");
    assert_memory_equal(&read, &usual_ones, sizeof(read));
}

/* ---- The language of filters ---- */

static struct line sample_line(struct process_row *row)
{
    static const struct tt_alloc_usage usage[] = {{.device = 3}};

    *row = (struct process_row){
        .facts = {.pid = 4177, .command = "python serve.py --model llama", .usage = usage, .usage_count = 1}};
    return (struct line){
        .row = row,
        .user = "mira",
        .values = {[FIELD_PID] = {VALUE_KNOWN, 4177},
                   [FIELD_DRAM] = {VALUE_KNOWN, INT64_C(2) << 30},
                   [FIELD_TRACE] = {VALUE_UNUSED, 0},
                   [FIELD_AGE] = {VALUE_KNOWN, INT64_C(300000000000)}},
    };
}

static bool matches(const char *text)
{
    struct process_row row;
    struct line line = sample_line(&row);
    struct expression expression;
    const char *problem;

    assert_int_equal(expression_parse(text, &expression, &problem), 0);
    return expression_matches(&line, &expression);
}

static void filters(void **state)
{
    static const char *const true_ones[] = {
        "",
        "LLAMA",
        "mira",
        "417",
        "reporting",
        "user==mira & dram>1G",
        "dram>=2G",
        "dram<=2G",
        "dram==2g",
        "dram=2048M",
        "dram<2.5G",
        "dram>2147483647",
        "trace<1K",
        "dev==3",
        "dev!=1",
        "age==5m",
        "age>4m & age<1h",
        "age==300",
        "command~serve",
        "user!=jun",
        "pid==4177",
        "state==reporting",
        " user = mira ",
        "& mira &",
        "serve & user~ir",
    };
    static const char *const false_ones[] = {
        "jun",     "user==mir", "user==mira & dram>2G", "dram!=2G", "dev==1", "dev!=3", "bufs>0", "bufs==0",
        "bufs!=1", "l1<1G",     "state==untracked",     "pid<4177",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(true_ones) / sizeof(true_ones[0]); i++)
        assert_true(matches(true_ones[i]));
    for (size_t i = 0; i < sizeof(false_ones) / sizeof(false_ones[0]); i++)
        assert_false(matches(false_ones[i]));
}

static void bad_filters(void **state)
{
    static const char *const bad_ones[] = {
        "colour==red", "dram>",  "dram>x", "dram>1X", "dram>1GG", "pid>1K",     "bufs>1m",
        "user>mira",   "dram~1", "==1",    "age>5K",  "dram>nan", "dram>1e300", "a&b&c&d&e&f&g&h&i",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad_ones) / sizeof(bad_ones[0]); i++) {
        struct expression expression = {.count = 77};
        const char *problem = NULL;

        assert_int_equal(expression_parse(bad_ones[i], &expression, &problem), -EINVAL);
        assert_non_null(problem);
        assert_int_equal(expression.count, 77);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(quitting),       cmocka_unit_test(stepping_back),  cmocka_unit_test(sorting),
        cmocka_unit_test(clicking),       cmocka_unit_test(scrolling),      cmocka_unit_test(selection_follows),
        cmocka_unit_test(time_travel),    cmocka_unit_test(pages),          cmocka_unit_test(devices),
        cmocka_unit_test(looks),          cmocka_unit_test(folding),        cmocka_unit_test(very_many_folds),
        cmocka_unit_test(keys_of_a_line), cmocka_unit_test(refreshing),     cmocka_unit_test(typing),
        cmocka_unit_test(setup_page),     cmocka_unit_test(settings_files), cmocka_unit_test(filters),
        cmocka_unit_test(bad_filters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
