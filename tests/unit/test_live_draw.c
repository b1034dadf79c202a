/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_smi_live */

/*
 * Pictures of the live view, drawn without a terminal: word for word at some sizes (the files in screens/), and at all
 * sizes that nothing is drawn over anything else. TT_ALLOC_NEW_SCREENS=1 writes the files anew, to be read before they
 * are committed.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smi/live/draw.h"
#include "smi/live/spark.h"
#include "smi/sample/users.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/test_smi_sample.h"

static const struct filter all = {.region = -1};
static const struct settings usual = {.sort = FIELD_DRAM, .interval = SECOND};

/* A model of the sample, with a history that rises, has a gap, and falls, and with processes that were seen before. */
struct scene {
    struct snapshot snapshot;
    struct history history;
    struct growth growth;
    struct events events;
    struct past past;
    struct live_model model;
    struct live_view view;
};

static void fill_history(struct history *history)
{
    uint64_t now = SAMPLE_TIME / SECOND;

    history_advance(history, now);
    for (uint64_t ago = 0; ago < 600; ago++) {
        uint64_t bytes = ago < 300 ? 9 * GIB - ago * 20 * MIB : (ago - 300) * 30 * MIB;

        if (ago > 400 && ago < 450)
            continue;
        assert_int_equal(history_set(history, 0, TT_ALLOC_POOL_DRAM, now - ago, bytes), 0);
        assert_int_equal(history_set(history, 0, TT_ALLOC_POOL_L1, now - ago, ago % 60 * MIB), 0);
    }
}

/* The tests held less half a minute ago. */
static void fill_growth(struct scene *scene)
{
    uint64_t now = scene->snapshot.time;
    struct tt_alloc_usage less[SAMPLE_COUNT(usage_of_tests)];
    const struct tt_alloc_usage *usage = sample_process_rows[0].facts.usage;

    memcpy(less, usage_of_tests, sizeof(less));
    less[2].bytes -= 100 * MIB;
    sample_process_rows[0].facts.usage = less;
    scene->snapshot.time = now - 30 * SECOND;
    assert_int_equal(growth_note(&scene->growth, &scene->snapshot), 0);
    sample_process_rows[0].facts.usage = usage;
    scene->snapshot.time = now;
    assert_int_equal(growth_note(&scene->growth, &scene->snapshot), 0);
}

/* Five seconds ago the tests held less, the trainer lived, and nobody had a name with escapes in it. */
static void fill_past(struct scene *scene)
{
    struct tt_alloc_usage less[SAMPLE_COUNT(usage_of_tests)];
    struct process_row tests = sample_process_rows[0], trainer = sample_ended_rows[1];
    const struct process_row *rows[] = {&sample_process_rows[1], &tests, &trainer};
    struct snapshot before = scene->snapshot;

    memcpy(less, usage_of_tests, sizeof(less));
    less[0].bytes = less[2].bytes = 448 * MIB;
    tests.facts.usage = less;
    trainer.tracking = TRACKING_REPORTING;
    trainer.facts.end_time = 0;
    before.time -= 5 * SECOND;
    before.processes = rows;
    before.process_count = SAMPLE_COUNT(rows);
    before.leak_count = 0;
    before.coverage.leaks = 0;
    assert_int_equal(past_note(&scene->past, &before, &scene->snapshot), 0);
}

static void scene_make(struct scene *scene)
{
    *scene = (struct scene){.snapshot = sample_make(&all), .view = view_new(&usual)};
    sample_process_rows[0].facts.pid = 51203;
    fill_history(&scene->history);
    fill_growth(scene);
    fill_past(scene);
    assert_int_equal(events_note(&scene->events, &scene->snapshot, &all), 0);
    scene->model = (struct live_model){
        .snapshot = &scene->snapshot,
        .filter = &all,
        .history = &scene->history,
        .growth = &scene->growth,
        .events = &scene->events,
        .past = &scene->past,
        .now = SAMPLE_TIME,
    };
}

static void scene_clear(struct scene *scene)
{
    snapshot_clear(&scene->snapshot);
    history_clear(&scene->history);
    growth_clear(&scene->growth);
    events_clear(&scene->events);
    past_clear(&scene->past);
    users_clear();
}

