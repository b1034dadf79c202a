/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Lines are made anew for every picture. Two hundred processes take a fraction of a millisecond, and nothing has to be
 * kept in step.
 */

#include "smi/live/lines.h"
#include "smi/sample/users.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool line_key_equals(const struct line_key *left, const struct line_key *right)
{
    return left->kind == right->kind && left->uid == right->uid && left->pid == right->pid &&
           left->serial == right->serial && left->start_time == right->start_time && left->device == right->device &&
           left->region == right->region;
}

struct line_key line_key_of(const struct process_row *row)
{
    return (struct line_key){
        .kind = LINE_PROCESS,
        .uid = row->facts.uid,
        .pid = row->facts.pid,
        .serial = row->facts.serial,
        .start_time = row->facts.serial != 0 ? 0 : row->facts.start_time,
    };
}

static struct value known(uint64_t number)
{
    return (struct value){VALUE_KNOWN, number > INT64_MAX ? INT64_MAX : (int64_t)number};
}

static struct value of_sum(struct sum sum, uint64_t bytes, bool is_known)
{
    if (!sum.used)
        return (struct value){is_known ? VALUE_UNUSED : VALUE_UNKNOWN, 0};
    return known(bytes);
}

static struct value live_value(const struct process_row *row, uint32_t region, const struct filter *filter)
{
    struct sum sum = sum_region(row->facts.usage, row->facts.usage_count, region, filter);

    return of_sum(sum, sum.bytes, row->is_complete);
}

static struct value peak_value(const struct process_row *row, const struct filter *filter)
{
    struct sum sum = sum_leading(row->facts.usage, row->facts.usage_count, filter);

    return sum.used && !row->has_peaks ? (struct value){0} : of_sum(sum, sum.peak, row->is_complete);
}

static struct value growth_value(const struct process_row *row, const struct growth *growth)
{
    struct value value = {VALUE_KNOWN, 0};

    if (row->tracking == TRACKING_EXITED)
        return (struct value){VALUE_UNUSED, 0};
    return growth && growth_get(growth, row, &value.number) ? value : (struct value){0};
}

static void set_values(struct line *line, const struct process_row *row, const struct lines_wish *wish)
{
    bool is_told = row->tracking == TRACKING_REPORTING || row->tracking == TRACKING_EXITED;
    struct value *values = line->values;

    values[FIELD_PID] = row->facts.pid > 0 ? known((uint64_t)row->facts.pid) : (struct value){0};
    values[FIELD_DRAM] = live_value(row, TT_ALLOC_DRAM, wish->filter);
    values[FIELD_TRACE] = live_value(row, TT_ALLOC_TRACE, wish->filter);
    values[FIELD_L1] = live_value(row, TT_ALLOC_L1, wish->filter);
    values[FIELD_L1_SMALL] = live_value(row, TT_ALLOC_L1_SMALL, wish->filter);
    values[FIELD_PEAK] = peak_value(row, wish->filter);
    values[FIELD_GROWTH] = growth_value(row, wish->growth);
    if (row->has_peaks)
        values[FIELD_BUFFERS] = known(count_buffers(&row->facts, wish->filter));
    if (row->tracking == TRACKING_REPORTING)
        values[FIELD_IDLE] = known(row->facts.idle);
    else if (row->tracking == TRACKING_EXITED)
        values[FIELD_IDLE] = known(wish->now > row->facts.end_time ? wish->now - row->facts.end_time : 0);
    if (is_told || row->facts.start_time != 0)
        values[FIELD_AGE] = known(row->facts.age);
}

static void set_devices(struct line *line, const struct process_row *row, const struct filter *filter)
{
    char *devices = join_devices(&row, 1, filter, row->tracking == TRACKING_EXITED);

    snprintf(line->devices, sizeof(line->devices), "%s", devices ? devices : "?");
    free(devices);
}

