/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A picture of the terminal in memory: a grid of cells, each with a character and how it looks. Everything the live
 * view shows is drawn here, so that it can be tested without a terminal; curses.c carries it over.
 *
 * Who draws gets an area and cannot reach beyond it. All text is escaped on its way in, whoever wrote it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ink {
    INK_PLAIN,
    INK_GREEN,
    INK_YELLOW,
    INK_RED,
    INK_CYAN,
    INK_BLUE,
    INK_MAGENTA,
    INKS,
};

#define PEN_BOLD (1u << 0)
#define PEN_DIM (1u << 1)
#define PEN_REVERSE (1u << 2)

struct pen {
    enum ink ink;
    unsigned attributes;
};

#define PLAIN ((struct pen){INK_PLAIN, 0})
#define BOLD ((struct pen){INK_PLAIN, PEN_BOLD})
#define DIM ((struct pen){INK_PLAIN, PEN_DIM})

struct cell {
    uint32_t character; /* 0: the right half of a wide one */
    uint8_t ink, attributes;
    bool is_drawn;
};

struct screen {
    size_t width, height;
    bool utf8; /* else ASCII only */
    struct cell *cells;
    size_t overdrawn; /* cells that were drawn twice: a mistake of the layout */
};

/* All blank. -ENOMEM. */
int screen_init(struct screen *screen, size_t width, size_t height, bool utf8);

/* Takes zeroed ones. */
void screen_clear(struct screen *screen);

static inline struct cell *screen_at(const struct screen *screen, size_t x, size_t y)
{
    return &screen->cells[y * screen->width + x];
}

/* Makes all of it look old: dim, without colour. */
void screen_fade(struct screen *screen, size_t first_line, size_t end_line);

/* The lines as text, without the blanks at their ends. NULL when out of memory; free() it. */
char *screen_text(const struct screen *screen);

struct area {
    struct screen *screen;
    size_t x, y, width, height;
};

struct area screen_area(struct screen *screen);

/* A part of an area, as much of it as is inside. */
struct area area_part(const struct area *area, size_t x, size_t y, size_t width, size_t height);

/* What does not fit is cut off. Return the column behind the text. */
size_t area_put(const struct area *area, size_t x, size_t y, struct pen pen, const char *text);
size_t area_print(const struct area *area, size_t x, size_t y, struct pen pen, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* In a field of that many columns, at its left or right end; where the text is wider, it is cut, and marked as cut. */
void area_put_left(const struct area *area, size_t x, size_t y, size_t width, struct pen pen, const char *text);
void area_put_right(const struct area *area, size_t x, size_t y, size_t width, struct pen pen, const char *text);

/* One character of our own that fills that many columns. */
void area_fill(const struct area *area, size_t x, size_t y, size_t width, struct pen pen, uint32_t character);

/* Gives a whole line of the area these attributes, drawn or not. */
void area_mark(const struct area *area, size_t y, unsigned attributes);
