/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From the edges inwards: header and keys first, then events and status where there is room for them, and what is left
 * is shared by devices and processes.
 */

#include "smi/live/layout.h"

struct shape {
    size_t least_width; /* side by side; alone it makes do with any */
    size_t height, title_height;
};

static const struct shape shapes[] = {
    [FORM_CARDS] = {58, 3, 0},
    [FORM_ROWS] = {59, 1, 1},
    [FORM_GRID] = {11, 1, 1},
};

static size_t divide_up(size_t number, size_t divisor)
{
    return (number + divisor - 1) / divisor;
}

size_t layout_rows(const struct layout *layout, size_t devices)
{
    return divide_up(devices, layout->columns);
}

static size_t most_columns(size_t width, enum form form)
{
    size_t columns = (width + LAYOUT_GAP) / (shapes[form].least_width + LAYOUT_GAP);

    return columns > 0 ? columns : 1;
}

static void take_form(struct layout *layout, size_t width, enum form form, size_t columns)
{
    layout->form = form;
    layout->columns = columns;
    layout->item_height = shapes[form].height;
    layout->title_height = shapes[form].title_height;
    layout->item_width =
        form == FORM_GRID ? shapes[form].least_width : (width + LAYOUT_GAP - columns * LAYOUT_GAP) / columns;
    if (layout->item_width > width)
        layout->item_width = width;
}

/* Takes the fewest columns with which all devices fit. */
static bool fits(struct layout *layout, size_t width, size_t room, size_t devices, enum form form)
{
    for (size_t columns = form == FORM_GRID ? most_columns(width, form) : 1; columns <= most_columns(width, form);
         columns++) {
        size_t lines = divide_up(devices, columns) * shapes[form].height + shapes[form].title_height;

        take_form(layout, width, form, columns);
        if (lines <= room)
            return true;
    }
    return false;
}

static void choose_form(struct layout *layout, size_t width, size_t room, size_t devices, enum fullness fullness)
{
    for (enum form form = fullness == FULLNESS_COMPACT ? FORM_ROWS : FORM_CARDS; form <= FORM_GRID; form++) {
        if (fits(layout, width, room, devices, form) || (fullness == FULLNESS_FULL && room >= shapes[form].height))
            return;
    }
}

/* Without a title where it would take the only line. */
static size_t share_devices(struct layout *layout, size_t width, size_t room, size_t devices, enum fullness fullness)
{
    size_t rows;

    if (devices == 0) { /* a line that says so */
        *layout = (struct layout){.header = layout->header, .columns = 1, .item_width = width, .item_height = 1};
        return 1;
    }
    choose_form(layout, width, room, devices, fullness);
    if (room < layout->title_height + layout->item_height)
        layout->title_height = 0;
    rows = layout_rows(layout, devices);
    layout->visible_rows = (room - layout->title_height) / layout->item_height;
    if (layout->visible_rows > rows)
        layout->visible_rows = rows;
    return layout->visible_rows * layout->item_height + layout->title_height;
}

static struct box take_lines(size_t width, size_t *y, size_t height)
{
    struct box box = {0, *y, width, height};

    *y += height;
    return box;
}

static size_t event_lines(size_t height)
{
    return height < 18 ? 0 : height < 30 ? 2 : height < 50 ? 4 : 6;
}

struct layout layout_make(size_t width, size_t height, size_t devices, enum fullness fullness)
{
    struct layout layout = {0};
    size_t keys = height >= 4, events = event_lines(height), status = height >= 12, gap = height >= 24, y = 0;
    size_t header = height >= 2, left = height - header - keys - events - status - gap, shown = 0;

    layout.header = take_lines(width, &y, header);
    shown = left >= 2 ? share_devices(&layout, width, left * 11 / 20, devices, fullness) : 0;
    layout.devices = take_lines(width, &y, shown);
    layout.status = take_lines(width, &y, status);
    layout.table = take_lines(width, &y, left - shown);
    y += gap;
    layout.events = take_lines(width, &y, events);
    layout.keys = take_lines(width, &y, keys);
    return layout;
}

struct box layout_item(const struct layout *layout, size_t place)
{
    return (struct box){
        .x = place % layout->columns * (layout->item_width + LAYOUT_GAP),
        .y = layout->title_height + place / layout->columns * layout->item_height,
        .width = layout->item_width,
        .height = layout->item_height,
    };
}
