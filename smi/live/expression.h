/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is typed behind "/": words that must occur in a process's line, and comparisons with its columns, joined by &:
 *
 *     llama          user==mira & dram>1G          state!=reporting          idle>=5m & command~serve
 *
 * Sizes take K, M, G and T, ages s, m, h and d. What is not known satisfies no comparison.
 */

#include "smi/live/lines.h"

#define EXPRESSION_TERMS 8

enum comparison {
    EQUALS,
    DIFFERS,
    BELOW,
    ABOVE,
    AT_MOST,
    AT_LEAST,
    CONTAINS,
};

struct term {
    enum field field; /* FIELDS: any text of the line */
    enum comparison comparison;
    char text[64];
    int64_t number;
};

struct expression {
    struct term terms[EXPRESSION_TERMS]; /* all of them must hold */
    size_t count;
};

/* -EINVAL: *ret_problem says what is wrong. Empty text lets everything through. */
int expression_parse(const char *text, struct expression *ret, const char **ret_problem);

/* As line_passes; userdata is the expression. */
bool expression_matches(const struct line *line, const void *userdata);
