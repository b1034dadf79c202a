/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Text is escaped here and nowhere else, when it is composed: what a view passes on is as it came from the server.
 */

#include "smi/style.h"
#include "smi/text.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

char *style_compose(const struct style *style, const char *format, va_list arguments)
{
    char *raw, *text;

    if (vasprintf(&raw, format, arguments) < 0)
        return NULL;
    text = text_escape(raw, style->utf8);
    free(raw);
    return text;
}

void style_put(FILE *out, const struct style *style, enum tint tint, const char *text, size_t width)
{
    static const char *const codes[TINTS] = {"", "\033[1m", "\033[32m", "\033[33m", "\033[31m"};
    bool tinted = style->color && tint != TINT_NONE;

    if (tinted)
        fputs(codes[tint], out);
    if (text[text_fit(text, width)] == '\0')
        fputs(text, out);
    else
        fprintf(out, "%.*s%s", (int)text_fit(text, width - 1), text, style->utf8 ? "\u2026" : "~");
    if (tinted)
        fputs("\033[m", out);
}

int style_line(FILE *out, const struct style *style, enum tint tint, const char *format, ...)
{
    va_list arguments;
    char *text;

    va_start(arguments, format);
    text = style_compose(style, format, arguments);
    va_end(arguments);
    if (!text)
        return -ENOMEM;
    style_put(out, style, tint, text, style->width ? style->width : SIZE_MAX);
    fputc('\n', out);
    free(text);
    return 0;
}
