/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A card: what the chip is and how much each region holds, then a bar and a spark for each pool.
 *
 *      0  n300 L  61C 23W    DRAM 8.4G  TRACE 200M  L1 18.2M
 *        DRAM [##################==------|------] 8.6/12.0G  ..^^^|..___
 *        L1   [####%---------------------|------] 18.2/93.0M ...^......
 */

#include "smi/live/draw.h"
#include "smi/text/format.h"

#include <stdio.h>
#include <string.h>

#define NAME_WIDTH 6
#define BAR_LEAST 8
#define BAR_MOST 60
#define SPARK_LEAST 8

static const char span[] = "15 min"; /* of the sparks below */

static const enum ink region_inks[TT_ALLOC_REGIONS] = {
    [TT_ALLOC_DRAM] = INK_GREEN,    [TT_ALLOC_TRACE] = INK_CYAN, [TT_ALLOC_L1] = INK_GREEN,
    [TT_ALLOC_L1_SMALL] = INK_CYAN, [TT_ALLOC_CB] = INK_MAGENTA,
};

/* Behind what the chip is, as far as it goes: regions in the colours of the bars. */
static size_t draw_regions(const struct area *area, size_t x, const struct device_picture *picture)
{
    const struct tt_alloc_device *facts = &picture->row->facts;
    struct filter all = {.region = -1};

    for (size_t i = 0; i < TT_ALLOC_REGIONS; i++) {
        uint32_t region = region_order[i];
        struct sum sum = sum_region(facts->usage, facts->usage_count, region, &all);
        char text[40];
        int length = snprintf(text, sizeof(text), "%s %s", regions[region].title, format_size(sum.bytes).text);

        if (sum.bytes == 0 || x + 2 + (size_t)length > area->width)
            continue;
        x = area_put(area, x + 2, 0, (struct pen){region_inks[region], 0}, text);
    }
    return x;
}

static void draw_title(const struct area *area, const struct device_picture *picture)
{
    struct formatted board = board_name(picture->row), sensors = describe_sensors(picture->row);
    size_t x;

    area_put_right(area, 0, 0, 4, BOLD, device_row_label(picture->row).text);
    x = area_put(area, 6, 0, BOLD, board.text);
    if (sensors.text[0])
        x = area_put(area, x + 2, 0, PLAIN, sensors.text);
    if (!picture->model->is_past)
        x = draw_regions(area, x + 1, picture);
    if (x + 2 + strlen(span) < area->width)
        area_put_right(area, x + 2, 0, area->width - x - 2, DIM, span);
    if (picture->is_selected)
        area_mark(area, 0, PEN_REVERSE);
}

/* What is left beside name and figure goes to the bar first; then they share. */
static size_t bar_width(size_t left)
{
    size_t width = left < BAR_LEAST + SPARK_LEAST + 1 ? left : left * 3 / 5;

    return width > BAR_MOST ? BAR_MOST : width;
}

static void draw_pool(const struct area *area, size_t y, const struct device_picture *picture, uint32_t pool)
{
    struct pool_picture drawn = picture_pool(picture, pool);
    size_t edges = 4 + NAME_WIDTH + 1 + FIGURE_WIDTH;
    size_t left = area->width > edges ? area->width - edges : 0, bar = bar_width(left), x = 4 + NAME_WIDTH;

    area_put_left(area, 4, y, NAME_WIDTH - 1, PLAIN, pool_titles[pool]);
    if (bar >= 3)
        bar_draw(area, x, y, bar, &drawn.bar);
    x += bar >= 3 ? bar + 1 : 0;
    area_put_left(area, x, y, FIGURE_WIDTH - 1, PLAIN, drawn.figure);
    x += FIGURE_WIDTH;
    if (left > bar && x < area->width)
        draw_pool_spark(area, x, y, area->width - x, picture, pool);
}

void draw_card(const struct area *area, const struct device_picture *picture)
{
    draw_title(area, picture);
    draw_pool(area, 1, picture, TT_ALLOC_POOL_DRAM);
    draw_pool(area, 2, picture, TT_ALLOC_POOL_L1);
}
