/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A column stands for the highest of its values, because a short spike is what one looks for.
 */

#include "smi/live/spark.h"

static const char ascii_levels[] = "_.,-~=*#^"; /* by height as far as characters go */

int spark_level(uint64_t value, uint64_t most)
{
    double share;

    if (value == SPARK_UNKNOWN)
        return SPARK_GAP;
    if (value == 0 || most == 0)
        return 0;
    share = (double)value / (double)most;
    return share >= 1 ? SPARK_LEVELS : (int)(share * (SPARK_LEVELS - 1)) + 1;
}

uint64_t spark_most(const uint64_t *values, size_t count)
{
    uint64_t most = SPARK_UNKNOWN;

    for (size_t i = 0; i < count; i++) {
        if (values[i] != SPARK_UNKNOWN && (most == SPARK_UNKNOWN || values[i] > most))
            most = values[i];
    }
    return most;
}

uint32_t spark_shape(int level, bool utf8)
{
    if (level == SPARK_GAP)
        return ' ';
    if (!utf8)
        return (uint32_t)ascii_levels[level];
    return level == 0 ? '_' : 0x2580 + (uint32_t)level;
}

void spark_draw(const struct area *area, size_t x, size_t y, size_t width, const uint64_t *values, size_t count,
                uint64_t most, struct pen pen)
{
    uint64_t highest = spark_most(values, count);

    if (most == 0)
        most = highest == SPARK_UNKNOWN ? 0 : highest;
    for (size_t column = 0; column < width; column++) {
        size_t first = column * count / width, end = (column + 1) * count / width;
        uint64_t value = spark_most(values + first, end > first ? end - first : 1);

        area_fill(area, x + column, y, 1, pen, spark_shape(spark_level(value, most), area->screen->utf8));
    }
}
