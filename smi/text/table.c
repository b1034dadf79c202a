/* SPDX-License-Identifier: Apache-2.0 */

/*
 * libsmartcols draws: titles, gaps, alignment, colours. What it cannot do is left to us: to let whole columns go in an
 * order of their owner's, to mark what was cut, and not to end lines with blanks. Its escaping is off, because it knows
 * neither characters that deceive nor text that was escaped already. With that off, it must never see broken UTF-8; and
 * as it is told of no terminal, it changes no width.
 */

#include "smi/text/table.h"
#include "smi/text/text.h"

#include <assert.h>
#include <errno.h>
#include <libsmartcols.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char gap[] = "  ";

#define GAP (sizeof(gap) - 1)

struct table {
    const struct column *columns;
    size_t column_count;
    struct style style;
    struct libscols_table *drawing;
    struct libscols_line *row; /* the last one; NULL: there is none, or no memory for it */
    size_t *natural;           /* widths of the columns */
    bool failed;
};

/* What is left of the columns on a line of a given width. */
struct layout {
    size_t *widths; /* 0: shed */
    size_t shown;
    size_t total; /* with gaps */
};

static int tint_cell(struct libscols_cell *cell, enum tint tint)
{
    return tint == TINT_NONE ? 0 : scols_cell_set_color(cell, style_code(tint));
}

/* 0 or negative. */
static int add_column(struct table *table, size_t at)
{
    const struct column *column = &table->columns[at];
    struct libscols_column *drawn =
        scols_table_new_column(table->drawing, column->title, 0, column->right ? SCOLS_FL_RIGHT : 0);

    table->natural[at] = strlen(column->title);
    if (table->natural[at] > 0)
        scols_table_enable_noheadings(table->drawing, 0);
    return drawn ? tint_cell(scols_column_get_header(drawn), TINT_BOLD) : -ENOMEM;
}

struct table *table_new(const struct column *columns, size_t count, const struct style *style)
{
    struct table *table = calloc(1, sizeof(*table));

    if (!table)
        return NULL;
    *table = (struct table){.columns = columns, .column_count = count, .style = *style};
    table->natural = calloc(count, sizeof(*table->natural));
    table->drawing = scols_new_table();
    if (!table->natural || !table->drawing)
        return table_free(table);
    scols_table_enable_noheadings(table->drawing, 1);
    scols_table_enable_noencoding(table->drawing, 1);
    scols_table_enable_colors(table->drawing, style->color);
    scols_table_set_termforce(table->drawing, SCOLS_TERMFORCE_NEVER);
    table->failed = scols_table_set_column_separator(table->drawing, gap) < 0;
    for (size_t i = 0; i < count && !table->failed; i++)
        table->failed = add_column(table, i) < 0;
    return table;
}

struct table *table_free(struct table *table)
{
    if (!table)
        return NULL;
    scols_unref_table(table->drawing);
    free(table->natural);
    free(table);
    return NULL;
}

bool table_is_limited(const struct table *table)
{
    return table && table->style.width > 0;
}

void table_row(struct table *table)
{
    if (!table || table->failed)
        return;
    table->row = scols_table_new_line(table->drawing, NULL);
    table->failed = !table->row;
}

void table_set(struct table *table, size_t column, enum tint tint, const char *format, ...)
{
    struct libscols_cell *cell;
    size_t width;
    va_list arguments;
    char *text;

    if (!table || table->failed)
        return;
    assert(table->row && column < table->column_count);
    va_start(arguments, format);
    text = style_compose(&table->style, format, arguments);
    va_end(arguments);
    cell = scols_line_get_cell(table->row, column);
    table->failed = !text || scols_cell_refer_data(cell, text) < 0 || tint_cell(cell, tint) < 0;
    width = text ? text_width(text) : 0;
    if (width > table->natural[column])
        table->natural[column] = width;
}

static size_t least_width(const struct table *table, size_t column)
{
    size_t least = table->columns[column].least, natural = table->natural[column];

    return least > 0 && least < natural ? least : natural;
}

size_t table_needs(const struct table *table, int sheds)
{
    size_t total = 0;

    for (size_t i = 0; table && i < table->column_count; i++) {
        if (table->natural[i] > 0 && table->columns[i].sheds < sheds)
            total += least_width(table, i) + (total > 0 ? GAP : 0);
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
static void stretch(const struct table *table, struct layout *layout)
{
    size_t last = table->column_count;

    while (last > 0 && layout->widths[last - 1] == 0)
        last--;
    if (last == 0)
        return;
    if (layout->total > table->style.width)
        layout->widths[last - 1] = table->style.width;
    else if (last == table->column_count)
        layout->widths[last - 1] += table->style.width - layout->total;
}

static void fit(const struct table *table, struct layout *layout)
{
    for (size_t i = 0; i < table->column_count; i++) {
        layout->widths[i] = table->style.width == 0 ? table->natural[i] : least_width(table, i);
        if (layout->widths[i] > 0) {
            layout->total += layout->widths[i] + (layout->shown > 0 ? GAP : 0);
            layout->shown++;
        }
    }
    if (table->style.width == 0)
        return;
    shed(table, layout);
    stretch(table, layout);
}

static int cut_cell(const struct table *table, struct libscols_cell *cell, size_t width)
{
    const char *text = scols_cell_get_data(cell);
    char *cut;

    if (!text || text[text_fit(text, width)] == '\0')
        return 0;
    cut = style_cut(&table->style, text, width);
    return cut ? scols_cell_refer_data(cell, cut) : -ENOMEM;
}

static int cut_column(const struct table *table, struct libscols_column *column, size_t width)
{
    struct libscols_iter *at = scols_new_iter(SCOLS_ITER_FORWARD);
    struct libscols_line *row;
    int r = at ? cut_cell(table, scols_column_get_header(column), width) : -ENOMEM;

    while (r == 0 && scols_table_next_line(table->drawing, at, &row) == 0)
        r = cut_cell(table, scols_line_get_column_cell(row, column), width);
    scols_free_iter(at);
    return r;
}

/* Hides the column, or cuts its cells to its width. */
static int apply(const struct table *table, size_t at, size_t width)
{
    struct libscols_column *column = scols_table_get_column(table->drawing, at);

    if (width == 0)
        return scols_column_set_flags(column, scols_column_get_flags(column) | SCOLS_FL_HIDDEN);
    return width < table->natural[at] ? cut_column(table, column, width) : 0;
}

/* libsmartcols pads cells in front of empty ones. */
static void put_lines(FILE *out, const char *text)
{
    while (*text) {
        size_t line = strcspn(text, "\n"), length = line;

        while (length > 0 && text[length - 1] == ' ')
            length--;
        fwrite(text, 1, length, out);
        fputc('\n', out);
        text += line + (text[line] == '\n');
    }
}

static int draw(const struct table *table, const struct layout *layout, FILE *out)
{
    char *text = NULL;
    int r = 0;

    for (size_t i = 0; i < table->column_count && r == 0; i++)
        r = apply(table, i, layout->widths[i]);
    if (r == 0)
        r = scols_print_table_to_string(table->drawing, &text);
    if (r == 0 && text)
        put_lines(out, text);
    free(text);
    return r == 0 ? 0 : -ENOMEM;
}

int table_print(const struct table *table, FILE *out)
{
    struct layout layout = {0};
    int r;

    if (!table || table->failed)
        return -ENOMEM;
    layout.widths = calloc(table->column_count, sizeof(*layout.widths));
    if (!layout.widths)
        return -ENOMEM;
    fit(table, &layout);
    r = draw(table, &layout, out);
    free(layout.widths);
    return r;
}
