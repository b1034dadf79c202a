/* SPDX-License-Identifier: Apache-2.0 */

/* The processes that the server remembers: what each needed at its peak and what it left, newest first. */

#include "smi/text/format.h"
#include "smi/views/amounts.h"
#include "smi/views/columns.h"
#include "smi/views/views.h"

#include <stdlib.h>

enum kind {
    PID,
    USER,
    LEADING_PEAK,
    L1_PEAK,
    LEFT,
    BUFFERS,
    LIFETIME,
    ENDED,
    HOW,
    COMMAND,
};

static struct columns choose_columns(const struct filter *filter)
{
    struct columns columns = {0};
    bool one_region = filter->region >= 0;

    columns_add(&columns, PID, 0, (struct column){"PID", .right = true});
    columns_add(&columns, USER, 0, (struct column){"USER", .sheds = 1});
    columns_add(&columns, LEADING_PEAK, 0, (struct column){one_region ? "PEAK" : "DRAM PEAK", .right = true});
    if (!one_region)
        columns_add(&columns, L1_PEAK, 0, (struct column){"L1 PEAK", .right = true, .sheds = 5});
    columns_add(&columns, LEFT, 0, (struct column){.title = "LEFT"});
    columns_add(&columns, BUFFERS, 0, (struct column){"BUFS", .right = true, .sheds = 4});
    columns_add(&columns, LIFETIME, 0, (struct column){"LIFETIME", .right = true, .sheds = 3});
    columns_add(&columns, ENDED, 0, (struct column){"ENDED", .sheds = 2});
    columns_add(&columns, HOW, 0, (struct column){"HOW", .sheds = 6});
    columns_add(&columns, COMMAND, 0, (struct column){"COMMAND", .least = 8});
    return columns;
}

/* Having left nothing is 0, never having had anything is not. */
static void set_left(struct table *table, size_t column, const struct process_row *row, const struct filter *filter)
{
    char *amounts = amounts_describe(&row, 1, filter, " ");
    bool any = amounts && amounts[0];
    const char *nothing = row->facts.usage_count > 0 ? "0" : "-";

    table_set(table, column, any && !row->facts.forgotten ? TINT_RED : TINT_NONE, "%s%s%s",
              any && row->facts.inexact ? "~" : "", any ? amounts : nothing,
              any && row->facts.forgotten ? " (forgotten)" : "");
    free(amounts);
}

static void set_cell(struct table *table, size_t column, enum kind kind, const struct process_row *row,
                     const struct filter *filter, uint64_t now)
{
    const struct tt_alloc_process *process = &row->facts;
    struct sum leading = sum_leading(process->usage, process->usage_count, filter);
    struct sum l1 = sum_pool(process->usage, process->usage_count, TT_ALLOC_POOL_L1, filter);

    switch (kind) {
    case PID:
        set_pid_cell(table, column, process->pid);
        break;
    case USER:
        set_user_cell(table, column, row);
        break;
    case LEADING_PEAK:
        set_size_cell(table, column, cell_peak(leading, true, true));
        break;
    case L1_PEAK:
        set_size_cell(table, column, cell_peak(l1, true, true));
        break;
    case LEFT:
        set_left(table, column, row, filter);
        break;
    case BUFFERS:
        table_set(table, column, TINT_NONE, "%s", format_count(count_buffers(process, filter)).text);
        break;
    case LIFETIME:
        table_set(table, column, TINT_NONE, "%s", format_age(process->age).text);
        break;
    case ENDED:
        table_set(table, column, TINT_NONE, "%s", format_clock(process->end_time, now).text);
        break;
    case HOW:
        table_set(table, column, TINT_NONE, "%s", process->reason == TT_ALLOC_REASON_HUNG_UP ? "hung up" : "exited");
        break;
    case COMMAND:
        set_command_cell(table, column, row);
        break;
    }
}

int print_exited(FILE *out, const struct snapshot *snapshot, const struct filter *filter, const struct style *style)
{
    struct columns columns = choose_columns(filter);
    struct table *table;
    int r;

    if (snapshot->ended_count == 0)
        return style_line(out, style, TINT_NONE, "No process that ended is known.");
    table = table_new(columns.list, columns.count, style);
    for (size_t row = 0; row < snapshot->ended_count; row++) {
        table_row(table);
        for (size_t i = 0; i < columns.count; i++)
            set_cell(table, i, (enum kind)columns.meanings[i].kind, snapshot->ended[row], filter, snapshot->time);
    }
    r = table_print(table, out);
    table_free(table);
    return r;
}
