/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One line per device. Sizes come from whoever described the device and are often unknown; then there is no bar, and a
 * question mark where the size would be.
 */

#include "smi/columns.h"
#include "smi/format.h"
#include "smi/views.h"

#include <errno.h>

enum kind {
    DEVICE,
    BOARD,
    PCI,
    BAR,
    FIGURE,
    PEAK,
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

/* Whether at least one device tells its PCI address, or the size of a region. */
static bool is_known_anywhere(const struct snapshot *snapshot, enum kind kind, uint32_t region)
{
    for (size_t i = 0; i < snapshot->device_count; i++) {
        const struct tt_alloc_device_description *facts = &snapshot->devices[i]->description;

        if (kind == PCI ? (facts->known & TT_ALLOC_KNOWN_PCI) != 0 : region_capacity(facts, region).known)
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
        columns_count_live(live, snapshot->devices[i]->usage, snapshot->devices[i]->usage_count, filter);
    list = columns_regions(live, filter);
    columns_add(&columns, DEVICE, 0, (struct column){"DEV", .right = true});
    columns_add(&columns, BOARD, 0, (struct column){"BOARD", .sheds = 4});
    if (is_known_anywhere(snapshot, PCI, 0))
        columns_add(&columns, PCI, 0, (struct column){"PCI", .sheds = 9});
    for (size_t i = 0; i < list.count; i++)
        add_region(&columns, snapshot, filter, list.regions[i], bar_cells);
    columns_add(&columns, PEAK, 0, (struct column){"PEAK", .right = true, .sheds = 8});
    return columns;
}

static void set_board(struct table *table, size_t column, const struct tt_alloc_device_description *facts)
{
    const char *board = facts->known & TT_ALLOC_KNOWN_BOARD ? facts->board : arch_name(facts);
    bool remote = (facts->known & TT_ALLOC_KNOWN_REMOTE) && facts->remote;

    table_set(table, column, TINT_NONE, "%s%s", board ? board : "?", remote ? " R" : "");
}

static void set_bar(struct table *table, size_t column, struct sum sum, struct capacity size, size_t cells,
                    const struct style *style)
{
    if (size.known)
        table_set(table, column, fullness(sum.bytes, size.bytes), "%s",
                  format_bar(sum.bytes, size.bytes, cells, style->utf8).text);
}

static void set_figure(struct table *table, size_t column, struct sum sum, struct capacity size, bool size_expected)
{
    if (size.known && sum.used)
        table_set(table, column, TINT_NONE, "%s", format_share(sum.bytes, size.bytes).text);
    else
        table_set(table, column, TINT_NONE, "%s%s%s", sum.used ? format_size(sum.bytes).text : "-",
                  size.known || size_expected ? "/" : "",
                  size.known      ? format_size(size.bytes).text
                  : size_expected ? "?"
                                  : "");
}

static void set_cell(struct table *table, size_t column, struct meaning meaning, const struct tt_alloc_device *device,
                     const struct filter *filter, const struct style *style, size_t bar_cells)
{
    struct sum sum = sum_region(device->usage, device->usage_count, meaning.region, filter);
    struct capacity size = region_capacity(&device->description, meaning.region);

    switch ((enum kind)meaning.kind) {
    case DEVICE:
        table_set(table, column, TINT_NONE, "%d", device->device);
        break;
    case BOARD:
        set_board(table, column, &device->description);
        break;
    case PCI:
        table_set(table, column, TINT_NONE, "%s",
                  device->description.known & TT_ALLOC_KNOWN_PCI ? format_pci(device->description.pci_address).text
                                                                 : "?");
        break;
    case BAR:
        set_bar(table, column, sum, size, bar_cells, style);
        break;
    case FIGURE:
        set_figure(table, column, sum, size, has_bar(meaning.region));
        break;
    case PEAK:
        sum = sum_leading(device->usage, device->usage_count, filter);
        set_size_cell(table, column, sum.used, sum.peak);
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

/* Shorter bars are tried before a region would have to go. */
int print_devices(FILE *out, const struct snapshot *snapshot, const struct filter *filter, const struct style *style)
{
    static const size_t bar_cells[] = {BAR_CELLS_MAX, BAR_CELLS_MAX / 2, 0};
    int r = -ENOMEM;

    if (snapshot->device_count == 0)
        return style_line(out, style, TINT_NONE, "No device has been reported on yet.");
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
