/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One line per device. Sizes come from whoever described the device, or from the type of its board, which is marked; of
 * some devices nobody tells. Then there is no bar, and a question mark where the size would be.
 */

#include "smi/text/format.h"
#include "smi/views/columns.h"
#include "smi/views/views.h"

#include <errno.h>
#include <inttypes.h>

enum kind {
    DEVICE,
    BOARD,
    PCI,
    BAR,
    FIGURE,
    PEAK,
    TEMPERATURE,
    POWER,
};

static enum tint fullness(uint64_t used, uint64_t size)
{
    double share = size == 0 ? 1 : (double)used / (double)size;

    return share >= 0.95 ? TINT_RED : share >= 0.8 ? TINT_YELLOW : TINT_GREEN;
}

static bool has_bar(uint32_t region)
{
    return region == TT_ALLOC_DRAM || region == TT_ALLOC_L1;
}

static bool is_known(const struct device_row *row, enum kind kind, uint32_t region)
{
    switch (kind) {
    case PCI:
        return row->facts.description.known & TT_ALLOC_KNOWN_PCI;
    case TEMPERATURE:
        return row->node && row->node->temperature.error == 0;
    case POWER:
        return row->node && row->node->power.error == 0;
    default:
        return region_capacity(&row->facts.description, region).known;
    }
}

/* Whether at least one device tells it. */
static bool is_known_anywhere(const struct snapshot *snapshot, enum kind kind, uint32_t region)
{
    for (size_t i = 0; i < snapshot->device_count; i++) {
        if (is_known(snapshot->devices[i], kind, region))
            return true;
    }
    return false;
}

static void add_region(struct columns *columns, const struct snapshot *snapshot, const struct filter *filter,
                       uint32_t region, size_t bar_cells)
{
    bool bar = bar_cells > 0 && has_bar(region) && is_known_anywhere(snapshot, BAR, region);
    const char *title = regions[region].title;
    int sheds = columns_region_sheds(region, filter);

    if (bar)
        columns_add(columns, BAR, region, (struct column){title, .sheds = sheds});
    columns_add(columns, FIGURE, region, (struct column){bar ? "" : title, .right = true, .sheds = sheds});
}

static struct columns choose_columns(const struct snapshot *snapshot, const struct filter *filter, size_t bar_cells)
{
    struct columns columns = {0};
    uint64_t live[TT_ALLOC_REGIONS] = {0};
    struct region_list list;

    for (size_t i = 0; i < snapshot->device_count; i++)
        columns_count_live(live, snapshot->devices[i]->facts.usage, snapshot->devices[i]->facts.usage_count, filter);
    list = columns_regions(live, filter);
    columns_add(&columns, DEVICE, 0, (struct column){"DEV", .right = true});
    columns_add(&columns, BOARD, 0, (struct column){"BOARD", .sheds = 4});
    if (is_known_anywhere(snapshot, PCI, 0))
        columns_add(&columns, PCI, 0, (struct column){"PCI", .sheds = 9});
    for (size_t i = 0; i < list.count; i++)
        add_region(&columns, snapshot, filter, list.regions[i], bar_cells);
    columns_add(&columns, PEAK, 0, (struct column){"PEAK", .right = true, .sheds = 8});
    if (is_known_anywhere(snapshot, TEMPERATURE, 0))
        columns_add(&columns, TEMPERATURE, 0, (struct column){"TEMP", .right = true, .sheds = 5});
    if (is_known_anywhere(snapshot, POWER, 0))
        columns_add(&columns, POWER, 0, (struct column){"POWER", .right = true, .sheds = 7});
    return columns;
}

/* A chip of which nobody knows the node is told apart by its own number, in the way its firmware writes it. */
static void set_board(struct table *table, size_t column, const struct device_row *row)
{
    const struct tt_alloc_device_description *facts = &row->facts.description;
    const char *board = facts->known & TT_ALLOC_KNOWN_BOARD ? facts->board : arch_name(facts);
    bool remote = (facts->known & TT_ALLOC_KNOWN_REMOTE) && facts->remote;

    if (row->facts.device < DEVICE_UNKNOWN_END)
        table_set(table, column, TINT_NONE, "%s%schip %" PRIx64, board ? board : "", board ? " " : "", facts->asic_id);
    else
        table_set(table, column, TINT_NONE, "%s%s", board ? board : "?", remote ? " R" : "");
}

static void set_bar(struct table *table, size_t column, struct cell_size live, struct capacity size, size_t cells,
                    const struct style *style)
{
    if (size.known && live.is_known)
        table_set(table, column, fullness(live.bytes, size.bytes), "%s",
                  format_bar(live.bytes, size.bytes, cells, style->utf8).text);
}

