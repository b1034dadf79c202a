/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Many devices: one line each, or only a mark each. A row gives up its spark first, then the board, then the bars.
 */

#include "smi/live/draw.h"
#include "smi/live/spark.h"
#include "smi/text/format.h"

#include <stdio.h>

#define LABEL_WIDTH 5
#define BOARD_WIDTH 12
#define BOARD_MOST 28 /* "n300 chip 0100014511708021" */
#define SENSORS_WIDTH 9
#define BAR_LEAST 10
#define BAR_MOST 30
#define SPARK_LEAST 10

/* Widths with a blank behind each; 0: it is not there. */
struct columns_of_row {
    size_t board, bar, sensors, spark;
};

static size_t take(size_t *left, size_t wanted)
{
    size_t taken = *left >= wanted ? wanted : 0;

    *left -= taken;
    return taken;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Of what is left each bar takes a quarter, the board what a long name needs, and the spark the rest. */
static void grow(struct columns_of_row *columns, size_t left)
{
    size_t bar = columns->bar > 0 ? least(left / 4, BAR_MOST - BAR_LEAST) : 0;
    size_t board = columns->board > 0 ? least(left / 4, BOARD_MOST - BOARD_WIDTH) : 0;

    columns->bar += bar;
    columns->board += board;
    if (columns->spark > 0)
        columns->spark += left - 2 * bar - board;
}

static struct columns_of_row share_width(size_t width, bool has_sensors)
{
    size_t edges = LABEL_WIDTH + 2 * FIGURE_WIDTH, left = width > edges ? width - edges : 0;
    struct columns_of_row columns = {0};

    columns.bar = take(&left, 2 * BAR_LEAST) / 2;
    columns.board = take(&left, BOARD_WIDTH);
    columns.spark = take(&left, SPARK_LEAST);
    columns.sensors = has_sensors ? take(&left, SENSORS_WIDTH) : 0;
    grow(&columns, left);
    return columns;
}

void draw_row_title(const struct area *area, bool has_sensors)
{
    struct columns_of_row columns = share_width(area->width, has_sensors);
    size_t x = LABEL_WIDTH, pool = columns.bar + FIGURE_WIDTH;

    area_put_right(area, 0, 0, LABEL_WIDTH - 1, BOLD, "DEV");
    if (columns.board > 0)
        area_put_left(area, x, 0, columns.board - 1, BOLD, "BOARD");
    x += columns.board;
    area_put_left(area, x, 0, pool - 1, BOLD, pool_titles[TT_ALLOC_POOL_DRAM]);
    area_put_left(area, x + pool, 0, pool - 1, BOLD, pool_titles[TT_ALLOC_POOL_L1]);
    x += 2 * pool;
    if (columns.sensors > 0)
        area_put_left(area, x, 0, columns.sensors - 1, BOLD, "TEMP PWR");
    x += columns.sensors;
    if (columns.spark > 0)
        area_put_left(area, x, 0, columns.spark, BOLD, columns.spark >= 19 ? "DRAM, LAST 15 MIN" : "15 MIN");
}

static size_t draw_pool(const struct area *area, size_t x, const struct device_picture *picture, uint32_t pool,
                        size_t bar)
{
    struct pool_picture drawn = picture_pool(picture, pool);

    enum ink ink = bar > 0 ? INK_PLAIN : bar_ink(bar_share(&drawn.bar)); /* somewhere it must be seen */

    if (bar > 0)
        bar_draw(area, x, 0, bar - 1, &drawn.bar);
    area_put_left(area, x + bar, 0, FIGURE_WIDTH - 1, (struct pen){ink, 0}, drawn.figure);
    return x + bar + FIGURE_WIDTH;
}

void draw_row(const struct area *area, const struct device_picture *picture)
{
    struct columns_of_row columns = share_width(area->width, picture->has_sensors);
    size_t x = LABEL_WIDTH;

    area_put_right(area, 0, 0, LABEL_WIDTH - 1, BOLD, device_row_label(picture->row).text);
    if (columns.board > 0)
        area_put_left(area, x, 0, columns.board - 1, PLAIN, board_name(picture->row).text);
    x = draw_pool(area, x + columns.board, picture, TT_ALLOC_POOL_DRAM, columns.bar);
    x = draw_pool(area, x, picture, TT_ALLOC_POOL_L1, columns.bar);
    if (columns.sensors > 0)
        area_put_left(area, x, 0, columns.sensors - 1, PLAIN, describe_sensors(picture->row).text);
    draw_pool_spark(area, x + columns.sensors, 0, columns.spark, picture, TT_ALLOC_POOL_DRAM);
    if (picture->is_selected)
        area_mark(area, 0, PEN_REVERSE);
}

/* " 10 ##!97%": how full the dram pool is; what is nearly full stands out. */
void draw_mark(const struct area *area, const struct device_picture *picture)
{
    struct pool_picture drawn = picture_pool(picture, TT_ALLOC_POOL_DRAM);
    double share = bar_share(&drawn.bar);
    struct pen pen = {bar_ink(share), share >= 0.95 ? PEN_BOLD : 0};
    int level = share < 0 ? SPARK_GAP : spark_level((uint64_t)(share * 1000), 1000);

    area_put_right(area, 0, 0, 4, PLAIN, device_row_label(picture->row).text);
    if (level == SPARK_GAP) {
        area_put(area, 5, 0, DIM, drawn.bar.is_known ? "size ?" : "?");
    } else {
        area_fill(area, 5, 0, 1, pen, spark_shape(level, area->screen->utf8));
        area_print(area, 6, 0, pen, "%s%3.0f%%", share >= 0.95 ? "!" : " ", share * 100);
    }
    if (picture->is_selected)
        area_mark(area, 0, PEN_REVERSE);
}
