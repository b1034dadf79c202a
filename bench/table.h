/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Tables of what is in the book. A row is the beginning of a name, a column the end of it: "ring.fifo.1000" and
 * ".client_ns". Ratios come first, because they are what may be compared with another run.
 */

#include <stddef.h>

#include "bench/book.h"

enum table_kind {
    TABLE_PLAIN,
    TABLE_LEAST,
    TABLE_MOST,
    TABLE_OVER_GETPPID,
    TABLE_OVER_BASE,  /* this row's figure as a share of the base row's */
    TABLE_BASE_TIMES, /* how many times the base row's figure */
};

struct table_column {
    const char *title;
    const char *suffix;
    enum table_kind kind;
    double scale;
};

struct table {
    const struct book *book;
    const struct table_column *columns;
    size_t count;
};

void table_title(const struct table *table, const char *title);

/* A row of which nothing was measured is not printed. base may be NULL. */
void table_row(const struct table *table, const char *label, const char *prefix, const char *base);

/* Three significant digits, a dash for NAN. */
void table_number(double value, char *ret, size_t size);
