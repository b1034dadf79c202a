/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What goes where on a screen of any size with any number of devices. Devices have at most 11/20 of what the lines at
 * the edges leave, so that 32 of them have bars on 120x40: as cards of three lines where these fit, else as rows, else
 * as a grid of short marks. A pure function of sizes, so that the picture does not jump when processes come and go.
 */

#include <stdbool.h>
#include <stddef.h>

enum form {
    FORM_CARDS,
    FORM_ROWS,
    FORM_GRID,
};

/* What the user wants. */
enum fullness {
    FULLNESS_AUTO,
    FULLNESS_FULL,    /* cards, even if not all are to be seen at once */
    FULLNESS_COMPACT, /* rows at most */
};

struct box {
    size_t x, y, width, height;
};

struct layout {
    struct box header, devices, status, table, events, keys; /* of no height: not there */
    enum form form;
    size_t columns;                 /* of devices side by side */
    size_t item_width, item_height; /* of one device */
    size_t title_height;            /* lines above the first device */
    size_t visible_rows;            /* of devices */
};

#define LAYOUT_GAP 2 /* columns between devices */

struct layout layout_make(size_t width, size_t height, size_t devices, enum fullness fullness);

/* Where the device at this place among the visible ones is, within the box of devices. */
struct box layout_item(const struct layout *layout, size_t place);

/* How many rows of devices there are in all. */
size_t layout_rows(const struct layout *layout, size_t devices);
