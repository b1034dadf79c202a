/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One decoder serves the terminal and JSON. It is our own rather than mbrtowc() because JSON is UTF-8 whatever the
 * locale is; only the width of a character is asked of the C library.
 */

#include "smi/text/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

size_t utf8_decode(const char *text, size_t length, uint32_t *ret_character)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)text;
    size_t size = bytes[0] < 0x80 ? 1 : bytes[0] < 0xc0 ? 0 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
    uint32_t character;

    if (size == 0 || size > length || bytes[0] >= 0xf8)
        return 0;
    character = size == 1 ? bytes[0] : bytes[0] & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        character = character << 6 | (bytes[i] & 0x3f);
    }
    if (character < smallest[size] || character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff))
        return 0;
    *ret_character = character;
    return size;
}

/* Characters that reorder or hide what is around them have no width of their own but deceive the reader. */
static bool is_deceptive(uint32_t character)
{
    return character == 0x061c || character == 0xfeff || (character >= 0x200b && character <= 0x200f) ||
           (character >= 0x2028 && character <= 0x202e) || (character >= 0x2060 && character <= 0x206f) ||
           (character >= 0xe0000 && character <= 0xe007f);
}

static void put_escaped(FILE *out, const char *text, size_t size, uint32_t character, bool utf8)
{
    if (character == '\n')
        fputs("\\n", out);
    else if (character == '\t')
        fputs("\\t", out);
    else if (character < 0x20 || character == 0x7f)
        fprintf(out, "\\x%02x", character);
    else if (character < 0x7f || (utf8 && !is_deceptive(character) && wcwidth((wchar_t)character) >= 0))
        fwrite(text, 1, size, out);
    else
        fprintf(out, character > 0xffff ? "\\U%08x" : "\\u%04x", character);
}

/* Runs through text and hands every character, or every byte that is none, to the writer below. */
static char *transform(const char *text, bool repair, bool utf8)
{
    size_t length = strlen(text);
    size_t result_size;
    char *result = NULL;
    FILE *out = open_memstream(&result, &result_size);

    if (!out)
        return NULL;
    for (size_t at = 0; at < length;) {
        uint32_t character;
        size_t size = utf8_decode(text + at, length - at, &character);

        if (size == 0 && repair)
            fputs("\xef\xbf\xbd", out);
        else if (size == 0)
            fprintf(out, "\\x%02x", (unsigned char)text[at]);
        else if (repair)
            fwrite(text + at, 1, size, out);
        else
            put_escaped(out, text + at, size, character, utf8);
        at += size ? size : 1;
    }
    if (fclose(out) != 0) {
        free(result);
        return NULL;
    }
    return result;
}

/* Most text is, and a table has very many of them. */
static bool is_plain(const char *text)
{
    while (*text >= 0x20 && *text < 0x7f)
        text++;
    return *text == '\0';
}

char *text_escape(const char *text, bool utf8)
{
    if (is_plain(text))
        return strdup(text);
    return transform(text, false, utf8);
}

char *text_repair(const char *text)
{
    return transform(text, true, true);
}

/* Bytes and columns of the next character. The text is ours or escaped, so every character has a width. */
static size_t step(const char *text, size_t *ret_columns)
{
    uint32_t character;
    size_t size;
    int columns;

    *ret_columns = 1;
    if (*text >= 0x20 && *text < 0x7f) /* most are, and a table has very many */
        return 1;
    size = utf8_decode(text, strnlen(text, 4), &character);
    columns = size ? wcwidth((wchar_t)character) : 1;

    if (columns >= 0)
        *ret_columns = (size_t)columns;
    return size ? size : 1;
}

size_t text_width(const char *text)
{
    size_t total = 0, columns;

    while (*text) {
        text += step(text, &columns);
        total += columns;
    }
    return total;
}

size_t text_fit(const char *text, size_t columns)
{
    size_t at = 0, used = 0, width;

    while (text[at]) {
        size_t size = step(text + at, &width);

        if (used + width > columns)
            break;
        used += width;
        at += size;
    }
    return at;
}
