/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Regions of one pool share one bar because they share one memory: what counts is how much of it is left. Their colours
 * tell them apart, and where there is none, their characters.
 */

#include "smi/live/bar.h"

#include <string.h>

static void add_regions(struct bar *bar, const struct device_row *row, uint32_t pool)
{
    struct filter all = {.region = -1};

    for (size_t i = 0; i < TT_ALLOC_REGIONS; i++) {
        uint32_t region = region_order[i];

        if (regions[region].pool == (int)pool)
            bar->parts[bar->count++] = sum_region(row->facts.usage, row->facts.usage_count, region, &all).bytes;
    }
}

struct bar bar_of_pool(const struct device_row *row, uint32_t pool)
{
    struct filter all = {.region = -1};
    struct sum sum = sum_pool(row->facts.usage, row->facts.usage_count, pool, &all);
    struct bar bar = {
        .size = pool_capacity(&row->facts.description, pool).bytes,
        .is_known = sum.used || row->is_complete,
        .has_peak = row->has_peaks && sum.used,
        .peak = sum.peak,
    };

    add_regions(&bar, row, pool);
    return bar;
}

static size_t scale(const struct bar *bar, uint64_t bytes, size_t cells)
{
    double share = bar->size == 0 ? 0 : (double)bytes / (double)bar->size;

    return share >= 1 ? cells : (size_t)(share * (double)cells + 0.5);
}

void bar_divide(const struct bar *bar, size_t cells, size_t ret[BAR_PARTS_MAX + 1])
{
    uint64_t sum = 0;
    size_t filled = 0;

    memset(ret, 0, (BAR_PARTS_MAX + 1) * sizeof(*ret));
    for (size_t i = 0; i < bar->count; i++) {
        size_t end;

        sum = add_saturating(sum, bar->parts[i]);
        end = scale(bar, sum, cells);
        if (bar->parts[i] > 0 && bar->size > 0 && end <= filled && filled < cells)
            end = filled + 1;
        ret[i] = end > filled ? end - filled : 0;
        filled += ret[i];
    }
    ret[BAR_PARTS_MAX] = cells - filled;
}

double bar_share(const struct bar *bar)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < bar->count; i++)
        sum = add_saturating(sum, bar->parts[i]);
    return bar->size == 0 || !bar->is_known ? -1 : (double)sum / (double)bar->size;
}

enum ink bar_ink(double share)
{
    return share < 0 ? INK_PLAIN : share >= 0.95 ? INK_RED : share >= 0.8 ? INK_YELLOW : INK_GREEN;
}

struct look {
    enum ink ink;
    uint32_t ascii, utf8;
};

static const struct look looks[BAR_PARTS_MAX] = {
    {INK_GREEN, '#', 0x2588}, {INK_CYAN, '=', 0x2593}, {INK_MAGENTA, '%', 0x2592}};
static const struct look rest = {INK_PLAIN, '-', 0x2500};
static const struct look mark = {INK_PLAIN, '|', 0x2502};

static void draw_run(const struct area *area, size_t x, size_t y, size_t length, struct pen pen, struct look look)
{
    area_fill(area, x, y, length, pen, area->screen->utf8 ? look.utf8 : look.ascii);
}

/* The free cells, and among them the peak. */
static void draw_rest(const struct area *area, size_t x, size_t y, size_t cells, size_t filled, const struct bar *bar)
{
    size_t peak = bar->has_peak ? scale(bar, bar->peak, cells) : 0;

    if (peak <= filled || peak > cells) {
        draw_run(area, x + filled, y, cells - filled, DIM, rest);
        return;
    }
    draw_run(area, x + filled, y, peak - 1 - filled, DIM, rest);
    draw_run(area, x + peak - 1, y, 1, BOLD, mark);
    draw_run(area, x + peak, y, cells - peak, DIM, rest);
}

void bar_draw(const struct area *area, size_t x, size_t y, size_t width, const struct bar *bar)
{
    enum ink fullness = bar_ink(bar_share(bar));
    size_t cells = width - 2, at = 0, divided[BAR_PARTS_MAX + 1];

    area_put(area, x, y, DIM, "[");
    area_put(area, x + width - 1, y, DIM, "]");
    if (bar->size == 0 || !bar->is_known) {
        area_put(area, x + 1, y, DIM, "?");
        return;
    }
    bar_divide(bar, cells, divided);
    for (size_t i = 0; i < BAR_PARTS_MAX; i++) {
        enum ink ink = i == 0 || fullness == INK_RED ? fullness : looks[i].ink;

        draw_run(area, x + 1 + at, y, divided[i], (struct pen){ink, 0}, looks[i]);
        at += divided[i];
    }
    draw_rest(area, x + 1, y, cells, at, bar);
}