static void set_figure(struct table *table, size_t column, struct cell_size live, struct capacity size, bool is_nominal,
                       bool size_expected)
{
    const char *mark = size.known && is_nominal ? "*" : "";

    if (size.known && live.was_used)
        table_set(table, column, TINT_NONE, "%s%s", format_share(live.bytes, size.bytes).text, mark);
    else if (size.known)
        table_set(table, column, TINT_NONE, "%s/%s%s", format_cell(live).text, format_size(size.bytes).text, mark);
    else
        table_set(table, column, TINT_NONE, "%s%s", format_cell(live).text, size_expected ? "/?" : "");
}

/* To the nearest, away from zero where two are. */
static int64_t round_to(int64_t value, int64_t unit)
{
    int64_t rest = value % unit;

    return value / unit + (2 * rest >= unit) - (2 * rest <= -unit);
}

static void set_reading(struct table *table, size_t column, const struct host_number *reading, int64_t unit,
                        const char *suffix)
{
    if (!reading || reading->error != 0)
        table_set(table, column, TINT_NONE, "?");
    else
        table_set(table, column, TINT_NONE, "%" PRId64 "%s", round_to(reading->value, unit), suffix);
}

static void set_cell(struct table *table, size_t column, struct meaning meaning, const struct device_row *row,
                     const struct filter *filter, const struct style *style, size_t bar_cells)
{
    const struct tt_alloc_device *facts = &row->facts;
    struct sum sum = sum_region(facts->usage, facts->usage_count, meaning.region, filter);
    struct capacity size = region_capacity(&facts->description, meaning.region);

    switch ((enum kind)meaning.kind) {
    case DEVICE:
        table_set(table, column, TINT_NONE, "%s", device_row_label(row).text);
        break;
    case BOARD:
        set_board(table, column, row);
        break;
    case PCI:
        table_set(table, column, TINT_NONE, "%s",
                  is_known(row, PCI, 0) ? format_pci(facts->description.pci_address).text : "?");
        break;
    case BAR:
        set_bar(table, column, cell_live(sum, row->is_complete), size, bar_cells, style);
        break;
    case FIGURE:
        set_figure(table, column, cell_live(sum, row->is_complete), size, row->is_nominal, has_bar(meaning.region));
        break;
    case PEAK:
        sum = sum_leading(facts->usage, facts->usage_count, filter);
        set_size_cell(table, column, cell_peak(sum, row->is_complete, row->has_peaks));
        break;
    case TEMPERATURE:
        set_reading(table, column, row->node ? &row->node->temperature : NULL, 1000, "C");
        break;
    case POWER:
        set_reading(table, column, row->node ? &row->node->power : NULL, 1000000, "W");
        break;
    }
}

static struct table *build(const struct snapshot *snapshot, const struct filter *filter, const struct style *style,
                           const struct columns *columns, size_t bar_cells)
{
    struct table *table = table_new(columns->list, columns->count, style);

    for (size_t row = 0; row < snapshot->device_count; row++) {
        table_row(table);
        for (size_t i = 0; i < columns->count; i++)
            set_cell(table, i, columns->meanings[i], snapshot->devices[row], filter, style, bar_cells);
    }
    return table;
}

static const char *no_devices(const struct snapshot *snapshot)
{
    if (!snapshot_is_told(snapshot))
        return "No device is known.";
    return snapshot->coverage.devices > 0 ? "None of the devices is among these."
                                          : "No device has been reported on yet.";
}

/* Shorter bars are tried before a region would have to go. */
static int print_table(FILE *out, const struct snapshot *snapshot, const struct filter *filter,
                       const struct style *style)
{
    static const size_t bar_cells[] = {BAR_CELLS_MAX, BAR_CELLS_MAX / 2, 0};
    int r = -ENOMEM;

    for (size_t i = 0; i < sizeof(bar_cells) / sizeof(bar_cells[0]); i++) {
        struct columns columns = choose_columns(snapshot, filter, bar_cells[i]);
        struct table *table = build(snapshot, filter, style, &columns, bar_cells[i]);
        bool fits = style->width == 0 || table_needs(table, 8) <= style->width || bar_cells[i] == 0;

        if (fits)
            r = table_print(table, out);
        table_free(table);
        if (fits)
            break;
    }
    return r;
}

static bool has_nominal(const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->device_count; i++) {
        if (snapshot->devices[i]->is_nominal)
            return true;
    }
    return false;
}

int print_devices(FILE *out, const struct snapshot *snapshot, const struct filter *filter, const struct style *style)
{
    int r;

    if (snapshot->device_count == 0)
        return style_line(out, style, TINT_NONE, "%s", no_devices(snapshot));
    r = print_table(out, snapshot, filter, style);
    if (r == 0 && has_nominal(snapshot))
        r = style_line(out, style, TINT_NONE, "* nominal, by the type of the board");
    return r;
}
