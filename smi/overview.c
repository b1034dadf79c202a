/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The default view, put together: what is missing stands in the first line, what needs attention in the last.
 */

#include "smi/amounts.h"
#include "smi/format.h"
#include "smi/problem.h"
#include "smi/table.h"
#include "smi/views.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* "3 devices, 2 reporting, 1 inexact, 1 leak"; NULL when out of memory. */
static char *describe_coverage(const struct coverage *coverage)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    fprintf(out, "%zu %s, %zu reporting", coverage->devices, plural(coverage->devices, "device", "devices"),
            coverage->reporting);
    if (coverage->inexact > 0)
        fprintf(out, ", %zu inexact", coverage->inexact);
    if (coverage->leaks > 0)
        fprintf(out, ", %zu %s", coverage->leaks, plural(coverage->leaks, "leak", "leaks"));
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* A table of one row: on a narrow line it sheds what the reader knows anyway. */
int print_header(FILE *out, const struct snapshot *snapshot, const struct style *style)
{
    static const struct column parts[] = {
        {.title = "", .sheds = 4},
        {.title = "", .sheds = 3},
        {.title = "", .sheds = 2},
        {.title = "", .sheds = 1},
        {.title = ""},
    };
    struct table *table = table_new(parts, 5, style);
    const struct coverage *coverage = &snapshot->coverage;
    enum tint tint = coverage->leaks ? TINT_RED : coverage->inexact ? TINT_YELLOW : TINT_NONE;
    char *counts = describe_coverage(coverage);
    int r;

    table_row(table);
    table_set(table, 0, TINT_BOLD, "tt-smi %s", TT_ALLOC_VERSION);
    table_set(table, 1, TINT_NONE, "%s", snapshot->host);
    table_set(table, 2, TINT_NONE, "%s", format_clock(snapshot->time, snapshot->time).text);
    if (snapshot->error == 0) {
        table_set(table, 3, TINT_NONE, "server up %s", format_age(snapshot->uptime).text);
        table_set(table, 4, tint, "%s", counts ? counts : "");
    } else {
        table_set(table, 4, TINT_RED, "server not reachable, trying again");
    }
    r = counts ? table_print(table, out) : -ENOMEM;
    table_free(table);
    free(counts);
    return r;
}

/* One sentence and the next command, on a line of its own where both do not fit on one. */
static int print_remark(FILE *out, const struct style *style, const char *sentence, const char *command)
{
    size_t length = strlen(sentence) + 3 + strlen(command);
    int r;

    if (style->width == 0 || length <= style->width)
        return style_line(out, style, TINT_RED, "%s   %s", sentence, command);
    r = style_line(out, style, TINT_RED, "%s", sentence);
    return r < 0 ? r : style_line(out, style, TINT_RED, "  %s", command);
}

static int print_leak_remark(FILE *out, const struct snapshot *snapshot, const struct filter *filter,
                             const struct style *style)
{
    char *amounts = amounts_describe(snapshot->leaks, snapshot->leak_count, filter, " of ");
    char *devices = join_devices(snapshot->leaks, snapshot->leak_count, filter, true);
    char *sentence = NULL;
    int r = -ENOMEM;

    if (amounts && devices &&
        asprintf(&sentence, "! %s on %s %s belonged to %s.", amounts, strchr(devices, ',') ? "devices" : "device",
                 devices, plural(snapshot->leak_count, "a process that ended", "processes that ended")) >= 0) {
        fputc('\n', out);
        r = print_remark(out, style, sentence, "tt-smi leaks");
        free(sentence);
    }
    free(amounts);
    free(devices);
    return r;
}

static int print_unreachable(FILE *out, const struct snapshot *snapshot, const struct style *style)
{
    return style_line(out, style, TINT_NONE, "no answer at %s: %s", snapshot->path, problem_reason(snapshot->error));
}

int print_overview(FILE *out, const struct snapshot *snapshot, const struct filter *filter, const struct style *style)
{
    int r = print_header(out, snapshot, style);

    if (r < 0 || snapshot->error != 0)
        return r < 0 ? r : print_unreachable(out, snapshot, style);
    fputc('\n', out);
    r = print_devices(out, snapshot, filter, style);
    fputc('\n', out);
    if (r == 0)
        r = print_processes(out, snapshot, filter, style);
    if (r == 0 && snapshot->leak_count > 0)
        r = print_leak_remark(out, snapshot, filter, style);
    return r;
}
