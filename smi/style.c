/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Text is escaped here and nowhere else, when it is composed: what a view passes on is as it came from the server.
 */

#include "smi/style.h"
#include "smi/text.h"

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
