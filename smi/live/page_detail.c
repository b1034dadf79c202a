/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Everything that is known of one process: who it is, what it holds where, and its largest buffers.
 */

#include "smi/live/pages.h"
#include "smi/live/spark.h"
#include "smi/sample/users.h"
#include "smi/text/format.h"
#include "smi/text/table.h"
#include "smi/views/columns.h"
#include "smi/views/views.h"

#include <errno.h>
#include <inttypes.h>
#include <wchar.h>

static const struct process_row *find(const struct process_row *const *rows, size_t count, const struct line_key *key)
{
    struct line_key process = *key; /* also of the lines below it in the tree */

    process.kind = LINE_PROCESS;
    process.device = 0;
    process.region = 0;
    for (size_t i = 0; i < count; i++) {
        struct line_key of_row = line_key_of(rows[i]);

        if (line_key_equals(&of_row, &process))
            return rows[i];
    }
    return NULL;
}

static int write_times(FILE *out, const struct process_row *row, uint64_t now, const struct style *style)
{
    const struct tt_alloc_process *facts = &row->facts;

    if (row->tracking == TRACKING_EXITED)
        return style_line(out, style, TINT_RED, "ended   %s, after %s, leaving buffers",
                          format_clock(facts->end_time, now).text, format_age(facts->age).text);
    if (row->tracking != TRACKING_REPORTING)
        return style_line(out, style, TINT_NONE, "age     %s",
                          facts->start_time != 0 ? format_age(facts->age).text : "?");
    return style_line(out, style, TINT_NONE, "age     %s   idle %s   buffers %s   lost reports %s",
                      format_age(facts->age).text, format_age(facts->idle).text, format_count(facts->buffers).text,
                      format_count(facts->lost).text);
}

static struct formatted name_user(const struct process_row *row)
{
    const char *name = row->has_uid ? user_name(row->facts.uid) : "?";
    struct formatted text;

    if (name)
        snprintf(text.text, sizeof(text.text), "%s", name);
    else
        snprintf(text.text, sizeof(text.text), "%u", row->facts.uid);
    return text;
}

static int write_who(FILE *out, const struct process_row *row, uint64_t now, const struct style *style)
{
    const char *container = row->seen && row->seen->container ? row->seen->container : NULL;
    int r = style_line(out, style, TINT_BOLD, "pid %d   user %s   %s%s%s%s", row->facts.pid, name_user(row).text,
                       tracking_title(row->tracking), row->facts.inexact ? ", inexact" : "",
                       container ? "   container " : "", container ? container : "");

    if (r == 0)
        r = style_fold(out, style, TINT_NONE, 8, "command %s", row->facts.command);
    return r == 0 ? write_times(out, row, now, style) : r;
}

static void set_count(struct table *table, size_t column, bool is_known, uint64_t count)
{
    table_set(table, column, TINT_NONE, "%s", is_known ? format_count(count).text : "?");
}

static void add_usage(struct table *table, const struct process_row *row, const struct tt_alloc_usage *usage)
{
    bool is_told = row->has_peaks;

    table_row(table);
    table_set(table, 0, TINT_NONE, "%s", device_label(usage->device).text);
    table_set(table, 1, TINT_NONE, "%s", regions[usage->index].title);
    table_set(table, 2, TINT_NONE, "%s", format_size(usage->bytes).text);
    table_set(table, 3, TINT_NONE, "%s", is_told ? format_size(usage->peak_bytes).text : "?");
    set_count(table, 4, is_told, usage->buffers);
    set_count(table, 5, is_told, usage->allocations);
    set_count(table, 6, is_told, usage->frees);
    table_set(table, 7, TINT_NONE, "%s", row->tracking == TRACKING_REPORTING ? format_age(usage->idle).text : "?");
}

static int write_regions(FILE *out, const struct process_row *row, const struct style *style)
{
    static const struct column columns[] = {
        {"DEV", .right = true},
        {.title = "REGION"},
        {"LIVE", .right = true},
        {"PEAK", .right = true},
        {"BUFS", .right = true},
        {"ALLOCATED", .right = true, .sheds = 2},
        {"FREED", .right = true, .sheds = 2},
        {"IDLE", .right = true, .sheds = 1},
    };
    struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]), style);
    size_t count = 0;
    int r;

    for (size_t i = 0; i < row->facts.usage_count; i++) {
        if (row->facts.usage[i].is_pool)
            continue;
        add_usage(table, row, &row->facts.usage[i]);
        count++;
    }
    fputc('\n', out);
    r = count > 0 ? table_print(table, out)
                  : style_line(out, style, TINT_NONE, "%s",
                               row->is_complete ? "It never held a buffer." : "What it holds is not known.");
    table_free(table);
    return r;
}

/* As high as the most of it. */
static int write_history(FILE *out, const struct live_model *model, const struct process_row *row, uint32_t pool,
                         const struct style *style)
{
    uint64_t values[GROWTH_READINGS], most;
    wchar_t text[GROWTH_READINGS + 1] = L"";

    growth_read(model->growth, row, pool, values);
    most = spark_most(values, GROWTH_READINGS);
    if (most == SPARK_UNKNOWN)
        return 0;
    for (size_t i = 0; i < GROWTH_READINGS; i++)
        text[i] = (wchar_t)spark_shape(spark_level(values[i], most), style->utf8);
    return style_line(out, style, TINT_NONE, "%-5s%ls max %s", pool_titles[pool], text, format_size(most).text);
}

static int write_histories(FILE *out, const struct live_model *model, const struct process_row *row,
                           const struct style *style)
{
    int r = 0;

    if (row->tracking == TRACKING_EXITED)
        return 0;
    fputc('\n', out);
    if (model->is_past)
        return style_line(out, style, TINT_NONE, "%s", "Its last minutes and its buffers are shown of now only.");
    fputs("What it held in the last 5 minutes, as far as it was seen from here:\n", out);
    for (uint32_t pool = 0; r == 0 && pool < GROWTH_POOLS; pool++)
        r = write_history(out, model, row, pool, style);
    return r;
}

static int write_buffers(FILE *out, const struct live_model *model, const struct process_row *row,
                         const struct style *style)
{
    struct filter filter = *model->filter;

    if (model->is_past || row->tracking != TRACKING_REPORTING || row->facts.buffers == 0)
        return 0;
    filter.pid = row->facts.pid;
    fputc('\n', out);
    return page_write_top(out, model, &filter, style);
}

static int write_missing(FILE *out, const struct live_model *model, int32_t pid, const struct style *style)
{
    if (!model->is_past)
        return style_line(out, style, TINT_NONE, "Process %d has ended.", pid);
    return style_line(out, style, TINT_NONE, "Process %d was not %s at %s.", pid,
                      model->knows_processes ? "there" : "seen", format_clock(model->moment, model->moment).text);
}

int page_write_detail(FILE *out, const struct live_model *model, const struct live_view *view,
                      const struct style *style)
{
    const struct snapshot *snapshot = model->snapshot;
    const struct process_row *row = find(snapshot->processes, snapshot->process_count, &view->key);
    int r;

    if (!row)
        row = find(snapshot->leaks, snapshot->leak_count, &view->key);
    if (!row)
        return write_missing(out, model, view->key.pid, style);
    r = write_who(out, row, snapshot->time, style);
    if (r == 0)
        r = write_regions(out, row, style);
    if (r == 0)
        r = write_histories(out, model, row, style);
    return r == 0 ? write_buffers(out, model, row, style) : r;
}
