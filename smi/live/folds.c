/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A rule for all processes, and a short list of lines that are otherwise: whoever folds one by one folds few.
 */

#include "smi/live/folds.h"

#include <string.h>

static size_t find(const struct folds *folds, const struct line_key *key)
{
    size_t i = 0;

    while (i < folds->count && !line_key_equals(&folds->exceptions[i], key))
        i++;
    return i;
}

static bool is_usual(const struct folds *folds, const struct line_key *key)
{
    return folds->has_processes && key->kind == LINE_PROCESS;
}

bool folds_has(const struct folds *folds, const struct line_key *key)
{
    return is_usual(folds, key) != (find(folds, key) < folds->count);
}

static void drop(struct folds *folds, size_t place)
{
    folds->count--;
    memmove(&folds->exceptions[place], &folds->exceptions[place + 1],
            (folds->count - place) * sizeof(folds->exceptions[0]));
}

void folds_set(struct folds *folds, const struct line_key *key, bool is_folded)
{
    size_t place = find(folds, key);
    bool is_exception = is_folded != is_usual(folds, key);

    if (key->kind == LINE_REGION || is_exception == (place < folds->count))
        return;
    if (!is_exception) {
        drop(folds, place);
        return;
    }
    if (folds->count == FOLDS_MAX)
        drop(folds, 0);
    folds->exceptions[folds->count++] = *key;
}

void folds_set_all(struct folds *folds, bool is_folded)
{
    folds->has_processes = is_folded;
    folds->count = 0;
}
