/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One line per process, whatever the number of its devices: who holds how much is asked more often than where. The
 * figures of its devices are summed region by region.
 */

#include "smi/columns.h"
#include "smi/format.h"
#include "smi/views.h"

#include <errno.h>
#include <stdlib.h>

enum kind {
    PID,
    USER,
    DEVICES,
    REGION,
    BUFFERS,
    PEAK,
    AGE,
    COMMAND,
};

static struct columns choose_columns(const struct snapshot *snapshot, const struct filter *filter)
{
    struct columns columns = {0};
    uint64_t live[TT_ALLOC_REGIONS] = {0};
    struct region_list list;

    for (size_t i = 0; i < snapshot->process_count; i++)
        columns_count_live(live, snapshot->processes[i]->usage, snapshot->processes[i]->usage_count, filter);
    list = columns_regions(live, filter);
    columns_add(&columns, PID, 0, (struct column){"PID", .right = true});
    columns_add(&columns, USER, 0, (struct column){"USER", .sheds = 1});
    columns_add(&columns, DEVICES, 0, (struct column){.title = "DEV"});
    for (size_t i = 0; i < list.count; i++)
        columns_add(&columns, REGION, list.regions[i],
                    (struct column){regions[list.regions[i]].title, .right = true,
                                    .sheds = columns_region_sheds(list.regions[i], filter)});
    columns_add(&columns, BUFFERS, 0, (struct column){"BUFS", .right = true, .sheds = 4});
    columns_add(&columns, PEAK, 0, (struct column){"PEAK", .right = true, .sheds = 8});
    columns_add(&columns, AGE, 0, (struct column){"AGE", .right = true, .sheds = 3});
    columns_add(&columns, COMMAND, 0, (struct column){"COMMAND", .least = 8});
    return columns;
}

static void set_devices(struct table *table, size_t column, const struct tt_alloc_process *process,
                        const struct filter *filter)
{
    char *devices = join_devices(&process, 1, filter, false);

    table_set(table, column, TINT_NONE, "%s", devices ? devices : "?");
    free(devices);
}

static void set_cell(struct table *table, size_t column, struct meaning meaning, const struct tt_alloc_process *process,
                     const struct filter *filter)
{
    struct sum sum = sum_region(process->usage, process->usage_count, meaning.region, filter);

    switch ((enum kind)meaning.kind) {
    case PID:
        set_pid_cell(table, column, process->pid);
        break;
    case USER:
        set_user_cell(table, column, process->uid);
        break;
    case DEVICES:
        set_devices(table, column, process, filter);
        break;
    case REGION:
        set_size_cell(table, column, sum.used, sum.bytes);
        break;
    case BUFFERS:
        table_set(table, column, TINT_NONE, "%s", format_count(count_buffers(process, filter)).text);
        break;
    case PEAK:
        sum = sum_leading(process->usage, process->usage_count, filter);
        set_size_cell(table, column, sum.used, sum.peak);
        break;
    case AGE:
        table_set(table, column, TINT_NONE, "%s", format_age(process->age).text);
        break;
    case COMMAND:
        set_command_cell(table, column, process);
        break;
    }
}

int print_processes(FILE *out, const struct snapshot *snapshot, const struct filter *filter, const struct style *style)
{
    struct columns columns = choose_columns(snapshot, filter);
    struct table *table;
    bool inexact = false;
    int r;

    if (snapshot->process_count == 0)
        return style_line(out, style, TINT_NONE,
                          snapshot->coverage.reporting ? "None of the processes that report is among these."
                                                       : "No process reports buffers.");
    table = table_new(columns.list, columns.count, style);
    for (size_t row = 0; row < snapshot->process_count; row++) {
        table_row(table);
        for (size_t i = 0; i < columns.count; i++)
            set_cell(table, i, columns.meanings[i], snapshot->processes[row], filter);
        inexact = inexact || snapshot->processes[row]->inexact;
    }
    r = table_print(table, out);
    table_free(table);
    if (r == 0 && inexact)
        r = style_line(out, style, TINT_YELLOW, "~ inexact: reports were lost, these figures may be off");
    return r;
}
