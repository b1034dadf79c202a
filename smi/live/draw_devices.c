/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The devices, in the form that the layout chose, and what the forms have in common. In the past only the sum of a pool
 * is known, so that its bar has one part.
 */

#include "smi/live/draw.h"
#include "smi/live/spark.h"
#include "smi/text/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* By the moment of the picture: without a server time goes on in the history, and the picture stays. */
static size_t ago_of(const struct device_picture *picture)
{
    return history_ago(picture->model->history, picture->model->moment);
}

static struct bar bar_at(const struct device_picture *picture, uint32_t pool)
{
    struct bar bar = {.size = pool_capacity(&picture->row->facts.description, pool).bytes, .count = 1};

    history_read(picture->model->history, picture->row->facts.device, pool, ago_of(picture), 1, &bar.parts[0]);
    bar.is_known = bar.parts[0] != HISTORY_UNKNOWN;
    if (!bar.is_known)
        bar.parts[0] = 0;
    return bar;
}

static void write_figure(struct pool_picture *pool, struct sum sum, bool is_nominal)
{
    bool is_known = pool->bar.is_known;
    uint64_t size = pool->bar.size;
    const char *mark = size > 0 && is_nominal ? "*" : "";
    struct formatted used = {"-"};

    if (sum.used && size > 0 && is_known) {
        snprintf(pool->figure, sizeof(pool->figure), "%.20s%s", format_share(sum.bytes, size).text, mark);
        return;
    }
    if (!is_known)
        used = (struct formatted){"?"};
    else if (sum.used)
        used = format_size(sum.bytes);
    snprintf(pool->figure, sizeof(pool->figure), "%.8s/%.8s%s", used.text, size > 0 ? format_size(size).text : "?",
             mark);
}

struct pool_picture picture_pool(const struct device_picture *picture, uint32_t pool)
{
    const struct device_row *row = picture->row;
    struct filter all = {.region = -1};
    struct sum sum = sum_pool(row->facts.usage, row->facts.usage_count, pool, &all);
    struct pool_picture result = {.bar = bar_of_pool(row, pool)};

    if (picture->model->is_past) {
        result.bar = bar_at(picture, pool);
        sum = (struct sum){.used = true, .bytes = result.bar.parts[0]};
    }
    write_figure(&result, sum, row->is_nominal);
    return result;
}

void draw_pool_spark(const struct area *area, size_t x, size_t y, size_t width, const struct device_picture *picture,
                     uint32_t pool)
{
    uint64_t values[HISTORY_LENGTH], size = pool_capacity(&picture->row->facts.description, pool).bytes;
    size_t ago = ago_of(picture);
    struct area here;

    if (width == 0)
        return;
    history_read(picture->model->history, picture->row->facts.device, pool, 0, HISTORY_LENGTH, values);
    spark_draw(area, x, y, width, values, HISTORY_LENGTH, size, (struct pen){INK_CYAN, 0});
    if (!picture->model->is_past || ago >= HISTORY_LENGTH)
        return;
    here = area_part(area, x + (HISTORY_LENGTH - 1 - ago) * width / HISTORY_LENGTH, y, 1, 1);
    area_mark(&here, 0, PEN_REVERSE);
}

struct formatted board_name(const struct device_row *row)
{
    const struct tt_alloc_device_description *facts = &row->facts.description;
    const char *board = facts->known & TT_ALLOC_KNOWN_BOARD ? facts->board : arch_name(facts);
    bool is_remote = (facts->known & TT_ALLOC_KNOWN_REMOTE) && facts->remote;
    struct formatted name;

    if (row->facts.device < DEVICE_UNKNOWN_END)
        snprintf(name.text, sizeof(name.text), "%.20s%schip %" PRIx64, board ? board : "", board ? " " : "",
                 facts->asic_id);
    else
        snprintf(name.text, sizeof(name.text), "%.40s%s", board ? board : "?", is_remote ? " R" : "");
    return name;
}

