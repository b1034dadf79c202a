/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One line per process, whatever the number of its devices: who holds how much is asked more often than where. The
 * figures of its devices are summed region by region. Behind those that live stand some that left buffers, because what
 * they left is part of the answer.
 */

#include "smi/text/format.h"
#include "smi/views/columns.h"
#include "smi/views/views.h"

#include <errno.h>
#include <stdlib.h>

enum kind {
    PID,
    USER,
    DEVICES,
    STATE,
    REGION,
    BUFFERS,
    PEAK,
    DIFFERENCE,
    AGE,
    CONTAINER,
    COMMAND,
};

#define LEAKS_SHOWN 3 /* the largest; tt-smi leaks shows all */

static size_t leaks_shown(const struct snapshot *snapshot)
{
    return snapshot->leak_count < LEAKS_SHOWN ? snapshot->leak_count : LEAKS_SHOWN;
}

static size_t row_count(const struct snapshot *snapshot)
{
    return snapshot->process_count + leaks_shown(snapshot);
}

static const struct process_row *row_at(const struct snapshot *snapshot, size_t index)
{
    return index < snapshot->process_count ? snapshot->processes[index]
                                           : snapshot->leaks[index - snapshot->process_count];
}

/* Whether at least one row has something to show in such a column. */
static bool is_used_anywhere(const struct snapshot *snapshot, enum kind kind)
{
    for (size_t i = 0; i < row_count(snapshot); i++) {
        const struct process_row *row = row_at(snapshot, i);

        if (kind == STATE       ? row->tracking != TRACKING_REPORTING
            : kind == CONTAINER ? row->seen && row->seen->container
                                : process_disagreement(row) != 0)
            return true;
    }
    return false;
}

static struct columns choose_columns(const struct snapshot *snapshot, const struct filter *filter)
{
    struct columns columns = {0};
    uint64_t live[TT_ALLOC_REGIONS] = {0};
    struct region_list list;

    for (size_t i = 0; i < row_count(snapshot); i++)
        columns_count_live(live, row_at(snapshot, i)->facts.usage, row_at(snapshot, i)->facts.usage_count, filter);
    list = columns_regions(live, filter);
    columns_add(&columns, PID, 0, (struct column){"PID", .right = true});
    columns_add(&columns, USER, 0, (struct column){"USER", .sheds = 1});
    columns_add(&columns, DEVICES, 0, (struct column){.title = "DEV"});
    if (is_used_anywhere(snapshot, STATE))
        columns_add(&columns, STATE, 0, (struct column){.title = "STATE", .sheds = 1});
    for (size_t i = 0; i < list.count; i++)
        columns_add(&columns, REGION, list.regions[i],
                    (struct column){regions[list.regions[i]].title, .right = true,
                                    .sheds = columns_region_sheds(list.regions[i], filter)});
    columns_add(&columns, BUFFERS, 0, (struct column){"BUFS", .right = true, .sheds = 4});
    columns_add(&columns, PEAK, 0, (struct column){"PEAK", .right = true, .sheds = 8});
    if (is_used_anywhere(snapshot, DIFFERENCE))
        columns_add(&columns, DIFFERENCE, 0, (struct column){"SHM DIFF", .right = true, .sheds = 7});
    columns_add(&columns, AGE, 0, (struct column){"AGE", .right = true, .sheds = 3});
    if (is_used_anywhere(snapshot, CONTAINER))
        columns_add(&columns, CONTAINER, 0, (struct column){.title = "CONTAINER", .sheds = 9});
    columns_add(&columns, COMMAND, 0, (struct column){"COMMAND", .least = 8});
    return columns;
}

static void set_devices(struct table *table, size_t column, const struct process_row *row, const struct filter *filter)
{
    char *devices = join_devices(&row, 1, filter, row->tracking == TRACKING_EXITED);

    table_set(table, column, TINT_NONE, "%s", devices ? devices : "?");
    free(devices);
}

static enum tint tint_of(enum tracking tracking)
{
    switch (tracking) {
    case TRACKING_UNTRACKED:
        return TINT_YELLOW;
    case TRACKING_EXITED:
        return TINT_RED;
    default:
        return TINT_NONE;
    }
}

