/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What stands around devices and processes: the first line, which says what is missing, the events, and the last line,
 * which says what to press. On narrow screens the lines keep what matters most.
 */

#include "smi/live/draw.h"
#include "smi/sample/problem.h"
#include "smi/text/format.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ITEMS_MAX 12
#define TYPING_LEAST 12 /* columns of what is typed */
#define TYPING_EDGES 4  /* columns: the slash, the cursor, and what keeps them off the problem */

/* A piece of a line; where there is no room for all, the one that sheds first goes. */
struct item {
    char text[128];
    struct pen pen;
    int sheds;
};

struct items {
    struct item list[ITEMS_MAX];
    size_t count;
};

__attribute__((format(printf, 4, 5))) static void add(struct items *items, struct pen pen, int sheds,
                                                      const char *format, ...)
{
    struct item *item = &items->list[items->count++];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(item->text, sizeof(item->text), format, arguments);
    va_end(arguments);
    item->pen = pen;
    item->sheds = sheds;
}

static size_t width_of(const struct items *items)
{
    size_t width = 0;

    for (size_t i = 0; i < items->count; i++)
        width += strlen(items->list[i].text) + (i > 0 ? 2 : 0);
    return width;
}

static void shed_one(struct items *items)
{
    size_t first = 0;

    for (size_t i = 1; i < items->count; i++) {
        if (items->list[i].sheds > items->list[first].sheds)
            first = i;
    }
    items->count--;
    memmove(&items->list[first], &items->list[first + 1], (items->count - first) * sizeof(items->list[0]));
}

static void put_items(const struct area *area, struct items *items)
{
    size_t x = 0;

    while (items->count > 1 && width_of(items) > area->width)
        shed_one(items);
    for (size_t i = 0; i < items->count; i++)
        x = area_put(area, x, 0, items->list[i].pen, items->list[i].text) + 2;
}

static void add_count(struct items *items, enum ink ink, int sheds, size_t count, const char *what)
{
    if (count > 0)
        add(items, (struct pen){ink, 0}, sheds, "%zu %s", count, what);
}

static void add_server(struct items *items, const struct live_model *model)
{
    const struct snapshot *snapshot = model->snapshot;

    if (!snapshot->path) {
        add(items, DIM, 5, "server not asked");
    } else if (model->error == 0) {
        if (snapshot->uptime > 0) /* it had begun then */
            add(items, PLAIN, 6, "server up %s", format_age(snapshot->uptime).text);
    } else {
        uint64_t age = model->lost_since != 0 && model->now > model->lost_since ? model->now - model->lost_since : 0;

        add(items, (struct pen){INK_RED, PEN_BOLD}, 0, "%s%s%s", model->lost_since ? "server gone " : "no server",
            model->lost_since ? format_age(age).text : "", model->lost_since ? " ago" : "");
        add(items, (struct pen){INK_RED, 0}, 3, "%s", problem_reason(model->error));
    }
}

static void add_coverage(struct items *items, const struct coverage *coverage, bool is_told)
{
    add(items, PLAIN, 4, "%zu %s", coverage->devices, plural(coverage->devices, "chip", "chips"));
    if (is_told)
        add(items, PLAIN, 4, "%zu reporting", coverage->reporting);
    add_count(items, INK_PLAIN, 3, coverage->shm_only, "shm only");
    add_count(items, INK_YELLOW, 2, coverage->untracked, "untracked");
    add_count(items, INK_YELLOW, 2, coverage->inexact, "inexact");
    add_count(items, INK_RED, 1, coverage->leaks, plural(coverage->leaks, "leak", "leaks"));
}

static void describe_time(const struct live_model *model, const struct live_view *view, struct item *ret)
{
    uint64_t back = (uint64_t)view_back(view) * 1000000000, now = model->moment + back;
    double interval = (double)view->settings.interval / 1e9;

    ret->pen = view->is_frozen || back > 0 ? (struct pen){INK_YELLOW, PEN_BOLD} : PLAIN;
    if (back > 0)
        snprintf(ret->text, sizeof(ret->text), "%s (-%s)", format_clock(model->moment, now).text,
                 format_age(back).text);
    else if (view->is_frozen)
        snprintf(ret->text, sizeof(ret->text), "%s frozen", format_clock(now, now).text);
    else
        snprintf(ret->text, sizeof(ret->text), "%s %gs", format_clock(now, now).text, interval);
}

