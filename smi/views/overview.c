/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The default view, put together: what is missing stands in the first line, what needs attention in the last.
 */

#include "smi/text/format.h"
#include "smi/text/table.h"
#include "smi/views/views.h"

#include <errno.h>
#include <stdlib.h>

static void add_count(FILE *out, size_t count, const char *what)
{
    if (count > 0)
        fprintf(out, ", %zu %s", count, what);
}

/* "3 devices, 2 reporting, 1 inexact, 1 leak"; NULL when out of memory. */
static char *describe_coverage(const struct snapshot *snapshot)
{
    const struct coverage *coverage = &snapshot->coverage;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    fprintf(out, "%zu %s", coverage->devices, plural(coverage->devices, "device", "devices"));
    if (snapshot_is_told(snapshot))
        fprintf(out, ", %zu reporting", coverage->reporting);
    add_count(out, coverage->shm_only, "shm only");
    add_count(out, coverage->untracked, "untracked");
    add_count(out, coverage->inexact, "inexact");
    add_count(out, coverage->leaks, plural(coverage->leaks, "leak", "leaks"));
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* The sources, and whether each could be asked. */
static void set_server(struct table *table, size_t column, const struct snapshot *snapshot)
{
    if (snapshot_is_told(snapshot))
        table_set(table, column, TINT_NONE, "server up %s", format_age(snapshot->uptime).text);
    else
        table_set(table, column, snapshot->path ? TINT_RED : TINT_NONE, "%s",
                  snapshot->path ? "server not reachable" : "server not asked");
}

static void set_driver(struct table *table, size_t column, const struct host *host)
{
    if (host->driver.error == 0)
        table_set(table, column, TINT_NONE, "driver %s", host->driver.text);
    else
        table_set(table, column, TINT_NONE, "%s", host->driver.error == -ENOENT ? "no driver" : "driver unknown");
}

/* Files of tt-metal's. A host without a driver has none, and need not say so. */
static void set_totals(struct table *table, size_t column, const struct snapshot *snapshot)
{
    const struct coverage *coverage = &snapshot->coverage;

    if (coverage->totals == 0 && snapshot->host.driver.error != 0)
        return;
    if (coverage->totals == 0)
        table_set(table, column, TINT_NONE, "no totals");
    else if (coverage->totals_read == coverage->totals)
        table_set(table, column, TINT_NONE, "totals %zu", coverage->totals);
    else
        table_set(table, column, TINT_YELLOW, "totals %zu of %zu", coverage->totals_read, coverage->totals);
}

static void set_counts(struct table *table, size_t column, const struct snapshot *snapshot)
{
    const struct coverage *coverage = &snapshot->coverage;
    char *counts = describe_coverage(snapshot);
    bool is_partial = coverage->inexact > 0 || coverage->untracked > 0;

    table_set(table, column,
              coverage->leaks ? TINT_RED
              : is_partial    ? TINT_YELLOW
                              : TINT_NONE,
              "%s", counts ? counts : "?");
    free(counts);
}

/* A table of one row: on a narrow line it sheds what the reader knows anyway. */
int print_header(FILE *out, const struct snapshot *snapshot, const struct style *style)
{
    static const struct column parts[] = {
        {.title = "", .sheds = 6},
        {.title = "", .sheds = 5},
        {.title = "", .sheds = 2},
        {.title = "", .sheds = 1},
        {.title = "", .sheds = 4},
        {.title = "", .sheds = 3},
        {.title = ""},
    };
    struct table *table = table_new(parts, sizeof(parts) / sizeof(parts[0]), style);
    int r;

    table_row(table);
    table_set(table, 0, TINT_BOLD, "tt-smi %s", TT_ALLOC_VERSION);
    table_set(table, 1, TINT_NONE, "%s", snapshot->name);
    table_set(table, 2, TINT_NONE, "%s", format_clock(snapshot->time, snapshot->time).text);
    set_server(table, 3, snapshot);
    set_driver(table, 4, &snapshot->host);
    set_totals(table, 5, snapshot);
    set_counts(table, 6, snapshot);
    r = table_print(table, out);
    table_free(table);
    return r;
}

int print_overview(FILE *out, const struct snapshot *snapshot, const struct filter *filter, const struct style *style)
{
    int r = print_header(out, snapshot, style);

    if (r < 0)
        return r;
    fputc('\n', out);
    r = print_devices(out, snapshot, filter, style);
    fputc('\n', out);
    if (r == 0)
        r = print_processes(out, snapshot, filter, style);
    return r == 0 ? print_remarks(out, snapshot, filter, style) : r;
}