/* free() it. */
static char *draw(struct scene *scene, size_t width, size_t height, bool utf8)
{
    struct screen screen;
    char *text;

    assert_int_equal(screen_init(&screen, width, height, utf8), 0);
    assert_int_equal(draw_frame(&screen, &scene->model, &scene->view), 0);
    assert_int_equal(screen.overdrawn, 0);
    text = screen_text(&screen);
    assert_non_null(text);
    screen_clear(&screen);
    return text;
}

static char *path_of(const char *name)
{
    char *path;

    assert_true(asprintf(&path, "%.*s/screens/%s.txt", (int)(strrchr(__FILE__, '/') - __FILE__), __FILE__, name) > 0);
    return path;
}

static void write_screen(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void check_screen(struct scene *scene, size_t width, size_t height, bool utf8, const char *name)
{
    char *text = draw(scene, width, height, utf8), *path = path_of(name), wanted[65536];
    FILE *file;
    size_t length;

    if (getenv("TT_ALLOC_NEW_SCREENS"))
        write_screen(path, text);
    file = fopen(path, "r");
    assert_non_null(file);
    length = fread(wanted, 1, sizeof(wanted) - 1, file);
    fclose(file);
    wanted[length] = '\0';
    assert_string_equal(text, wanted);
    free(path);
    free(text);
}

static void press(struct scene *scene, uint32_t key)
{
    view_take(&scene->view, &(struct input){.key = key});
}

static void golden_sizes(void **state)
{
    struct scene scene;

    (void)state;
    scene_make(&scene);
    check_screen(&scene, 80, 24, true, "table-80x24");
    check_screen(&scene, 80, 24, false, "table-80x24-ascii");
    check_screen(&scene, 120, 40, true, "table-120x40");
    check_screen(&scene, 40, 10, false, "table-40x10-ascii");
    scene_clear(&scene);
}

static void golden_views(void **state)
{
    struct scene scene;

    (void)state;
    scene_make(&scene);
    press(&scene, 't');
    check_screen(&scene, 100, 40, false, "tree-100x40-ascii");
    press(&scene, '-');
    press(&scene, ARROW_DOWN);
    press(&scene, ARROW_DOWN);
    free(draw(&scene, 100, 40, false));
    press(&scene, '-'); /* a process; the next line is then another one */
    check_screen(&scene, 100, 40, false, "folded-100x40-ascii");
    press(&scene, 't');
    press(&scene, GO_HOME);
    free(draw(&scene, 80, 24, false));
    press(&scene, ENTER);
    check_screen(&scene, 80, 24, false, "detail-80x24-ascii");
    press(&scene, 'l');
    check_screen(&scene, 80, 24, false, "leaks-80x24-ascii");
    press(&scene, '?');
    check_screen(&scene, 80, 50, false, "help-80x50-ascii");
    press(&scene, FUNCTION_KEY + 2);
    check_screen(&scene, 80, 24, false, "setup-80x24-ascii");
    scene_clear(&scene);
}

/* Who was there then, as far as it was seen. */
static void golden_past(void **state)
{
    struct scene scene;

    (void)state;
    scene_make(&scene);
    press(&scene, ARROW_LEFT);
    check_screen(&scene, 80, 24, false, "back-80x24-ascii");
    press(&scene, ARROW_DOWN);
    free(draw(&scene, 80, 24, false));
    press(&scene, ENTER);
    check_screen(&scene, 80, 24, false, "back-detail-80x24-ascii");
    press(&scene, ARROW_LEFT); /* also there */
    check_screen(&scene, 80, 24, false, "back-unseen-detail-80x24-ascii");
    press(&scene, ESCAPE);
    check_screen(&scene, 80, 24, false, "back-unseen-80x24-ascii");
    check_screen(&scene, 40, 10, false, "back-unseen-40x10-ascii");
    press(&scene, 'l'); /* of now */
    check_screen(&scene, 80, 24, false, "leaks-80x24-ascii");
    scene_clear(&scene);
}

/* Who is selected stays selected when he ends, and when one goes back to where he lived. */
static void selected_in_the_past(void **state)
{
    struct scene scene;
    char *text;

    (void)state;
    scene_make(&scene);
    free(draw(&scene, 80, 24, false));
    press(&scene, ARROW_DOWN);
    press(&scene, ARROW_DOWN);
    free(draw(&scene, 80, 24, false));
    assert_int_equal(scene.view.key.pid, 49981);
    press(&scene, ENTER);
    text = draw(&scene, 80, 24, false);
    assert_non_null(strstr(text, "pid 49981   user root   exited"));
    free(text);
    press(&scene, ARROW_LEFT);
    text = draw(&scene, 80, 24, false);
    assert_non_null(strstr(text, "pid 49981   user root   reporting"));
    free(text);
    scene_clear(&scene);
}

/* What is longer than a line goes on in the next one, where it is to be read and not compared. */
static void narrow_pages(void **state)
{
    struct scene scene;
    char *text;

    (void)state;
    scene_make(&scene);
    press(&scene, '?');
    text = draw(&scene, 40, 90, false);
    assert_non_null(strstr(text, "  Esc              one step back: page,\n      filter, device, time; then quit\n"));
    assert_non_null(strstr(text, "growth of the dram pool within"));
    free(text);
    press(&scene, FUNCTION_KEY + 2);
    text = draw(&scene, 40, 30, false);
    assert_non_null(strstr(text, "F12 saves it\n"));
    assert_non_null(strstr(text, "column L1_SM    shown if it fits\n"));
    free(text);
    press(&scene, ESCAPE);
    free(draw(&scene, 80, 24, false));
    press(&scene, ENTER);
    text = draw(&scene, 40, 30, false);
    assert_non_null(strstr(text, "command /opt/python/bin/python serve.py\n        --model llama-70b\n"));
    free(text);
    scene_clear(&scene);
}

/* Of a long filter the end is to be seen, where one types, and what is wrong with it. */
static void a_long_filter(void **state)
{
    static const char typed[] = "/command~llama & user==mira & dram>12Gx";
    struct scene scene;
    char *text;

    (void)state;
    scene_make(&scene);
    for (const char *at = typed; *at; at++)
        press(&scene, (uint32_t)*at);
    text = draw(&scene, 40, 14, false);
    assert_non_null(strstr(text, "dram>12Gx"));
    assert_non_null(strstr(text, "that is no number"));
    assert_null(strstr(text, "filter:")); /* this one is not obeyed yet */
    free(text);
    press(&scene, BACKSPACE);
    press(&scene, ENTER);
    press(&scene, ARROW_LEFT);
    text = draw(&scene, 60, 14, false);
    assert_non_null(strstr(text, "0 processes  at 14:03:06  filter: command~llama & user"));
    free(text);
    scene_clear(&scene);
}

/* A server that began after the moment was not up then. */
static void before_the_server(void **state)
{
    struct scene scene;
    char *text;

    (void)state;
    scene_make(&scene);
    scene.snapshot.uptime = 3 * SECOND;
    text = draw(&scene, 120, 24, false);
    assert_non_null(strstr(text, "server up 3s"));
    free(text);
    press(&scene, ARROW_LEFT);
    text = draw(&scene, 120, 24, false);
    assert_null(strstr(text, "server up"));
    free(text);
    scene_clear(&scene);
}

/* Nothing is shown in the past that was still to come. */
static void no_event_of_the_future(void **state)
{
    struct events events = {.count = 2};
    bool chosen[EVENTS_MAX];

    (void)state;
    events.list[0] = (struct event){.time = 3 * SECOND};
    events.list[1] = (struct event){.time = 9 * SECOND, .ink = INK_RED};
    events_choose(&events, 2, 5 * SECOND, 5 * SECOND, chosen);
    assert_true(chosen[0] && !chosen[1]);
}

/* What the server said last stays, dimmed, with its age. */
static void server_gone(void **state)
{
    struct scene scene;
    struct screen screen;

    (void)state;
    scene_make(&scene);
    scene.model.error = -ECONNREFUSED;
    scene.model.lost_since = SAMPLE_TIME;
    scene.model.now = SAMPLE_TIME + 12 * SECOND;
    check_screen(&scene, 80, 24, false, "gone-80x24-ascii");
    assert_int_equal(screen_init(&screen, 80, 24, false), 0);
    assert_int_equal(draw_frame(&screen, &scene.model, &scene.view), 0);
    for (size_t x = 0; x < 80; x++)
        assert_true(screen_at(&screen, x, 3)->attributes & PEN_DIM);
    assert_false(screen_at(&screen, 0, 23)->attributes & PEN_DIM); /* the keys work */
    screen_clear(&screen);
    scene_clear(&scene);
}

/* Where the first line of the first card says that the picture stands in time; the width of the screen: nowhere. */
static size_t find_mark(const struct screen *screen)
{
    size_t x = 0;

    while (x < screen->width && !(screen_at(screen, x, 2)->attributes & PEN_REVERSE))
        x++;
    return x;
}

static void check_past_devices(struct scene *scene, bool is_kept, size_t mark)
{
    struct screen screen;
    char *text;

    assert_int_equal(screen_init(&screen, 110, 24, false), 0);
    assert_int_equal(draw_frame(&screen, &scene->model, &scene->view), 0);
    text = screen_text(&screen);
    assert_non_null(text);
    assert_int_equal(strstr(text, "8.9/12.0G") != NULL, is_kept);
    assert_int_equal(find_mark(&screen), mark);
    free(text);
    screen_clear(&screen);
}

/* Without a server the picture stands and its history goes on: back is before the picture, as long as that is kept. */
static void back_without_a_server(void **state)
{
    const size_t spark = 75, width = 35;
    struct scene scene;

    (void)state;
    scene_make(&scene);
    press(&scene, ARROW_LEFT);
    for (size_t gone = 0; gone < HISTORY_LENGTH - 5; gone += 100) {
        history_advance(&scene.history, SAMPLE_TIME / SECOND + gone);
        check_past_devices(&scene, true, spark + (HISTORY_LENGTH - 1 - 5 - gone) * width / HISTORY_LENGTH);
    }
    history_advance(&scene.history, SAMPLE_TIME / SECOND + HISTORY_LENGTH - 5);
    check_past_devices(&scene, false, 110);
    scene_clear(&scene);
}

/* At any size, in any view: nothing over anything, every line as long as the screen at most, no control character. */
static void every_size(void **state)
{
    static const uint32_t views[] = {0, 't', '?', 'l', 'b', ENTER, TAB, ARROW_LEFT, 'c', '/', '2', FUNCTION_KEY + 2};
    struct scene scene;

    (void)state;
    scene_make(&scene);
    for (size_t i = 0; i < SAMPLE_COUNT(views); i++) {
        scene.view = view_new(&usual);
        free(draw(&scene, 80, 24, false));
        press(&scene, views[i]);
        for (size_t width = 1; width <= 300; width += width < 130 ? 3 : 20) {
            for (size_t height = 1; height <= 100; height += height < 30 ? 3 : 20) {
                char *text = draw(&scene, width, height, width % 2);

                for (const char *at = text; *at; at++)
                    assert_true(*at == '\n' || (unsigned char)*at >= ' ');
                free(text);
            }
        }
    }
    scene_clear(&scene);
}

static bool is_ascii(const char *text)
{
    while (*text && (unsigned char)*text < 0x80)
        text++;
    return *text == '\0';
}

static void ascii_only(void **state)
{
    static const uint32_t views[] = {0, 't', '?', 'l', ENTER};
    struct scene scene;

    (void)state;
    scene_make(&scene);
    for (size_t i = 0; i < SAMPLE_COUNT(views); i++) {
        char *text;

        scene.view = view_new(&usual);
        free(draw(&scene, 80, 24, false));
        press(&scene, views[i]);
        text = draw(&scene, 120, 40, false);
        assert_true(is_ascii(text));
        free(text);
    }
    scene_clear(&scene);
}

/* ---- The parts ---- */

static void bars(void **state)
{
    struct bar bar = {.size = 100, .parts = {50, 25, 0}, .count = 3, .has_peak = true, .peak = 90};
    size_t cells[BAR_PARTS_MAX + 1];

    (void)state;
    bar_divide(&bar, 20, cells);
    assert_true(cells[0] == 10 && cells[1] == 5 && cells[2] == 0 && cells[3] == 5);
    bar = (struct bar){.size = 1000, .parts = {1, 1, 1}, .count = 3};
    bar_divide(&bar, 20, cells); /* what holds something is to be seen */
    assert_true(cells[0] == 1 && cells[1] == 1 && cells[2] == 1 && cells[3] == 17);
    bar_divide(&bar, 2, cells);
    assert_true(cells[0] == 1 && cells[1] == 1 && cells[2] == 0 && cells[3] == 0);
    bar = (struct bar){.size = 10, .parts = {UINT64_MAX, UINT64_MAX, 5}, .count = 3};
    bar_divide(&bar, 20, cells); /* more than there is */
    assert_true(cells[0] == 20 && cells[3] == 0);
    bar = (struct bar){.parts = {5}, .count = 1};
    bar_divide(&bar, 20, cells); /* of an unknown size */
    assert_int_equal(cells[3], 20);
    assert_true(bar_share(&bar) < 0);
    bar = (struct bar){.size = 100, .is_known = true, .parts = {50}, .count = 1};
    assert_true(bar_share(&bar) == 0.5);
}

/* What a device holds that has an untracked process is not known, which must not look like nothing. */
static void unknown_is_not_empty(void **state)
{
    struct scene scene;
    char *text;

    (void)state;
    scene_make(&scene);
    sample_device_rows[1].facts.usage_count = 0;
    sample_device_rows[1].is_complete = false;
    for (size_t width = 20; width <= 300; width += 10) {
        text = draw(&scene, width, 24, false);
        assert_null(strstr(text, "[--"));
        assert_non_null(strstr(text, "?/12.0G"));
        free(text);
    }
    scene.view.settings.fullness = FULLNESS_COMPACT;
    text = draw(&scene, 80, 8, false);
    assert_non_null(strstr(text, " 1 ?"));
    free(text);
    scene_clear(&scene);
}

static void sparks(void **state)
{
    const uint64_t values[] = {SPARK_UNKNOWN, SPARK_UNKNOWN, 0, 0, 1, 50, 100, 20};
    struct screen screen;
    struct area area;
    char *text;

    (void)state;
    assert_int_equal(spark_level(SPARK_UNKNOWN, 100), SPARK_GAP);
    assert_int_equal(spark_level(0, 100), 0);
    assert_int_equal(spark_level(1, 1000), 1);
    assert_int_equal(spark_level(100, 100), SPARK_LEVELS);
    assert_int_equal(spark_level(UINT64_MAX - 1, 100), SPARK_LEVELS);
    assert_int_equal(screen_init(&screen, 8, 1, false), 0);
    area = screen_area(&screen);
    spark_draw(&area, 0, 0, 4, values, 8, 100, PLAIN);
    spark_draw(&area, 4, 0, 4, values, 4, 0, PLAIN);
    text = screen_text(&screen);
    assert_string_equal(text, " _~^  __\n");
    free(text);
    screen_clear(&screen);
}

static void histories(void **state)
{
    struct history history = {0};
    uint64_t values[3];

    (void)state;
    history_advance(&history, 1000);
    assert_int_equal(history_set(&history, 7, 0, 1000, 5), 0);
    assert_int_equal(history_set(&history, 7, 0, 1001, 5), 0);  /* is still to come */
    assert_int_equal(history_set(&history, 7, 99, 1000, 5), 0); /* no such pool is kept */
    history_advance(&history, 1002);
    assert_int_equal(history_set(&history, 7, 0, 1002, 9), 0);
    history_read(&history, 7, 0, 0, 3, values);
    assert_true(values[0] == 5 && values[1] == HISTORY_UNKNOWN && values[2] == 9);
    history_read(&history, 8, 0, 0, 3, values);
    assert_true(values[0] == HISTORY_UNKNOWN && values[2] == HISTORY_UNKNOWN);
    history_read(&history, 7, 0, HISTORY_LENGTH - 1, 3, values);
    assert_true(values[2] == HISTORY_UNKNOWN);
    history_advance(&history, 1002 + HISTORY_LENGTH);
    history_read(&history, 7, 0, HISTORY_LENGTH - 1, 1, values);
    assert_true(values[0] == HISTORY_UNKNOWN);
    history_advance(&history, 500); /* somebody set the clock */
    assert_int_equal(history_set(&history, 7, 0, 500, 3), 0);
    history_read(&history, 7, 0, 0, 2, values);
    assert_true(values[0] == HISTORY_UNKNOWN && values[1] == 3);
    history_clear(&history);
}

/* Each end and each peak is told once; a peak when it is over. */
static void events_once(void **state)
{
    struct scene scene;
    struct tt_alloc_usage usage[SAMPLE_COUNT(usage_of_device_0)];
    size_t before;

    (void)state;
    scene_make(&scene);
    assert_int_equal(scene.events.count, 2);
    assert_non_null(strstr(scene.events.list[0].text, "pid 49981 (python, root) left 256M of DRAM on device 1"));
    before = scene.events.count;
    assert_int_equal(events_note(&scene.events, &scene.snapshot, &all), 0);
    assert_int_equal(scene.events.count, before);
    memcpy(usage, usage_of_device_0, sizeof(usage));
    sample_device_rows[0].facts.usage = usage;
    usage[4].bytes = usage[4].peak_bytes = 10000 * MIB; /* still rising */
    assert_int_equal(events_note(&scene.events, &scene.snapshot, &all), 0);
    assert_int_equal(scene.events.count, before);
    usage[4].bytes = 9000 * MIB;
    assert_int_equal(events_note(&scene.events, &scene.snapshot, &all), 0);
    assert_int_equal(events_note(&scene.events, &scene.snapshot, &all), 0);
    assert_int_equal(scene.events.count, before + 1);
    assert_string_equal(scene.events.list[before].text, "device 0 DRAM peak 9.8G");
    scene.snapshot.error = -ECONNRESET;
    assert_int_equal(events_note(&scene.events, &scene.snapshot, &all), 0);
    assert_string_equal(scene.events.list[before + 1].text, "the server does not answer any more");
    for (size_t i = 0; i < 2 * EVENTS_MAX; i++) {
        scene.snapshot.error = scene.snapshot.error ? 0 : -ECONNRESET;
        assert_int_equal(events_note(&scene.events, &scene.snapshot, &all), 0);
    }
    assert_int_equal(scene.events.count, EVENTS_MAX);
    scene_clear(&scene);
}

/* The chips of a mesh reach their peak together, and that is one line. */
static void peaks_of_a_mesh(void **state)
{
    struct tt_alloc_usage usage[4] = {0};
    struct device_row rows[4];
    const struct device_row *devices[4];
    struct snapshot snapshot = {.devices = devices, .device_count = 4, .time = SECOND};
    struct events events = {0};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        usage[i] = (struct tt_alloc_usage){.index = TT_ALLOC_POOL_DRAM, .is_pool = true, .peak_bytes = MIB};
        rows[i] = (struct device_row){.facts = {.device = 5 + (int32_t)i, .usage = &usage[i], .usage_count = 1}};
        rows[i].has_peaks = true;
        devices[i] = &rows[i];
    }
    assert_int_equal(events_note(&events, &snapshot, &all), 0);
    for (size_t i = 0; i < 4; i++)
        usage[i].peak_bytes = i == 1 ? 3 * MIB : 2 * MIB;
    assert_int_equal(events_note(&events, &snapshot, &all), 0);
    assert_int_equal(events.count, 2);
    assert_string_equal(events.list[0].text, "devices 5,7,8 DRAM peak 2.0M");
    assert_string_equal(events.list[1].text, "device 6 DRAM peak 3.0M");
    events_clear(&events);
}

