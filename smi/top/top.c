/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What fills a device, largest first: a line for each device that says how much is in all, then the groups, then what
 * the list does not show.
 */

#include "smi/text/format.h"
#include "smi/top/owners.h"
#include "smi/views/columns.h"
#include "smi/views/views.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum kind {
    BYTES,
    BUFFERS,
    EACH,
    OLDEST,
    DEVICE,
    REGION,
    ADDRESS,
    PID,
    USER,
    COMMAND,
};

static struct columns choose_columns(const struct top *top)
{
    struct columns columns = {0};
    bool by_pool = !top->each && top->by == TOP_BY_OWNER;

    columns_add(&columns, BYTES, 0, (struct column){"BYTES", .right = true});
    if (!top->each)
        columns_add(&columns, BUFFERS, 0, (struct column){"BUFS", .right = true});
    if (!top->each && !by_pool)
        columns_add(&columns, EACH, 0, (struct column){"EACH", .right = true, .sheds = 4});
    columns_add(&columns, OLDEST, 0, (struct column){top->each ? "AGE" : "OLDEST", .right = true, .sheds = 2});
    columns_add(&columns, DEVICE, 0, (struct column){"DEV", .right = !by_pool});
    columns_add(&columns, REGION, 0, (struct column){.title = by_pool ? "POOL" : "REGION"});
    if (top->each)
        columns_add(&columns, ADDRESS, 0, (struct column){"ADDRESS", .right = true, .sheds = 3});
    columns_add(&columns, PID, 0, (struct column){"PID", .right = true});
    columns_add(&columns, USER, 0, (struct column){"USER", .sheds = 1});
    columns_add(&columns, COMMAND, 0, (struct column){"COMMAND", .least = 8});
    return columns;
}

static void set_devices(struct table *table, size_t column, const struct buffer_group *group)
{
    char *devices = group_devices(group);

    table_set(table, column, TINT_NONE, "%s", devices ? devices : "?");
    free(devices);
}

static void set_memory(struct table *table, size_t column, const struct top *top, const struct buffer_group *group)
{
    const struct region *region = &regions[group->buffers[0]->region];
    bool is_pool = !top->each && top->by == TOP_BY_OWNER && region->pool >= 0;

    table_set(table, column, TINT_NONE, "%s", is_pool ? pool_titles[region->pool] : region->title);
}

static void set_amount(struct table *table, size_t column, enum kind kind, const struct buffer_group *group)
{
    const struct tt_alloc_buffer *buffer = group->buffers[0];

    if (kind == BUFFERS)
        table_set(table, column, TINT_NONE, "%s", format_count(group->count).text);
    else if (kind == OLDEST)
        table_set(table, column, TINT_NONE, "%s", format_age(group->oldest).text);
    else if (kind == ADDRESS)
        table_set(table, column, TINT_NONE, "0x%" PRIx64, buffer->buffer_id);
    else
        table_set(table, column, TINT_NONE, "%s", format_size(kind == EACH ? buffer->size : group->bytes).text);
}

static void set_cell(struct table *table, size_t column, enum kind kind, const struct top *top,
                     const struct buffer_group *group, const struct process_row *owner)
{
    switch (kind) {
    case BYTES:
    case BUFFERS:
    case EACH:
    case OLDEST:
    case ADDRESS:
        set_amount(table, column, kind, group);
        break;
    case DEVICE:
        set_devices(table, column, group);
        break;
    case REGION:
        set_memory(table, column, top, group);
        break;
    case PID:
        set_pid_cell(table, column, owner->facts.pid);
        break;
    case USER:
        set_user_cell(table, column, owner);
        break;
    case COMMAND:
        set_command_cell(table, column, owner);
        break;
    }
}

static int print_groups(FILE *out, const struct snapshot *snapshot, const struct style *style)
{
    const struct top *top = &snapshot->details.top;
    struct columns columns = choose_columns(top);
    struct owners owners;
    struct table *table;
    int r = owners_make(snapshot, &owners);

    if (r < 0)
        return r;
    table = table_new(columns.list, columns.count, style);
    for (size_t row = 0; row < top->shown; row++) {
        const struct buffer_group *group = &top->groups[row];
        struct process_row owner = owners_find(&owners, group->buffers[0]);

        table_row(table);
        for (size_t i = 0; i < columns.count; i++)
            set_cell(table, i, (enum kind)columns.meanings[i].kind, top, group, &owner);
    }
    r = table_print(table, out);
    table_free(table);
    owners_clear(&owners);
    return r;
}

static void write_place(FILE *out, const struct place *place, bool is_first)
{
    if (is_first)
        fprintf(out, "device %s", device_label(place->device).text);
    fprintf(out, "%s%s %s in %s %s", is_first ? "  " : ", ", regions[place->region].title,
            format_size(place->bytes).text, format_count(place->buffers).text,
            plural(place->buffers, "buffer", "buffers"));
}

/* All places of one device; returns how many there were. */
static int print_device(FILE *out, const struct place *places, size_t count, const struct style *style,
                        size_t *ret_count)
{
    char *line = NULL;
    size_t size, i = 0;
    FILE *memory = open_memstream(&line, &size);
    int r = -ENOMEM;

    for (; memory && i < count && places[i].device == places[0].device; i++)
        write_place(memory, &places[i], i == 0);
    if (memory && fclose(memory) == 0)
        r = style_line(out, style, TINT_BOLD, "%s", line);
    free(line);
    *ret_count = i;
    return r;
}

static int print_places(FILE *out, const struct top *top, const struct style *style)
{
    struct place *places;
    size_t count, told = 0;
    int r = top_places(top, &places, &count);

    if (r < 0)
        return r;
    for (size_t first = 0; r == 0 && first < count; first += told)
        r = print_device(out, places + first, count - first, style, &told);
    fputc('\n', out);
    free(places);
    return r;
}

/* What there is beside what was shown. */
static int print_rest(FILE *out, const struct top *top, const struct style *style)
{
    size_t more = top->group_count - top->shown;
    int r = 0;

    if (more > 0)
        r = style_line(out, style, TINT_NONE, "and %s more %s   tt-smi top %s-k %zu", format_count(more).text,
                       top->each ? plural(more, "buffer", "buffers") : plural(more, "line", "lines"),
                       top->each ? "--each " : "", top->group_count);
    if (r == 0 && top->hidden > 0)
        r = style_line(out, style, TINT_YELLOW, "%s %s of other users %s not shown   ask for the group tt-alloc",
                       format_count(top->hidden).text, plural(top->hidden, "buffer", "buffers"),
                       plural(top->hidden, "is", "are"));
    return r;
}

static bool is_filtered(const struct filter *filter)
{
    return filter->device_count > 0 || filter->by_uid || filter->pid != 0 || filter->region >= 0;
}

int print_top(FILE *out, const struct snapshot *snapshot, const struct filter *filter, const struct style *style)
{
    const struct top *top = &snapshot->details.top;
    int r;

    if (top->group_count == 0) {
        r = style_line(out, style, TINT_NONE, "%s",
                       is_filtered(filter) ? "No live buffer is among these." : "No live buffer is known.");
        return r == 0 ? print_rest(out, top, style) : r;
    }
    r = print_places(out, top, style);
    if (r == 0)
        r = print_groups(out, snapshot, style);
    return r == 0 ? print_rest(out, top, style) : r;
}
