/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Arrows move the selection among the processes, or, after Tab, among the devices; on a page of text they scroll. The
 * selected line stays selected when others come, go or change places.
 */

#include "smi/live/history.h"
#include "smi/live/view.h"

#define WHEEL_STEP 3

/* Moves a place within [0, end) by step, as far as it goes. */
static size_t moved(size_t place, long step, size_t end)
{
    if (step < 0)
        return place < (size_t)-step ? 0 : place - (size_t)-step;
    return place + (size_t)step < end ? place + (size_t)step : end > 0 ? end - 1 : 0;
}

static void move_lines(struct live_view *view, long step)
{
    const struct shown *shown = &view->shown;

    if (view->page == PAGE_TABLE) {
        view->index = moved(view->index, step, shown->lines);
        view->has_moved = true;
    } else {
        view->page_first = moved(view->page_first, step,
                                 shown->lines > shown->lines_visible ? shown->lines - shown->lines_visible + 1 : 0);
    }
}

static void move_vertically(struct live_view *view, long step, bool is_page)
{
    const struct layout *layout = &view->shown.layout;

    if (view->page == PAGE_TABLE && view->focus == FOCUS_DEVICES)
        view->device_index =
            moved(view->device_index, step * (long)(is_page ? layout->visible_rows : 1) * (long)layout->columns,
                  view->shown.devices);
    else
        move_lines(view, step * (long)(is_page && view->shown.lines_visible > 1 ? view->shown.lines_visible - 1 : 1));
}

/* Left is back in time; among devices it is left. */
static void move_sideways(struct live_view *view, int step)
{
    if (view->page == PAGE_TABLE && view->focus == FOCUS_DEVICES)
        view->device_index = moved(view->device_index, step, view->shown.devices);
    else if (view->page == PAGE_TABLE || view->page == PAGE_DETAIL)
        view->back = moved(view->back, -step * 5, HISTORY_LENGTH);
}

static void go_to(struct live_view *view, bool is_end)
{
    if (view->page == PAGE_TABLE && view->focus == FOCUS_DEVICES)
        view->device_index = is_end && view->shown.devices > 0 ? view->shown.devices - 1 : 0;
    else
        move_lines(view, is_end ? (long)view->shown.lines : -(long)view->shown.lines);
}

bool view_move(struct live_view *view, uint32_t key)
{
    switch (key) {
    case ARROW_UP:
    case ARROW_DOWN:
        move_vertically(view, key == ARROW_UP ? -1 : 1, false);
        return true;
    case PAGE_UP:
    case PAGE_DOWN:
        move_vertically(view, key == PAGE_UP ? -1 : 1, true);
        return true;
    case ARROW_LEFT:
    case ARROW_RIGHT:
        move_sideways(view, key == ARROW_LEFT ? -1 : 1);
        return true;
    case GO_HOME:
    case GO_END:
        go_to(view, key == GO_END);
        return true;
    case TAB:
        view->focus = view->focus == FOCUS_DEVICES ? FOCUS_PROCESSES : FOCUS_DEVICES;
        return true;
    default:
        return false;
    }
}

static bool is_in(const struct box *box, const struct input *input)
{
    return input->x >= box->x && input->x < box->x + box->width && input->y >= box->y &&
           input->y < box->y + box->height;
}

static void click_heading(struct live_view *view, size_t x)
{
    for (size_t i = 0; i < view->shown.heading_count; i++) {
        const struct heading *heading = &view->shown.headings[i];

        if (x < heading->x || x >= heading->x + heading->width)
            continue;
        view->settings.is_reversed = view->settings.sort == heading->field && !view->settings.is_reversed;
        view->settings.sort = heading->field;
    }
}

static void click_table(struct live_view *view, const struct input *input)
{
    size_t first = view->shown.first_line_y;

    view->focus = FOCUS_PROCESSES;
    if (input->y < first) {
        click_heading(view, input->x);
    } else if (view->first + input->y - first < view->shown.lines) {
        view->index = view->first + input->y - first;
        view->has_moved = true;
    }
}

static void click_device(struct live_view *view, const struct input *input)
{
    const struct layout *layout = &view->shown.layout;
    size_t visible = layout->visible_rows * layout->columns;

    view->focus = FOCUS_DEVICES;
    for (size_t place = 0; place < visible; place++) {
        struct box item = layout_item(layout, place);
        size_t index = view->device_first_row * layout->columns + place;

        item.y += layout->devices.y;
        if (is_in(&item, input) && index < view->shown.devices)
            view->device_index = index;
    }
}

void view_click(struct live_view *view, const struct input *input)
{
    const struct layout *layout = &view->shown.layout;
    bool is_table = view->page == PAGE_TABLE;

    if (input->key != MOUSE_CLICK && is_table && is_in(&layout->devices, input))
        view->device_index =
            moved(view->device_index, (input->key == MOUSE_UP ? -1 : 1) * (long)layout->columns, view->shown.devices);
    else if (input->key != MOUSE_CLICK)
        move_lines(view, input->key == MOUSE_UP ? -WHEEL_STEP : WHEEL_STEP);
    else if (is_table && is_in(&layout->table, input))
        click_table(view, input);
    else if (is_table && is_in(&layout->devices, input))
        click_device(view, input);
}

static size_t find_key(const struct live_view *view, const struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        if (line_key_equals(&lines->list[i].key, &view->key))
            return i;
    }
    return view->index;
}

void view_settle(struct live_view *view, const struct lines *lines, size_t visible)
{
    size_t last = lines->count > 0 ? lines->count - 1 : 0;

    if (!view->has_moved)
        view->index = find_key(view, lines);
    if (view->index > last)
        view->index = last;
    if (lines->count > 0)
        view->key = lines->list[view->index].key;
    view->has_moved = false;
    if (view->first > view->index)
        view->first = view->index;
    if (view->index >= view->first + visible)
        view->first = view->index - visible + (visible > 0);
    if (view->first + visible > lines->count)
        view->first = lines->count > visible ? lines->count - visible : 0;
}

void view_settle_devices(struct live_view *view, size_t devices)
{
    const struct layout *layout = &view->shown.layout;
    size_t rows = layout_rows(layout, devices), row;

    if (view->device_index >= devices)
        view->device_index = devices > 0 ? devices - 1 : 0;
    row = view->device_index / layout->columns;
    if (view->device_first_row > row)
        view->device_first_row = row;
    if (row >= view->device_first_row + layout->visible_rows)
        view->device_first_row = row - layout->visible_rows + (layout->visible_rows > 0);
    if (view->device_first_row + layout->visible_rows > rows)
        view->device_first_row = rows > layout->visible_rows ? rows - layout->visible_rows : 0;
}
