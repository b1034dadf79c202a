/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * All that was measured, by name: "ring.fifo.10000.client_ns" and a sample per run. Whoever measures writes, whoever
 * prints looks up, and neither needs to know the other. A name that was never measured reads as NAN: unknown is not
 * zero.
 */

#include <stddef.h>

#define BOOK_NAME_SIZE 64

struct book_entry {
    char name[BOOK_NAME_SIZE];
    double *samples; /* in the order of the runs */
    size_t count;
};

struct book {
    struct book_entry *entries; /* in the order of their first samples */
    size_t count;
};

void book_done(struct book *book);

__attribute__((format(printf, 3, 4))) void book_add(struct book *book, double value, const char *format, ...);

/* The middle sample, or the mean of the two in the middle. */
double book_median(const struct book *book, const char *name);
double book_least(const struct book *book, const char *name);
double book_most(const struct book *book, const char *name);
