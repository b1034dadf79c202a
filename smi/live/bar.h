/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One bar for a pool: its regions one behind the other, what is free, and a mark where the peak was. */

#include "smi/live/screen.h"
#include "smi/sample/model.h"

#define BAR_PARTS_MAX 3

struct bar {
    uint64_t size; /* of the pool; 0: not known */
    bool is_known; /* what is in use */
    uint64_t parts[BAR_PARTS_MAX];
    size_t count;
    bool has_peak;
    uint64_t peak;
};

/* The bar of a pool of a device, with regions in the order of tables. */
struct bar bar_of_pool(const struct device_row *row, uint32_t pool);

/* Cells of each part, and of the free rest behind them; together they are `cells`. A part that holds something has a
 * cell as long as there is room for it. */
void bar_divide(const struct bar *bar, size_t cells, size_t ret[BAR_PARTS_MAX + 1]);

/* How full it is decides on the colour: the share in use of the whole, or -1 where one of them is not known. */
double bar_share(const struct bar *bar);
enum ink bar_ink(double share);

/* In brackets: "[####==---|----]", width is at least 3. What is not known is a question mark in them. */
void bar_draw(const struct area *area, size_t x, size_t y, size_t width, const struct bar *bar);