void draw_header(const struct area *area, const struct live_model *model, const struct live_view *view)
{
    struct items items = {0};
    struct item time;
    size_t width;
    struct area left;

    describe_time(model, view, &time);
    width = strlen(time.text) + 1;
    left = area_part(area, 0, 0, area->width > width ? area->width - width : 0, 1);
    add(&items, BOLD, 8, "tt-smi");
    add(&items, PLAIN, 7, "%.64s", model->snapshot->name);
    add_server(&items, model);
    add_coverage(&items, &model->snapshot->coverage, model->knows_processes && snapshot_is_told(model->snapshot));
    put_items(&left, &items);
    area_put_right(area, left.width + 1, 0, width - 1, time.pen, time.text);
}

static void draw_event(const struct area *area, size_t y, const struct event *event, uint64_t now)
{
    size_t x = area_put(area, 0, y, DIM, format_clock(event->time, now).text) + 1;

    area_put_left(area, x, y, area->width > x ? area->width - x : 0, (struct pen){event->ink, 0}, event->text);
}

void draw_events(const struct area *area, const struct live_model *model)
{
    const struct events *events = model->events;
    bool chosen[EVENTS_MAX];
    size_t y = 0;

    events_choose(events, area->height, model->moment, model->is_past ? model->moment : UINT64_MAX, chosen);
    for (size_t i = 0; i < events->count; i++) {
        if (chosen[i])
            draw_event(area, y++, &events->list[i], model->moment);
    }
}

/* The letter to press is part of the word where that is possible. */
struct hint {
    const char *key, *rest;
};

static const struct hint table_hints[] = {
    {"q", "uit"},           {"?", "help"},       {"/", "filter"}, {"s", "ort"},     {"Enter", " detail"},
    {"t", "ree"},           {"b", "uffers"},     {"l", "eaks"},   {"z", " freeze"}, {"<-", " back"},
    {"1-9", " one device"}, {"Tab", " devices"}, {"c", "ompact"}, {"r", "everse"},  {"F2", " setup"},
};
static const struct hint page_hints[] = {{"Esc", " back"}, {"q", "uit"}, {"PgDn", " scroll"}, {"?", "help"}};

static void put_hints(const struct area *area, const struct hint *hints, size_t count)
{
    size_t x = 0;

    for (size_t i = 0; i < count; i++) {
        size_t width = strlen(hints[i].key) + strlen(hints[i].rest);

        if (x + width > area->width)
            return;
        x = area_put(area, x, 0, (struct pen){INK_CYAN, PEN_BOLD}, hints[i].key);
        x = area_put(area, x, 0, PLAIN, hints[i].rest) + 2;
    }
}

/* The end of the text, where one types, with so much of the line that what is wrong is to be seen as well. */
static const char *end_of_text(const char *text, size_t width, size_t problem)
{
    size_t length = strlen(text), most = width > problem + TYPING_LEAST ? width - problem : TYPING_LEAST;

    return length > most ? text + length - most : text;
}

static void put_typing(const struct area *area, const struct live_view *view)
{
    size_t reserved = TYPING_EDGES + (view->problem ? strlen(view->problem) : 0);
    const char *problem = view->problem ? view->problem : "Enter: keep   Esc: as before";
    size_t x = area_put(area, 0, 0, (struct pen){INK_CYAN, PEN_BOLD}, "/");

    x = area_put(area, x, 0, PLAIN, end_of_text(view->filter_text, area->width, reserved));
    area_fill(area, x, 0, 1, (struct pen){INK_PLAIN, PEN_REVERSE}, ' ');
    area_put(area, x + 3, 0, view->problem ? (struct pen){INK_RED, 0} : DIM, problem);
}

void draw_keys(const struct area *area, const struct live_view *view)
{
    if (view->message[0])
        area_put_left(area, 0, 0, area->width, (struct pen){INK_YELLOW, 0}, view->message);
    else if (view->is_typing)
        put_typing(area, view);
    else if (view->page == PAGE_TABLE)
        put_hints(area, table_hints, sizeof(table_hints) / sizeof(table_hints[0]));
    else
        put_hints(area, page_hints, sizeof(page_hints) / sizeof(page_hints[0]));
}