struct line line_of_process(const struct process_row *row, const struct lines_wish *wish)
{
    struct line line = {
        .key = line_key_of(row),
        .row = row,
        .user = row->has_uid ? user_name(row->facts.uid) : NULL,
    };

    set_values(&line, row, wish);
    set_devices(&line, row, wish->filter);
    return line;
}

struct line *lines_add(struct lines *lines)
{
    if (lines->count == lines->room) {
        size_t room = lines->room ? 2 * lines->room : 64;
        struct line *grown = reallocarray(lines->list, room, sizeof(*grown));

        if (!grown)
            return NULL;
        lines->list = grown;
        lines->room = room;
    }
    return &lines->list[lines->count++];
}

static int add_processes(const struct process_row *const *rows, size_t count, const struct lines_wish *wish,
                         struct lines *lines)
{
    for (size_t i = 0; i < count; i++) {
        struct line line, *added;

        if (!filter_has_process(wish->filter, rows[i]))
            continue;
        line = line_of_process(rows[i], wish);
        if (wish->passes && !wish->passes(&line, wish->userdata))
            continue;
        added = lines_add(lines);
        if (!added)
            return -ENOMEM;
        *added = line;
        added->order = lines->count;
    }
    return 0;
}

int lines_make(const struct snapshot *snapshot, const struct lines_wish *wish, struct lines *ret)
{
    struct lines lines = {0};
    int r = add_processes(snapshot->processes, snapshot->process_count, wish, &lines);

    if (r == 0)
        r = add_processes(snapshot->leaks, snapshot->leak_count, wish, &lines);
    lines_sort(lines.list, lines.count, wish);
    if (r == 0 && wish->is_tree)
        r = lines_make_tree(snapshot, wish, &lines);
    if (r < 0)
        lines_clear(&lines);
    else
        *ret = lines;
    return r;
}

void lines_clear(struct lines *lines)
{
    free(lines->list);
    *lines = (struct lines){0};
}

bool line_has_device(const struct line *line, const char *label)
{
    const struct process_row *row = line->row;

    for (size_t i = 0; i < row->facts.usage_count; i++) {
        if (strcasecmp(device_label(row->facts.usage[i].device).text, label) == 0)
            return true;
    }
    for (size_t i = 0; i < row->held_count; i++) {
        if (strcasecmp(device_label(row->held[i]).text, label) == 0)
            return true;
    }
    return false;
}

/* "/opt/python/bin/python3 serve.py" starts at "python3"; the detail page has all of it. */
static const char *skip_directories(const char *command)
{
    size_t program = strcspn(command, " ");
    const char *slash = command[0] == '/' ? memrchr(command, '/', program) : NULL;

    return slash && slash + 1 < command + program ? slash + 1 : command;
}

static void describe_process(const struct line *line, bool has_state, char *ret, size_t size)
{
    const struct process_row *row = line->row;
    const char *command = row->facts.command && row->facts.command[0] ? skip_directories(row->facts.command) : "?";

    if (row->tracking == TRACKING_EXITED)
        snprintf(ret, size, "LEAK %s", command);
    else if (row->tracking == TRACKING_REPORTING || has_state)
        snprintf(ret, size, "%s%s", row->facts.inexact ? "~ " : "", command);
    else
        snprintf(ret, size, "%s (%s)", command, tracking_title(row->tracking));
}

void line_describe(const struct line *line, bool has_state, char *ret, size_t size)
{
    switch (line->key.kind) {
    case LINE_USER:
        snprintf(ret, size, "%s", line->user ? line->user : line->row->has_uid ? "(no name)" : "(not known)");
        break;
    case LINE_PROCESS:
        describe_process(line, has_state, ret, size);
        break;
    case LINE_DEVICE:
        snprintf(ret, size, "device %s", device_label(line->key.device).text);
        break;
    case LINE_REGION:
        snprintf(ret, size, "%s", regions[line->key.region].title);
        break;
    }
}
