/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A table of text that never wraps: columns are as wide as what they hold, and where the line is too narrow, columns
 * give way in the order their owner chose. A pure function of its cells: it knows neither terminals nor memory figures.
 */

#include "smi/text/style.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct column {
    const char *title;
    bool right;   /* numbers */
    size_t least; /* 0: rigid; else what it may be cut down to. At most one column, the last */
    int sheds;    /* 0: stays as long as anything can; else the highest goes first */
};

struct table;

/* columns must outlive the table, style is copied. NULL when out of memory; all functions below take that. */
struct table *table_new(const struct column *columns, size_t count, const struct style *style);

/* Takes NULL, returns NULL. */
struct table *table_free(struct table *table);

/* Whether lines have a width to keep to. */
bool table_is_limited(const struct table *table);

/* Begins a row; cells that are not set stay empty. */
void table_row(struct table *table);

/* Sets a cell of the last row; the text is escaped. Out of memory is remembered for table_print(). */
void table_set(struct table *table, size_t column, enum tint tint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The width of a line once every column that sheds at least that early is gone and the last one is cut to its least. */
size_t table_needs(const struct table *table, int sheds);

/* Writes the titles, unless no column has one, and the rows; nothing if there are none. Once: what does not fit is cut.
 * -ENOMEM if a cell could not be kept. */
int table_print(const struct table *table, FILE *out);
