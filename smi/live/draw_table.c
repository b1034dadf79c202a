/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The table of processes: headings that say by what it is sorted, and as many lines as there is room for. Columns that
 * do not fit give way as in the one-shot table.
 */

#include "smi/live/draw.h"
#include "smi/sample/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_TEXT 4096

static size_t width_of(const bool has[FIELDS])
{
    size_t width = 0;

    for (enum field field = 0; field < FIELDS; field++)
        width += has[field] ? fields[field].width + (field != FIELD_COMMAND) : 0;
    return width;
}

/* Lets go of the column that sheds first; false: all that are left stay. */
static bool shed_one(bool has[FIELDS])
{
    enum field first = FIELDS;

    for (enum field field = 0; field < FIELDS; field++) {
        if (has[field] && fields[field].sheds > 0 && (first == FIELDS || fields[field].sheds > fields[first].sheds))
            first = field;
    }
    if (first == FIELDS)
        return false;
    has[first] = false;
    return true;
}

/* The column of states is worth its place where not all report. */
static bool has_states(const struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        enum tracking tracking = lines->list[i].row->tracking;

        if (tracking == TRACKING_SHM_ONLY || tracking == TRACKING_UNTRACKED)
            return true;
    }
    return false;
}

static void choose_columns(struct live_view *view, size_t width, const struct lines *lines)
{
    struct shown *shown = &view->shown;
    bool has[FIELDS];
    size_t x = 0;

    for (enum field field = 0; field < FIELDS; field++)
        has[field] = !view->settings.is_hidden[field] && (field != FIELD_STATE || has_states(lines));
    while (width_of(has) > width && shed_one(has))
        ;
    shown->heading_count = 0;
    for (enum field field = 0; field < FIELDS; field++) {
        size_t taken = field == FIELD_COMMAND ? (x < width ? width - x : 0) : fields[field].width;

        if (!has[field])
            continue;
        shown->headings[shown->heading_count++] = (struct heading){field, x, taken};
        x += taken + 1;
    }
}

static bool has_column(const struct shown *shown, enum field field)
{
    for (size_t i = 0; i < shown->heading_count; i++) {
        if (shown->headings[i].field == field)
            return true;
    }
    return false;
}

static bool rises(const struct live_view *view)
{
    bool is_usual = fields[view->settings.sort].kind == KIND_TEXT || view->settings.sort == FIELD_PID;

    return is_usual != view->settings.is_reversed;
}

static void draw_headings(const struct area *area, const struct live_view *view)
{
    for (size_t i = 0; i < view->shown.heading_count; i++) {
        const struct heading *heading = &view->shown.headings[i];
        const struct field_facts *facts = &fields[heading->field];
        bool is_sorted = heading->field == view->settings.sort;
        char title[24];

        snprintf(title, sizeof(title), "%s%s", facts->title, is_sorted ? (rises(view) ? "^" : "v") : "");
        (facts->kind == KIND_TEXT ? area_put_left : area_put_right)(
            area, heading->x, 0, heading->width, (struct pen){is_sorted ? INK_CYAN : INK_PLAIN, PEN_BOLD}, title);
    }
    area_mark(area, 0, PEN_REVERSE);
}

static struct pen pen_of(const struct line *line)
{
    struct pen pen = {INK_PLAIN, line->key.kind == LINE_DEVICE || line->key.kind == LINE_REGION ? PEN_DIM : 0};

    if (line->key.kind == LINE_USER)
        pen.attributes = PEN_BOLD;
    else if (line->row->tracking == TRACKING_EXITED)
        pen.ink = INK_RED;
    else if (line->row->tracking == TRACKING_UNTRACKED || line->row->facts.inexact)
        pen.ink = INK_YELLOW;
    return pen;
}

static const char *text_of(const struct line *line, enum field field, struct formatted *room)
{
    switch (field) {
    case FIELD_DEVICES:
        return line->devices;
    case FIELD_STATE:
        return line->key.kind == LINE_PROCESS ? tracking_title(line->row->tracking) : "";
    case FIELD_USER:
        if (line->key.kind == LINE_DEVICE || line->key.kind == LINE_REGION)
            return "";
        if (line->user || !line->row->has_uid)
            return line->user ? line->user : "?";
        snprintf(room->text, sizeof(room->text), "%u", line->row->facts.uid);
        return room->text;
    default:
        *room = field_format(line->values[field], fields[field].kind);
        return room->text;
    }
}

/* What a line other than a process's cannot have stays empty. */
static bool is_empty(const struct line *line, enum field field)
{
    bool has_size = fields[field].kind == KIND_SIZE || field == FIELD_BUFFERS;

    if (line->key.kind == LINE_PROCESS || field == FIELD_COMMAND || field == FIELD_USER || field == FIELD_STATE)
        return false;
    if (line->key.kind == LINE_USER)
        return field == FIELD_PEAK || (!has_size && field != FIELD_GROWTH);
    return !has_size;
}

