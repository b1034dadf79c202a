/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Cells of CSV by RFC 4180. Lines end as those of other tools here do, without its carriage return, which would stick
 * to the last field of whoever reads with cut or awk. A command line may hold anything: line ends and escape codes are
 * spelled out as in tables, and what a spreadsheet would take for a formula gets an apostrophe before it.
 */

#include "smi/query/fields.h"
#include "smi/text/format.h"
#include "smi/text/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void put_cell(FILE *out, const char *text)
{
    const char *guard = text[0] && strchr("=+-@", text[0]) ? "'" : "";

    if (!strpbrk(text, ",\"") && text[0] != ' ') {
        fprintf(out, "%s%s", guard, text);
        return;
    }
    fprintf(out, "\"%s", guard);
    for (const char *next = text; *next; next++)
        fprintf(out, "%s%c", *next == '"' ? "\"" : "", *next);
    fputc('"', out);
}

int query_put_text(FILE *out, const struct query_row *row, const char *text)
{
    char *shown = text ? text_escape(text, row->utf8) : NULL;

    if (text && !shown)
        return -ENOMEM;
    if (shown)
        put_cell(out, shown);
    free(shown);
    return 0;
}

int query_put_number(FILE *out, bool is_known, uint64_t value)
{
    if (is_known)
        fprintf(out, "%" PRIu64, value);
    return 0;
}

int query_put_signed(FILE *out, bool is_known, int64_t value)
{
    if (is_known)
        fprintf(out, "%" PRId64, value);
    return 0;
}

int query_put_truth(FILE *out, bool is_known, bool value)
{
    if (is_known)
        fputs(value ? "true" : "false", out);
    return 0;
}

int query_put_seconds(FILE *out, bool is_known, uint64_t nanoseconds)
{
    return query_put_number(out, is_known, nanoseconds / 1000000000);
}

int query_put_moment(FILE *out, uint64_t nanoseconds)
{
    if (nanoseconds != 0)
        fputs(format_iso(nanoseconds).text, out);
    return 0;
}

int query_put_time(FILE *out, const struct query_row *row, uint32_t index)
{
    (void)index;
    return query_put_moment(out, row->snapshot->time);
}

int query_put_host(FILE *out, const struct query_row *row, uint32_t index)
{
    (void)index;
    return query_put_text(out, row, row->snapshot->name);
}