/* A leak is seen for a minute, whatever else happens; then the newest count. */
static void a_leak_stays(void **state)
{
    struct events events = {.count = 4};
    bool chosen[EVENTS_MAX];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        events.list[i] = (struct event){.time = i * SECOND, .ink = i == 1 ? INK_RED : INK_YELLOW};
    events_choose(&events, 2, 5 * SECOND, UINT64_MAX, chosen);
    assert_true(!chosen[0] && chosen[1] && !chosen[2] && chosen[3]);
    events_choose(&events, 2, 61 * SECOND, UINT64_MAX, chosen);
    assert_true(!chosen[0] && !chosen[1] && chosen[2] && chosen[3]);
    events_choose(&events, 0, 5 * SECOND, UINT64_MAX, chosen);
    assert_false(chosen[1]);
    events_choose(&events, 9, 5 * SECOND, UINT64_MAX, chosen);
    assert_true(chosen[0] && chosen[1] && chosen[2] && chosen[3] && !chosen[4]);
}

static void growths(void **state)
{
    struct scene scene;
    uint64_t readings[GROWTH_READINGS];
    int64_t bytes = 7;

    (void)state;
    scene_make(&scene);
    assert_true(growth_get(&scene.growth, &sample_process_rows[0], &bytes));
    assert_int_equal(bytes, 100 * MIB);
    growth_read(&scene.growth, &sample_process_rows[0], TT_ALLOC_POOL_DRAM, readings);
    assert_true(readings[GROWTH_READINGS - 1] == 512 * MIB && readings[GROWTH_READINGS - 7] == 412 * MIB);
    assert_true(readings[0] == UINT64_MAX && readings[GROWTH_READINGS - 2] == UINT64_MAX);
    assert_false(growth_get(&scene.growth, &sample_process_rows[2], &bytes)); /* of no known PID */
    for (size_t i = 0; i < 100; i++) { /* as much as now for long: no growth in the last minute */
        scene.snapshot.time += 5 * SECOND;
        assert_int_equal(growth_note(&scene.growth, &scene.snapshot), 0);
    }
    assert_true(growth_get(&scene.growth, &sample_process_rows[0], &bytes));
    assert_int_equal(bytes, 0);
    growth_read(&scene.growth, &sample_process_rows[0], TT_ALLOC_POOL_DRAM, readings);
    assert_int_equal(readings[0], 512 * MIB);
    scene.snapshot.process_count = 0;
    scene.snapshot.time += SECOND;
    assert_int_equal(growth_note(&scene.growth, &scene.snapshot), 0);
    assert_int_equal(scene.growth.count, 0);
    scene_clear(&scene);
}