static void set_difference(struct table *table, size_t column, const struct process_row *row)
{
    int64_t bytes = process_disagreement(row);

    if (bytes != 0)
        table_set(table, column, TINT_YELLOW, "%c%s", bytes < 0 ? '-' : '+',
                  format_size(bytes < 0 ? -(uint64_t)bytes : (uint64_t)bytes).text);
}

static void set_buffers(struct table *table, size_t column, const struct process_row *row, const struct filter *filter)
{
    table_set(table, column, TINT_NONE, "%s",
              row->has_peaks ? format_count(count_buffers(&row->facts, filter)).text : "?");
}

static void set_age(struct table *table, size_t column, const struct process_row *row)
{
    bool is_known = row->tracking == TRACKING_REPORTING || row->facts.start_time != 0;

    table_set(table, column, TINT_NONE, "%s", is_known ? format_age(row->facts.age).text : "?");
}

static void set_command(struct table *table, size_t column, const struct process_row *row, uint64_t now)
{
    uint64_t end = row->facts.end_time;

    if (row->tracking != TRACKING_EXITED)
        set_command_cell(table, column, row);
    else
        table_set(table, column, TINT_RED, "LEAK, gone %s: %s", format_age(now > end ? now - end : 0).text,
                  row->facts.command);
}

static void set_cell(struct table *table, size_t column, struct meaning meaning, const struct process_row *row,
                     const struct filter *filter, uint64_t now)
{
    const struct tt_alloc_process *facts = &row->facts;
    struct sum sum = sum_region(facts->usage, facts->usage_count, meaning.region, filter);

    switch ((enum kind)meaning.kind) {
    case PID:
        set_pid_cell(table, column, facts->pid);
        break;
    case USER:
        set_user_cell(table, column, row);
        break;
    case DEVICES:
        set_devices(table, column, row, filter);
        break;
    case STATE:
        table_set(table, column, tint_of(row->tracking), "%s", tracking_title(row->tracking));
        break;
    case REGION:
        set_size_cell(table, column, cell_live(sum, row->is_complete));
        break;
    case BUFFERS:
        set_buffers(table, column, row, filter);
        break;
    case PEAK:
        sum = sum_leading(facts->usage, facts->usage_count, filter);
        set_size_cell(table, column, cell_peak(sum, row->is_complete, row->has_peaks));
        break;
    case DIFFERENCE:
        set_difference(table, column, row);
        break;
    case AGE:
        set_age(table, column, row);
        break;
    case CONTAINER:
        table_set(table, column, TINT_NONE, "%s", row->seen && row->seen->container ? row->seen->container : "-");
        break;
    case COMMAND:
        set_command(table, column, row, now);
        break;
    }
}

static bool are_holders_known(const struct host *host)
{
    for (size_t i = 0; i < host->device_count; i++) {
        if (host->devices[i].holders_error != 0 || host->devices[i].hidden_opens > 0)
            return false;
    }
    return host->device_count > 0;
}

/* What an empty table means depends on who could be asked. */
static const char *no_processes(const struct snapshot *snapshot)
{
    const struct coverage *all = &snapshot->coverage;

    if (all->reporting + all->shm_only + all->untracked > 0)
        return "None of the processes is among these.";
    if (are_holders_known(&snapshot->host))
        return "No process has a device open.";
    return snapshot_is_told(snapshot) ? "No process reports buffers." : "Who uses devices is not known.";
}

int print_processes(FILE *out, const struct snapshot *snapshot, const struct filter *filter, const struct style *style)
{
    struct columns columns = choose_columns(snapshot, filter);
    struct table *table;
    bool inexact = false;
    int r;

    if (row_count(snapshot) == 0)
        return style_line(out, style, TINT_NONE, "%s", no_processes(snapshot));
    table = table_new(columns.list, columns.count, style);
    for (size_t i = 0; i < row_count(snapshot); i++) {
        table_row(table);
        for (size_t j = 0; j < columns.count; j++)
            set_cell(table, j, columns.meanings[j], row_at(snapshot, i), filter, snapshot->time);
        inexact = inexact || row_at(snapshot, i)->facts.inexact;
    }
    r = table_print(table, out);
    table_free(table);
    if (r == 0 && inexact)
        r = style_line(out, style, TINT_YELLOW, "~ inexact: reports were lost, these figures may be off");
    return r;
}
