/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Words that are in no table. What begins like an option may be its short form, since getopt takes those; else one slip
 * of the fingers is looked for. Nobody is led to an option that is never shown.
 */

#include "smi/cli/unknown.h"
#include "smi/cli/option_table.h"
#include "smi/cli/suggest.h"
#include "smi/cli/values.h"

#include <string.h>

/* The options that may be meant: those that begin so, else the one that is a slip away. */
static size_t find_candidates(const char *name, const char *ret[OPTIONS_MAX])
{
    const char *names[OPTIONS_MAX];
    size_t count = 0, found = 0;

    for (size_t i = 0; i < option_count; i++) {
        if (!option_table[i].name || !option_table[i].help)
            continue;
        names[count++] = option_table[i].name;
        if (strncmp(option_table[i].name, name, strlen(name)) == 0)
            ret[found++] = option_table[i].name;
    }
    if (found == 0) {
        ret[0] = suggest(name, names, count);
        found = ret[0] != NULL;
    }
    return found;
}

int refuse_unknown_option(char *word)
{
    const char *candidates[OPTIONS_MAX];
    size_t count;

    word[strcspn(word, "=")] = '\0';
    count = find_candidates(word + strspn(word, "-"), candidates);
    if (count == 0)
        return refuse("unknown option %s   tt-smi --help", word);
    if (count == 1)
        return refuse("unknown option %s, did you mean --%s?   tt-smi --help", word, candidates[0]);
    return refuse("%s is short for several options, such as --%s and --%s   tt-smi --help", word, candidates[0],
                  candidates[1]);
}

int refuse_unknown_verb(const char *word)
{
    const char *verbs[VIEWS];
    const char *near;
    size_t count = 0;

    for (int view = VIEW_TABLE + 1; view < VIEWS; view++)
        verbs[count++] = verb_table[view].name;
    near = suggest(word, verbs, count);
    if (near)
        return refuse("unknown verb %s, did you mean: tt-smi %s", word, near);
    return refuse("unknown verb %s   tt-smi --help lists the verbs", word);
}
