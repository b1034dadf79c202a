/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The whole picture. Where the server is gone, what it said last stays, and looks like it.
 */

#include "smi/live/draw.h"

static struct area area_of(const struct area *all, const struct box *box)
{
    return area_part(all, box->x, box->y, box->width, box->height);
}

struct filter view_filter(const struct live_model *model, const struct live_view *view, int32_t *device)
{
    struct filter filter = *model->filter;

    *device = view->device;
    if (view->has_device) {
        filter.devices = device;
        filter.device_count = 1;
    }
    return filter;
}

static size_t count_devices(const struct snapshot *snapshot, const struct live_view *view)
{
    size_t count = 0;

    for (size_t i = 0; i < snapshot->device_count; i++)
        count += !view->has_device || snapshot->devices[i]->facts.device == view->device;
    return count;
}

static void note_first_devices(const struct snapshot *snapshot, struct shown *shown)
{
    shown->first_count = snapshot->device_count < FIRST_DEVICES ? snapshot->device_count : FIRST_DEVICES;
    for (size_t i = 0; i < shown->first_count; i++)
        shown->first_numbers[i] = snapshot->devices[i]->facts.device;
}

static int draw_tables(const struct area *all, const struct live_model *model, struct live_view *view)
{
    const struct layout *layout = &view->shown.layout;
    struct area devices = area_of(all, &layout->devices), table = area_of(all, &layout->table);
    struct area status = area_of(all, &layout->status), events = area_of(all, &layout->events);

    if (devices.height > 0)
        draw_devices(&devices, model, view);
    draw_events(&events, model);
    return draw_table(&table, &status, model, view);
}

static int draw_model(struct screen *screen, const struct live_model *model, struct live_view *view)
{
    struct area all = screen_area(screen), header, keys, page;
    const struct layout *layout = &view->shown.layout;
    size_t first, end;
    int r;

    view->shown.layout =
        layout_make(screen->width, screen->height, count_devices(model->snapshot, view), view->settings.fullness);
    note_first_devices(model->snapshot, &view->shown);
    header = area_of(&all, &layout->header);
    keys = area_of(&all, &layout->keys);
    first = layout->header.height;
    end = layout->keys.y;
    page = area_part(&all, 0, first, all.width, end - first);
    r = view->page == PAGE_TABLE ? draw_tables(&all, model, view) : draw_page(&page, model, view);
    if (model->error != 0 && model->lost_since != 0 && view->page != PAGE_HELP)
        screen_fade(screen, first, end);
    draw_header(&header, model, view);
    draw_keys(&keys, view);
    return r;
}

int draw_frame(struct screen *screen, const struct live_model *model, struct live_view *view)
{
    struct then then;
    int r = then_make(model, view, &then);

    if (r < 0)
        return r;
    r = draw_model(screen, &then.model, view);
    then_clear(&then);
    return r;
}
