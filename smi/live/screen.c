/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A cell holds one character: combining marks are dropped, which costs an accent now and then and keeps cells small and
 * comparable.
 */

#include "smi/live/screen.h"
#include "smi/text/style.h"
#include "smi/text/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define TEXT_MAX 4096 /* more than a line can show, however little of it is printable */

int screen_init(struct screen *screen, size_t width, size_t height, bool utf8)
{
    struct cell *cells = calloc(width * height + 1, sizeof(*cells));

    if (!cells)
        return -ENOMEM;
    for (size_t i = 0; i < width * height; i++)
        cells[i].character = ' ';
    *screen = (struct screen){.width = width, .height = height, .utf8 = utf8, .cells = cells};
    return 0;
}

void screen_clear(struct screen *screen)
{
    free(screen->cells);
    *screen = (struct screen){0};
}

void screen_fade(struct screen *screen, size_t first_line, size_t end_line)
{
    for (size_t i = first_line * screen->width; i < end_line * screen->width; i++) {
        screen->cells[i].ink = INK_PLAIN;
        screen->cells[i].attributes = (screen->cells[i].attributes & PEN_REVERSE) | PEN_DIM;
    }
}

static void write_line(FILE *out, const struct screen *screen, size_t y)
{
    size_t end = screen->width;

    while (end > 0 && screen_at(screen, end - 1, y)->character == ' ')
        end--;
    for (size_t x = 0; x < end; x++) {
        if (screen_at(screen, x, y)->character != 0)
            fprintf(out, "%lc", (wint_t)screen_at(screen, x, y)->character);
    }
    fputc('\n', out);
}

char *screen_text(const struct screen *screen)
{
    size_t size;
    char *text = NULL;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    for (size_t y = 0; y < screen->height; y++)
        write_line(out, screen, y);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

struct area screen_area(struct screen *screen)
{
    return (struct area){screen, 0, 0, screen->width, screen->height};
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

struct area area_part(const struct area *area, size_t x, size_t y, size_t width, size_t height)
{
    size_t left = least(x, area->width), top = least(y, area->height);

    return (struct area){area->screen, area->x + left, area->y + top, least(width, area->width - left),
                         least(height, area->height - top)};
}

static void draw(const struct area *area, size_t x, size_t y, struct pen pen, uint32_t character)
{
    struct screen *screen = area->screen;
    struct cell *cell = screen_at(screen, area->x + x, area->y + y);

    screen->overdrawn += cell->is_drawn;
    *cell = (struct cell){character, (uint8_t)pen.ink, (uint8_t)(pen.attributes | cell->attributes), true};
}

/* Returns the column behind it; where a wide character has only half a place, there stays a blank. */
static size_t draw_character(const struct area *area, size_t x, size_t y, struct pen pen, uint32_t character)
{
    int columns = character >= 0x20 && character < 0x7f ? 1 : wcwidth((wchar_t)character);

    if (columns <= 0)
        return x;
    if (x + (size_t)columns > area->width)
        return area->width;
    draw(area, x, y, pen, character);
    if (columns == 2)
        draw(area, x + 1, y, pen, 0);
    return x + (size_t)columns;
}

/* The text is escaped. */
static size_t draw_text(const struct area *area, size_t x, size_t y, struct pen pen, const char *text)
{
    size_t length = strlen(text);

    if (y >= area->height)
        return x;
    for (size_t at = 0; at < length && x < area->width;) {
        uint32_t character = '?';
        size_t size = utf8_decode(text + at, length - at, &character);

        x = draw_character(area, x, y, pen, character);
        at += size ? size : 1;
    }
    return x;
}

size_t area_put(const struct area *area, size_t x, size_t y, struct pen pen, const char *text)
{
    char *escaped = text_escape(text, area->screen->utf8);
    size_t end = escaped ? draw_text(area, x, y, pen, escaped) : x;

    free(escaped);
    return end;
}

size_t area_print(const struct area *area, size_t x, size_t y, struct pen pen, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return area_put(area, x, y, pen, text);
}

static void put_field(const struct area *area, size_t x, size_t y, size_t width, struct pen pen, const char *text,
                      bool is_right)
{
    struct style style = {.utf8 = area->screen->utf8};
    char *escaped = text_escape(text, style.utf8);
    char *cut = escaped && width > 0 ? style_cut(&style, escaped, width) : NULL;
    size_t columns = cut ? text_width(cut) : 0;

    if (cut)
        draw_text(area, is_right && columns < width ? x + width - columns : x, y, pen, cut);
    free(cut);
    free(escaped);
}

void area_put_left(const struct area *area, size_t x, size_t y, size_t width, struct pen pen, const char *text)
{
    put_field(area, x, y, width, pen, text, false);
}

void area_put_right(const struct area *area, size_t x, size_t y, size_t width, struct pen pen, const char *text)
{
    put_field(area, x, y, width, pen, text, true);
}

void area_fill(const struct area *area, size_t x, size_t y, size_t width, struct pen pen, uint32_t character)
{
    for (size_t i = 0; i < width && x + i < area->width && y < area->height; i++)
        draw(area, x + i, y, pen, character);
}

void area_mark(const struct area *area, size_t y, unsigned attributes)
{
    for (size_t x = 0; y < area->height && x < area->width; x++)
        screen_at(area->screen, area->x + x, area->y + y)->attributes |= (uint8_t)attributes;
}
