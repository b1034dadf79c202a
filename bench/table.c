/* SPDX-License-Identifier: Apache-2.0 */

#include "bench/table.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#define LABEL_WIDTH 38
#define CELL_WIDTH 14

void table_number(double value, char *ret, size_t size)
{
    double magnitude = fabs(value);

    if (isnan(value))
        snprintf(ret, size, "-");
    else if (value == 0)
        snprintf(ret, size, "0");
    else if (magnitude >= 100)
        snprintf(ret, size, "%.0f", value);
    else if (magnitude >= 10)
        snprintf(ret, size, "%.1f", value);
    else if (magnitude >= 1)
        snprintf(ret, size, "%.2f", value);
    else
        snprintf(ret, size, "%.3f", value);
}

void table_title(const struct table *table, const char *title)
{
    printf("\n%s\n%-*s", title, LABEL_WIDTH, "");
    for (size_t i = 0; i < table->count; i++)
        printf("%*s", CELL_WIDTH, table->columns[i].title);
    putchar('\n');
}

static double ratio(const struct book *book, const char *prefix, const char *base, const char *suffix)
{
    char name[BOOK_NAME_SIZE], base_name[BOOK_NAME_SIZE];

    if (!base)
        return NAN;
    snprintf(name, sizeof(name), "%s%s", prefix, suffix);
    snprintf(base_name, sizeof(base_name), "%s%s", base, suffix);
    return book_median(book, name) / book_median(book, base_name);
}

static double value_of(const struct book *book, const struct table_column *column, const char *prefix, const char *base)
{
    char name[BOOK_NAME_SIZE];

    snprintf(name, sizeof(name), "%s%s", prefix, column->suffix);
    switch (column->kind) {
    case TABLE_LEAST:
        return book_least(book, name);
    case TABLE_MOST:
        return book_most(book, name);
    case TABLE_OVER_GETPPID:
        return book_median(book, name) / book_median(book, "floor.getppid_ns");
    case TABLE_OVER_BASE:
        return ratio(book, prefix, base, column->suffix);
    case TABLE_BASE_TIMES:
        return 1 / ratio(book, prefix, base, column->suffix);
    default:
        return book_median(book, name);
    }
}

static bool is_known(const struct table *table, const char *prefix)
{
    for (size_t i = 0; i < table->count; i++) {
        char name[BOOK_NAME_SIZE];

        snprintf(name, sizeof(name), "%s%s", prefix, table->columns[i].suffix);
        if (!isnan(book_median(table->book, name)))
            return true;
    }
    return false;
}

void table_row(const struct table *table, const char *label, const char *prefix, const char *base)
{
    char cell[32];

    if (!is_known(table, prefix))
        return;
    printf("%-*s", LABEL_WIDTH, label);
    for (size_t i = 0; i < table->count; i++) {
        const struct table_column *column = &table->columns[i];

        table_number(value_of(table->book, column, prefix, base) / column->scale, cell, sizeof(cell));
        printf("%*s", CELL_WIDTH, cell);
    }
    putchar('\n');
}
