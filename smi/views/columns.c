/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The tables of devices and of processes choose their columns by the same rules, and fill some of them in the same way:
 * both are here, so that they look alike.
 */

#include "smi/views/columns.h"
#include "smi/sample/users.h"
#include "smi/text/format.h"

#include <assert.h>
#include <string.h>

void columns_add(struct columns *columns, int kind, uint32_t region, struct column column)
{
    assert(columns->count < COLUMNS_MAX);
    columns->list[columns->count] = column;
    columns->meanings[columns->count++] = (struct meaning){kind, region};
}

void columns_count_live(uint64_t live[TT_ALLOC_REGIONS], const struct tt_alloc_usage *usage, size_t count,
                        const struct filter *filter)
{
    for (uint32_t region = 0; region < TT_ALLOC_REGIONS; region++)
        live[region] = add_saturating(live[region], sum_region(usage, count, region, filter).bytes);
}

struct region_list columns_regions(const uint64_t live[TT_ALLOC_REGIONS], const struct filter *filter)
{
    struct region_list list = {0};

    for (size_t i = 0; i < TT_ALLOC_REGIONS; i++) {
        uint32_t region = region_order[i];

        if (filter->region >= 0 ? (uint32_t)filter->region == region : regions[region].always || live[region] > 0)
            list.regions[list.count++] = region;
    }
    return list;
}

int columns_region_sheds(uint32_t region, const struct filter *filter)
{
    if (filter->region >= 0 || region == TT_ALLOC_DRAM || region == TT_ALLOC_L1)
        return 0;
    return regions[region].always ? 2 : 6;
}

void set_pid_cell(struct table *table, size_t column, int32_t pid)
{
    if (pid > 0)
        table_set(table, column, TINT_NONE, "%d", pid);
    else
        table_set(table, column, TINT_NONE, "?");
}

void set_user_cell(struct table *table, size_t column, const struct process_row *row)
{
    const char *name = row->has_uid ? user_name(row->facts.uid) : "?";

    if (name)
        table_set(table, column, TINT_NONE, "%s", name);
    else
        table_set(table, column, TINT_NONE, "%u", row->facts.uid);
}

struct cell_size cell_live(struct sum sum, bool is_complete)
{
    return (struct cell_size){sum.used || is_complete, sum.used, sum.bytes};
}

struct cell_size cell_peak(struct sum sum, bool is_complete, bool has_peaks)
{
    return (struct cell_size){sum.used ? has_peaks : is_complete, sum.used, sum.peak};
}

struct formatted format_cell(struct cell_size size)
{
    if (!size.is_known)
        return (struct formatted){"?"};
    return size.was_used ? format_size(size.bytes) : (struct formatted){"-"};
}

void set_size_cell(struct table *table, size_t column, struct cell_size size)
{
    table_set(table, column, TINT_NONE, "%s", format_cell(size).text);
}

/* "/opt/python/bin/python3 serve.py" starts at "python3". */
static const char *skip_directories(const char *command)
{
    size_t program = strcspn(command, " ");
    const char *slash = command[0] == '/' ? memrchr(command, '/', program) : NULL;

    return slash && slash + 1 < command + program ? slash + 1 : command;
}

void set_command_cell(struct table *table, size_t column, const struct process_row *row)
{
    const char *whole = row->facts.command[0] ? row->facts.command : "?";
    const char *command = table_is_limited(table) ? skip_directories(whole) : whole;

    table_set(table, column, row->facts.inexact ? TINT_YELLOW : TINT_NONE, "%s%s", row->facts.inexact ? "~ " : "",
              command);
}
