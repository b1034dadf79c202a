/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Tables whose columns depend on what there is to show. */

#include "smi/sample/model.h"
#include "smi/text/format.h"
#include "smi/text/table.h"

#define COLUMNS_MAX 24

/* What a column shows: a number of its view's own, and a region where that needs one. */
struct meaning {
    int kind;
    uint32_t region;
};

struct columns {
    struct column list[COLUMNS_MAX];
    struct meaning meanings[COLUMNS_MAX];
    size_t count;
};

void columns_add(struct columns *columns, int kind, uint32_t region, struct column column);

struct region_list {
    uint32_t regions[TT_ALLOC_REGIONS];
    size_t count;
};

/* The regions worth a column, in their order: the usual ones, the others if live[region] bytes are not 0, or just the
 * one of the filter. */
struct region_list columns_regions(const uint64_t live[TT_ALLOC_REGIONS], const struct filter *filter);

/* Adds what is live in each region. */
void columns_count_live(uint64_t live[TT_ALLOC_REGIONS], const struct tt_alloc_usage *usage, size_t count,
                        const struct filter *filter);

/* How early the column of a region gives way: those that are seldom looked at first. */
int columns_region_sheds(uint32_t region, const struct filter *filter);

/* A size to show: what was never used is "-", what is not known "?". */
struct cell_size {
    bool is_known, was_used;
    uint64_t bytes;
};

struct cell_size cell_live(struct sum sum, bool is_complete);
struct cell_size cell_peak(struct sum sum, bool is_complete, bool has_peaks);

/* The text of such a cell. */
struct formatted format_cell(struct cell_size size);

/* Cells that several views have. */
void set_pid_cell(struct table *table, size_t column, int32_t pid);
void set_user_cell(struct table *table, size_t column, const struct process_row *row);
void set_size_cell(struct table *table, size_t column, struct cell_size size);

/* A command line; where it will be cut anyway, without the directories of its program. */
void set_command_cell(struct table *table, size_t column, const struct process_row *row);
