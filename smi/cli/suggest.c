/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which word was meant. Only near misses count: a wrong guess is worse than none.
 */

#include "smi/cli/suggest.h"

#include <string.h>

#define LENGTH_MAX 31 /* of words worth a guess */

static size_t least(size_t a, size_t b, size_t c)
{
    size_t smaller = a < b ? a : b;

    return smaller < c ? smaller : c;
}

/* Levenshtein's distance, one row of the matrix at a time. */
static size_t distance(const char *a, const char *b)
{
    size_t row[LENGTH_MAX + 1], length = strlen(b);

    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t above = row[j];

            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[length];
}

const char *suggest(const char *word, const char *const *candidates, size_t count)
{
    const char *best = NULL;
    size_t length = strlen(word), nearest = length / 3 + 1;

    for (size_t i = 0; i < count && length <= LENGTH_MAX; i++) {
        size_t away = strlen(candidates[i]) <= LENGTH_MAX ? distance(word, candidates[i]) : LENGTH_MAX;

        if (away < nearest || (away == nearest && !best)) {
            nearest = away;
            best = candidates[i];
        }
    }
    return best;
}
