/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A few hundred names, looked for one by one.
 */

#include "bench/book.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/give_up.h"

void book_done(struct book *book)
{
    for (size_t i = 0; i < book->count; i++)
        free(book->entries[i].samples);
    free(book->entries);
    *book = (struct book){0};
}

static struct book_entry *find(const struct book *book, const char *name)
{
    for (size_t i = 0; i < book->count; i++)
        if (strcmp(book->entries[i].name, name) == 0)
            return &book->entries[i];
    return NULL;
}

static struct book_entry *add_entry(struct book *book, const char *name)
{
    struct book_entry *grown = realloc(book->entries, (book->count + 1) * sizeof(*grown));

    if (!grown)
        give_up("results");
    book->entries = grown;
    grown[book->count] = (struct book_entry){0};
    snprintf(grown[book->count].name, BOOK_NAME_SIZE, "%s", name);
    return &grown[book->count++];
}

void book_add(struct book *book, double value, const char *format, ...)
{
    struct book_entry *entry;
    char name[BOOK_NAME_SIZE];
    va_list arguments;
    double *grown;

    va_start(arguments, format);
    vsnprintf(name, sizeof(name), format, arguments);
    va_end(arguments);

    entry = find(book, name);
    if (!entry)
        entry = add_entry(book, name);
    grown = realloc(entry->samples, (entry->count + 1) * sizeof(*grown));
    if (!grown)
        give_up("results");
    entry->samples = grown;
    grown[entry->count++] = value;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

/* The sample at a place between 0, the least, and 1, the most. */
static double sample_at(const struct book *book, const char *name, double place)
{
    const struct book_entry *entry = find(book, name);
    double at, result;
    double *sorted;

    if (!entry)
        return NAN;
    sorted = malloc(entry->count * sizeof(*sorted));
    if (!sorted)
        give_up("results");
    memcpy(sorted, entry->samples, entry->count * sizeof(*sorted));
    qsort(sorted, entry->count, sizeof(*sorted), compare);
    at = place * (double)(entry->count - 1);
    result = (sorted[(size_t)floor(at)] + sorted[(size_t)ceil(at)]) / 2;
    free(sorted);
    return result;
}

double book_median(const struct book *book, const char *name)
{
    return sample_at(book, name, 0.5);
}

double book_least(const struct book *book, const char *name)
{
    return sample_at(book, name, 0);
}

double book_most(const struct book *book, const char *name)
{
    return sample_at(book, name, 1);
}
