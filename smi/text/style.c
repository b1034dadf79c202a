/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Text is escaped here and nowhere else, when it is composed: what a view passes on is as it came from the server.
 */

#include "smi/text/style.h"
#include "smi/text/text.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

char *style_compose(const struct style *style, const char *format, va_list arguments)
{
    char *raw, *text;

    if (vasprintf(&raw, format, arguments) < 0)
        return NULL;
    text = text_escape(raw, style->utf8);
    free(raw);
    return text;
}

const char *style_code(enum tint tint)
{
    static const char *const codes[TINTS] = {"", "\033[1m", "\033[32m", "\033[33m", "\033[31m"};

    return codes[tint];
}

char *style_cut(const struct style *style, const char *text, size_t width)
{
    char *cut;

    if (text[text_fit(text, width)] == '\0')
        return strdup(text);
    if (asprintf(&cut, "%.*s%s", (int)text_fit(text, width - 1), text, style->utf8 ? "\u2026" : "~") < 0)
        return NULL;
    return cut;
}

int style_line(FILE *out, const struct style *style, enum tint tint, const char *format, ...)
{
    bool tinted = style->color && tint != TINT_NONE;
    va_list arguments;
    char *text, *line;

    va_start(arguments, format);
    text = style_compose(style, format, arguments);
    va_end(arguments);
    line = text ? style_cut(style, text, style->width ? style->width : SIZE_MAX) : NULL;
    free(text);
    if (!line)
        return -ENOMEM;
    fprintf(out, "%s%s%s\n", tinted ? style_code(tint) : "", line, tinted ? "\033[m" : "");
    free(line);
    return 0;
}

/* Bytes of the text up to the last blank that still fits, or, if there is none, the next one. */
static size_t fit_words(const char *text, size_t width)
{
    size_t fitting = text_fit(text, width), end = fitting;

    if (text[fitting] == '\0')
        return fitting;
    while (end > 0 && text[end] != ' ')
        end--;
    return end > 0 ? end : fitting + strcspn(text + fitting, " ");
}

int style_fold(FILE *out, const struct style *style, enum tint tint, size_t indent, const char *format, ...)
{
    size_t width = style->width > indent ? style->width : SIZE_MAX;
    struct style whole = {.utf8 = style->utf8, .color = style->color};
    va_list arguments;
    const char *rest;
    char *text;
    int r;

    va_start(arguments, format);
    rest = text = style_compose(style, format, arguments);
    va_end(arguments);
    if (!text)
        return -ENOMEM;
    do { /* also of no text there is a line */
        size_t margin = rest == text ? 0 : indent, length = fit_words(rest, width - margin);

        r = style_line(out, &whole, tint, "%*s%.*s", (int)margin, "", (int)length, rest);
        rest += length;
        rest += strspn(rest, " ");
    } while (r == 0 && *rest);
    free(text);
    return r;
}