static void draw_command(const struct area *area, const struct heading *heading, const struct line *line, size_t y,
                         const struct live_view *view)
{
    char text[LINE_TEXT];
    size_t indent = view->settings.is_tree ? 2 * (size_t)line->key.kind : 0;

    if (indent >= heading->width)
        return;
    strcpy(text, line->is_folded ? "[+] " : "");
    line_describe(line, has_column(&view->shown, FIELD_STATE), text + strlen(text), sizeof(text) - strlen(text));
    area_put_left(area, heading->x + indent, y, heading->width - indent, pen_of(line), text);
}

static void draw_line(const struct area *area, const struct line *line, size_t y, const struct live_view *view)
{
    for (size_t i = 0; i < view->shown.heading_count; i++) {
        const struct heading *heading = &view->shown.headings[i];
        bool is_text = fields[heading->field].kind == KIND_TEXT;
        struct formatted room;

        if (heading->field == FIELD_COMMAND)
            draw_command(area, heading, line, y, view);
        else if (!is_empty(line, heading->field))
            (is_text ? area_put_left : area_put_right)(area, heading->x, y, heading->width, pen_of(line),
                                                       text_of(line, heading->field, &room));
    }
}

static const char *no_lines(const struct live_model *model, const struct live_view *view)
{
    const struct coverage *all = &model->snapshot->coverage;

    if (view->filter_text[0] || all->reporting + all->shm_only + all->untracked > 0)
        return "None of the processes is among these.";
    if (!snapshot_knows_processes(model->snapshot))
        return "Which processes use devices is not known.";
    return snapshot_is_told(model->snapshot) ? "No process reports buffers." : "No process has a device open.";
}

static void draw_no_lines(const struct area *area, const struct live_model *model, const struct live_view *view)
{
    uint64_t since = model->known_since;

    if (model->knows_processes)
        area_put(area, 0, 1, DIM, no_lines(model, view));
    else
        area_print(area, 0, 1, DIM, "Seen by this view only since %s.", format_clock(since, since).text);
}

/* Where samples are far apart or were not taken, the last one before may be older than the picture. */
static size_t draw_moment(const struct area *area, size_t x, const struct live_model *model)
{
    uint64_t seen = model->snapshot->time, moment = model->moment;
    bool is_near = seen + SECOND > moment;

    return area_print(area, x, 0, (struct pen){INK_YELLOW, 0}, "  %s%s",
                      !model->knows_processes ? "not known at "
                      : is_near               ? "at "
                                              : "as last seen at ",
                      format_clock(is_near ? moment : seen, moment).text);
}

static size_t draw_count(const struct area *area, const struct live_model *model, const struct live_view *view,
                         size_t lines)
{
    const char *what = view->settings.is_tree ? "lines" : plural(lines, "process", "processes");
    bool is_part = lines > view->shown.lines_visible;

    if (!model->knows_processes)
        return area_put(area, 0, 0, DIM, "processes");
    return is_part ? area_print(area, 0, 0, DIM, "%s %zu-%zu of %zu", what, view->first + 1,
                                view->first + view->shown.lines_visible, lines)
                   : area_print(area, 0, 0, DIM, "%zu %s", lines, what);
}

static void draw_status(const struct area *area, const struct live_model *model, const struct live_view *view,
                        size_t lines)
{
    size_t x = draw_count(area, model, view, lines);

    if (view->has_device)
        x = area_print(area, x, 0, (struct pen){INK_CYAN, 0}, "  device %s only", device_label(view->device).text);
    if (model->is_past)
        x = draw_moment(area, x, model);
    if (view->filter_text[0] && !view->is_typing)
        area_print(area, x, 0, (struct pen){INK_CYAN, 0}, "  filter: %s", view->filter_text);
}

static void draw_lines(const struct area *area, const struct lines *lines, const struct live_model *model,
                       struct live_view *view)
{
    size_t visible = area->height > 0 ? area->height - 1 : 0;

    view->shown.lines = lines->count;
    view->shown.lines_visible = visible;
    view->shown.first_line_y = area->y + 1;
    view_settle(view, lines, visible);
    for (size_t i = 0; i < visible && view->first + i < lines->count; i++) {
        draw_line(area, &lines->list[view->first + i], 1 + i, view);
        if (view->focus == FOCUS_PROCESSES && view->first + i == view->index)
            area_mark(area, 1 + i, PEN_REVERSE);
    }
    if (lines->count == 0)
        draw_no_lines(area, model, view);
}

int draw_table(const struct area *area, const struct area *status, const struct live_model *model,
               struct live_view *view)
{
    int32_t device;
    struct filter filter = view_filter(model, view, &device);
    struct lines_wish wish = {
        .filter = &filter,
        .growth = model->growth,
        .now = model->snapshot->time,
        .passes = expression_matches,
        .userdata = &view->expression,
        .sort = view->settings.sort,
        .is_reversed = view->settings.is_reversed,
        .is_tree = view->settings.is_tree,
        .folds = &view->folds,
    };
    struct lines lines;
    int r = lines_make(model->snapshot, &wish, &lines);

    if (r < 0)
        return r;
    choose_columns(view, area->width, &lines);
    draw_headings(area, view);
    draw_lines(area, &lines, model, view);
    draw_status(status, model, view, lines.count);
    lines_clear(&lines);
    return 0;
}