struct formatted describe_sensors(const struct device_row *row)
{
    struct formatted text = {""};
    size_t length = 0;

    if (row->node && row->node->temperature.error == 0)
        length =
            (size_t)snprintf(text.text, sizeof(text.text), "%" PRId64 "C", (row->node->temperature.value + 500) / 1000);
    if (row->node && row->node->power.error == 0)
        snprintf(text.text + length, sizeof(text.text) - length, "%s%" PRId64 "W", length > 0 ? " " : "",
                 (row->node->power.value + 500000) / 1000000);
    return text;
}

static void draw_device(const struct area *area, const struct device_picture *picture, enum form form)
{
    switch (form) {
    case FORM_CARDS:
        draw_card(area, picture);
        break;
    case FORM_ROWS:
        draw_row(area, picture);
        break;
    case FORM_GRID:
        draw_mark(area, picture);
        break;
    }
}

static void draw_title(const struct area *area, const struct layout *layout, bool has_sensors, size_t hidden)
{
    struct area title;

    if (layout->title_height == 0)
        return;
    if (layout->form == FORM_GRID) {
        area_print(area, 0, 0, BOLD, "DEV  DRAM %%%s", hidden > 0 ? "  (Tab and arrows: more)" : "");
        return;
    }
    for (size_t column = 0; column < layout->columns; column++) {
        title = area_part(area, column * (layout->item_width + LAYOUT_GAP), 0, layout->item_width, 1);
        draw_row_title(&title, has_sensors);
    }
}

static bool any_has_sensors(const struct device_row **rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (describe_sensors(rows[i]).text[0])
            return true;
    }
    return false;
}

/* Those that the filter lets through, of which the view shows some. */
static size_t choose_devices(const struct snapshot *snapshot, const struct filter *filter,
                             const struct device_row **ret)
{
    size_t count = 0;

    for (size_t i = 0; i < snapshot->device_count; i++) {
        if (filter_has_device(filter, snapshot->devices[i]->facts.device))
            ret[count++] = snapshot->devices[i];
    }
    return count;
}

static const char *no_devices(const struct live_model *model)
{
    if (!snapshot_knows_devices(model->snapshot))
        return "Which devices there are is not known.";
    return model->snapshot->coverage.devices > 0 ? "None of the devices is among these."
                                                 : "No device has been reported on yet.";
}

static void draw_visible(const struct area *area, const struct live_model *model, const struct live_view *view,
                         const struct device_row **rows, size_t count)
{
    const struct layout *layout = &view->shown.layout;
    size_t first = view->device_first_row * layout->columns, visible = layout->visible_rows * layout->columns;
    bool has_sensors = any_has_sensors(rows, count);

    draw_title(area, layout, has_sensors, count > visible ? count - visible : 0);
    for (size_t place = 0; place < visible && first + place < count; place++) {
        struct box box = layout_item(layout, place);
        struct area item = area_part(area, box.x, box.y, box.width, box.height);
        struct device_picture picture = {
            .model = model,
            .row = rows[first + place],
            .has_sensors = has_sensors,
            .is_selected = view->focus == FOCUS_DEVICES && first + place == view->device_index,
        };

        draw_device(&item, &picture, layout->form);
    }
}

void draw_devices(const struct area *area, const struct live_model *model, struct live_view *view)
{
    const struct snapshot *snapshot = model->snapshot;
    const struct device_row *rows[snapshot->device_count + 1];
    int32_t device;
    struct filter filter = view_filter(model, view, &device);
    size_t count = choose_devices(snapshot, &filter, rows);

    view_settle_devices(view, count);
    view->shown.devices = count;
    if (count == 0) {
        area_put(area, 0, 0, DIM, no_devices(model));
        return;
    }
    view->shown.selected_device = rows[view->device_index]->facts.device;
    draw_visible(area, model, view, rows, count);
}
