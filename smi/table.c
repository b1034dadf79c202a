/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Written by hand although there is a library for tables: which column goes first on a narrow screen is the point here,
 * and a list of widths with one loop over it says that more plainly than a library's hints would.
 */

#include "smi/table.h"
#include "smi/text.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2

struct cell {
    const char *text; /* NULL: empty */
    size_t width;
    enum tint tint;
};

struct table {
    const struct column *columns;
    size_t column_count;
    struct style style;
    struct cell *cells; /* row after row */
    size_t row_count;
    bool failed;
};

/* What is left of the columns on a line of a given width. */
struct layout {
    size_t *widths; /* 0: shed */
    size_t shown;
    size_t total; /* with gaps */
};

struct table *table_new(const struct column *columns, size_t count, const struct style *style)
{
    struct table *table = calloc(1, sizeof(*table));

    if (!table)
        return NULL;
    table->columns = columns;
    table->column_count = count;
    table->style = *style;
    return table;
}

struct table *table_free(struct table *table)
{
    if (!table)
        return NULL;
    for (size_t i = 0; i < table->row_count * table->column_count; i++)
        free((char *)table->cells[i].text);
    free(table->cells);
    free(table);
    return NULL;
}

bool table_is_limited(const struct table *table)
{
    return table && table->style.width > 0;
}

void table_row(struct table *table)
{
    struct cell *cells;

    if (!table)
        return;
    cells = reallocarray(table->cells, (table->row_count + 1) * table->column_count, sizeof(*cells));
    if (!cells) {
        table->failed = true;
        return;
    }
    table->cells = cells;
    memset(cells + table->row_count * table->column_count, 0, table->column_count * sizeof(*cells));
    table->row_count++;
}

void table_set(struct table *table, size_t column, enum tint tint, const char *format, ...)
{
    struct cell *cell;
    va_list arguments;

    if (!table || table->failed)
        return;
    assert(table->row_count > 0 && column < table->column_count);
    cell = &table->cells[(table->row_count - 1) * table->column_count + column];
    free((char *)cell->text);
    va_start(arguments, format);
    cell->text = style_compose(&table->style, format, arguments);
    va_end(arguments);
    cell->width = cell->text ? text_width(cell->text) : 0;
    cell->tint = tint;
    table->failed = !cell->text;
}

/* Line 0 holds the titles, line n row n - 1. */
static struct cell cell_at(const struct table *table, size_t line, size_t column)
{
    const char *title = table->columns[column].title;

    if (line == 0)
        return (struct cell){.text = title, .width = strlen(title), .tint = TINT_BOLD};
    return table->cells[(line - 1) * table->column_count + column];
}

static size_t natural_width(const struct table *table, size_t column)
{
    size_t width = 0;

    for (size_t line = 0; line <= table->row_count; line++) {
        struct cell cell = cell_at(table, line, column);

        width = cell.width > width ? cell.width : width;
    }
    return width;
}

static size_t least_width(const struct table *table, size_t column, size_t natural)
{
    size_t least = table->columns[column].least;

    return least > 0 && least < natural ? least : natural;
}

size_t table_needs(const struct table *table, int sheds)
{
    size_t total = 0;

    for (size_t i = 0; table && i < table->column_count; i++) {
        size_t natural = natural_width(table, i);

        if (natural > 0 && table->columns[i].sheds < sheds)
            total += least_width(table, i, natural) + (total > 0 ? GAP : 0);
    }
    return total;
}

/* The column that goes next: the highest sheds, of equals the one on the right. Never the last one standing. */
static size_t next_to_shed(const struct table *table, const struct layout *layout)
{
    size_t found = table->column_count;

    for (size_t i = 0; i < table->column_count; i++) {
        if (layout->widths[i] > 0 &&
            (found == table->column_count || table->columns[i].sheds >= table->columns[found].sheds))
            found = i;
    }
    return found;
}

static void shed(const struct table *table, struct layout *layout)
{
    while (layout->shown > 1 && layout->total > table->style.width) {
        size_t column = next_to_shed(table, layout);

        layout->total -= layout->widths[column] + GAP;
        layout->widths[column] = 0;
        layout->shown--;
    }
}

/* Gives the line's rest back to the last column, or cuts it where even that is too wide. */
static void stretch(const struct table *table, struct layout *layout, size_t natural)
{
    size_t last = table->column_count;

    while (last > 0 && layout->widths[last - 1] == 0)
        last--;
    if (last == 0)
        return;
    if (layout->total > table->style.width) {
        layout->widths[last - 1] = table->style.width;
    } else if (last == table->column_count && layout->widths[last - 1] < natural) {
        size_t width = layout->widths[last - 1] + table->style.width - layout->total;

        layout->widths[last - 1] = width < natural ? width : natural;
    }
}

static void fit(const struct table *table, struct layout *layout)
{
    size_t natural = 0;

    for (size_t i = 0; i < table->column_count; i++) {
        natural = natural_width(table, i);
        layout->widths[i] = table->style.width == 0 ? natural : least_width(table, i, natural);
        if (natural > 0) {
            layout->total += layout->widths[i] + (layout->shown > 0 ? GAP : 0);
            layout->shown++;
        }
    }
    if (table->style.width == 0)
        return;
    shed(table, layout);
    stretch(table, layout, natural);
}

static void pad(FILE *out, size_t columns)
{
    fprintf(out, "%*s", (int)columns, "");
}

/* Blanks that would end the line are owed until something follows. Returns what is owed after this cell. */
static size_t put_cell(const struct table *table, FILE *out, const struct cell *cell, bool right, size_t width,
                       size_t owed)
{
    size_t blank = width > cell->width ? width - cell->width : 0;

    if (cell->width == 0)
        return owed + width;
    pad(out, owed + (right ? blank : 0));
    style_put(out, &table->style, cell->tint, cell->text, width);
    return right ? 0 : blank;
}

static void put_line(const struct table *table, const struct layout *layout, size_t line, FILE *out)
{
    size_t owed = 0;
    bool first = true;

    for (size_t i = 0; i < table->column_count; i++) {
        struct cell cell = cell_at(table, line, i);

        if (layout->widths[i] == 0)
            continue;
        owed = put_cell(table, out, &cell, table->columns[i].right, layout->widths[i], owed + (first ? 0 : GAP));
        first = false;
    }
    fputc('\n', out);
}

static bool has_titles(const struct table *table)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].title[0])
            return true;
    }
    return false;
}

int table_print(const struct table *table, FILE *out)
{
    struct layout layout = {0};

    if (!table || table->failed)
        return -ENOMEM;
    layout.widths = calloc(table->column_count, sizeof(*layout.widths));
    if (!layout.widths)
        return -ENOMEM;
    fit(table, &layout);
    for (size_t line = has_titles(table) ? 0 : 1; line <= table->row_count; line++)
        put_line(table, &layout, line, out);
    free(layout.widths);
    return 0;
}