/* Samples do not come at full steps; there is a gap only where there was none for long. */
static void growth_without_gaps(void **state)
{
    struct scene scene;
    uint64_t readings[GROWTH_READINGS];

    (void)state;
    scene_make(&scene);
    growth_clear(&scene.growth);
    for (size_t i = 0; i < 400; i++) {
        scene.snapshot.time += SECOND - 1000000;
        if (i >= 300 && i < 330)
            continue;
        assert_int_equal(growth_note(&scene.growth, &scene.snapshot), 0);
    }
    growth_read(&scene.growth, &sample_process_rows[0], TT_ALLOC_POOL_DRAM, readings);
    for (size_t ago = 0; ago < GROWTH_READINGS; ago++) {
        bool is_gap = readings[GROWTH_READINGS - 1 - ago] == UINT64_MAX;

        if (ago < 13 || ago > 20)
            assert_false(is_gap);
        else if (ago > 14 && ago < 19)
            assert_true(is_gap);
    }
    scene_clear(&scene);
}

/* Unknown is last, whichever way. */
static void sorting(void **state)
{
    static const enum field sorts[] = {FIELD_DRAM, FIELD_PID, FIELD_COMMAND, FIELD_USER, FIELD_AGE, FIELD_GROWTH};
    struct scene scene;

    (void)state;
    scene_make(&scene);
    for (size_t i = 0; i < 2 * SAMPLE_COUNT(sorts); i++) {
        struct lines_wish wish = {.filter = &all, .growth = &scene.growth, .sort = sorts[i / 2], .is_reversed = i % 2};
        struct lines lines;
        bool was_unknown = false;

        assert_int_equal(lines_make(&scene.snapshot, &wish, &lines), 0);
        assert_int_equal(lines.count, 4);
        for (size_t j = 0; j < lines.count; j++) {
            bool is_unknown = lines.list[j].values[wish.sort].knowledge == VALUE_UNKNOWN;

            if (fields[wish.sort].kind != KIND_TEXT)
                assert_false(was_unknown && !is_unknown);
            was_unknown = is_unknown;
        }
        lines_clear(&lines);
    }
    scene_clear(&scene);
}

static int in_utf8(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_sizes),
        cmocka_unit_test(golden_views),
        cmocka_unit_test(golden_past),
        cmocka_unit_test(selected_in_the_past),
        cmocka_unit_test(narrow_pages),
        cmocka_unit_test(a_long_filter),
        cmocka_unit_test(before_the_server),
        cmocka_unit_test(no_event_of_the_future),
        cmocka_unit_test(server_gone),
        cmocka_unit_test(back_without_a_server),
        cmocka_unit_test(every_size),
        cmocka_unit_test(ascii_only),
        cmocka_unit_test(bars),
        cmocka_unit_test(sparks),
        cmocka_unit_test(histories),
        cmocka_unit_test(events_once),
        cmocka_unit_test(peaks_of_a_mesh),
        cmocka_unit_test(a_leak_stays),
        cmocka_unit_test(growths),
        cmocka_unit_test(growth_without_gaps),
        cmocka_unit_test(unknown_is_not_empty),
        cmocka_unit_test(sorting),
    };

    return cmocka_run_group_tests(tests, in_utf8, NULL);
}
