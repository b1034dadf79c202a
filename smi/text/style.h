/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How text is to be written, and the few ways of writing a line that everything on the screen goes through. Whatever
 * passes here is escaped, and no longer than the line.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct style {
    size_t width; /* columns of a line; 0: as many as it takes */
    bool utf8;    /* else ASCII only */
    bool color;
};

enum tint {
    TINT_NONE,
    TINT_BOLD,
    TINT_GREEN,
    TINT_YELLOW,
    TINT_RED,
    TINTS,
};

/* The text escaped, or NULL when out of memory; free() it. */
char *style_compose(const struct style *style, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* The escape sequence that begins a colour; "" for none. */
const char *style_code(enum tint tint);

/* A copy of escaped text; where it is wider than width, cut and marked as cut. width is at least 1. NULL when out of
 * memory; free() it. */
char *style_cut(const struct style *style, const char *text, size_t width);

/* Text over as many lines as it takes, broken at blanks, those behind the first indented. A word that is longer than a
 * line is let stand out: it may be a path or a part of a command, which is of no use when cut. -ENOMEM. */
int style_fold(FILE *out, const struct style *style, enum tint tint, size_t indent, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* One line, cut where the style's width ends. -ENOMEM, with nothing written. */
int style_line(FILE *out, const struct style *style, enum tint tint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
