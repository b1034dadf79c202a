/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The tree: a user's line stands before his processes, a process's devices behind it, each with the regions that were
 * used there, unless it is folded. Users and processes come in the order of the table; devices and regions in their
 * own.
 */

#include "smi/live/folds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_same_user(const struct line *left, const struct line *right)
{
    return left->row->has_uid == right->row->has_uid && left->row->facts.uid == right->row->facts.uid &&
           (left->user == NULL) == (right->user == NULL);
}

static struct value add(struct value sum, struct value part)
{
    struct value result = {part.knowledge, 0};

    if (sum.knowledge < VALUE_KNOWN && part.knowledge < VALUE_KNOWN)
        return sum.knowledge == VALUE_UNKNOWN ? sum : part;
    if (sum.knowledge == VALUE_UNKNOWN || part.knowledge == VALUE_UNKNOWN)
        result.knowledge = VALUE_AT_LEAST;
    else if (sum.knowledge > part.knowledge)
        result.knowledge = sum.knowledge;
    if (__builtin_add_overflow(sum.number, part.number, &result.number))
        result.number = INT64_MAX;
    return result;
}

static bool can_be_summed(enum field field)
{
    return (field >= FIELD_DRAM && field <= FIELD_BUFFERS) || field == FIELD_GROWTH;
}

static void sum_up(struct line *user, const struct line *process)
{
    for (enum field field = 0; field < FIELDS; field++) {
        if (can_be_summed(field))
            user->values[field] = add(user->values[field], process->values[field]);
    }
}

/* Nothing but what can be summed makes sense for a user. */
static struct line make_user(const struct line *process)
{
    struct line user = *process;

    user.key = (struct line_key){.kind = LINE_USER, .uid = process->row->has_uid ? process->key.uid : UINT32_MAX};
    user.devices[0] = '\0';
    for (enum field field = 0; field < FIELDS; field++) {
        if (!can_be_summed(field))
            user.values[field] = (struct value){VALUE_UNUSED, 0};
    }
    return user;
}

/* Whether what is below it is to be left out. (A line with nothing below it is not folded.) */
static bool is_folded(const struct lines_wish *wish, const struct line_key *key)
{
    return wish->folds && folds_has(wish->folds, key);
}

static int add_line(struct lines *tree, struct line line)
{
    struct line *added = lines_add(tree);

    if (!added)
        return -ENOMEM;
    *added = line;
    return 0;
}

static struct filter only(const struct filter *filter, int32_t *device)
{
    struct filter narrow = *filter;

    narrow.devices = device;
    narrow.device_count = 1;
    return narrow;
}

static struct line make_part(const struct line *process, const struct lines_wish *wish, int32_t device, int region)
{
    struct filter narrow = only(wish->filter, &device);
    struct lines_wish narrow_wish = {.filter = &narrow};
    struct line line;

    if (region >= 0)
        narrow.region = region;
    line = line_of_process(process->row, &narrow_wish);
    line.key = process->key;
    line.key.kind = region >= 0 ? LINE_REGION : LINE_DEVICE;
    line.key.device = device;
    line.key.region = region >= 0 ? (uint32_t)region : 0;
    line.values[FIELD_AGE] = line.values[FIELD_PID] = line.values[FIELD_GROWTH] = (struct value){VALUE_UNUSED, 0};
    line.values[FIELD_IDLE] = line.values[FIELD_AGE];
    return line;
}

/* Whether the process ever used this region there, and it is to be seen. */
static bool has_region(const struct line *process, const struct lines_wish *wish, int32_t device, uint32_t region)
{
    struct filter narrow = only(wish->filter, &device);
    const struct tt_alloc_process *facts = &process->row->facts;

    return filter_has_region(&narrow, region) && sum_region(facts->usage, facts->usage_count, region, &narrow).used;
}

static bool has_any_region(const struct line *process, const struct lines_wish *wish, int32_t device)
{
    for (uint32_t region = 0; region < TT_ALLOC_REGIONS; region++) {
        if (has_region(process, wish, device, region))
            return true;
    }
    return false;
}

static int add_device(const struct line *process, const struct lines_wish *wish, int32_t device, struct lines *tree)
{
    struct line line = make_part(process, wish, device, -1);
    int r;

    line.is_folded = is_folded(wish, &line.key) && has_any_region(process, wish, device);
    r = add_line(tree, line);
    for (size_t i = 0; r == 0 && !line.is_folded && i < TT_ALLOC_REGIONS; i++) {
        if (has_region(process, wish, device, region_order[i]))
            r = add_line(tree, make_part(process, wish, device, (int)region_order[i]));
    }
    return r;
}

static bool uses(const struct process_row *row, const struct filter *filter, int32_t device)
{
    if (!filter_has_device(filter, device))
        return false;
    for (size_t i = 0; i < row->facts.usage_count; i++) {
        if (row->facts.usage[i].device == device)
            return true;
    }
    for (size_t i = 0; i < row->held_count; i++) {
        if (row->held[i] == device)
            return true;
    }
    return false;
}

static bool uses_any(const struct snapshot *snapshot, const struct process_row *row, const struct filter *filter)
{
    for (size_t i = 0; i < snapshot->device_count; i++) {
        if (uses(row, filter, snapshot->devices[i]->facts.device))
            return true;
    }
    return false;
}

static int add_process(const struct snapshot *snapshot, const struct line *process, const struct lines_wish *wish,
                       struct lines *tree)
{
    struct line line = *process;
    int r;

    line.is_folded = is_folded(wish, &line.key) && uses_any(snapshot, process->row, wish->filter);
    r = add_line(tree, line);
    for (size_t i = 0; r == 0 && !line.is_folded && i < snapshot->device_count; i++) {
        int32_t device = snapshot->devices[i]->facts.device;

        if (uses(process->row, wish->filter, device))
            r = add_device(process, wish, device, tree);
    }
    return r;
}

static int add_user(const struct snapshot *snapshot, const struct line *user, const struct lines *processes,
                    const struct lines_wish *wish, struct lines *tree)
{
    struct line line = *user;
    int r;

    line.is_folded = is_folded(wish, &line.key);
    r = add_line(tree, line);
    for (size_t i = 0; r == 0 && !line.is_folded && i < processes->count; i++) {
        if (is_same_user(user, &processes->list[i]))
            r = add_process(snapshot, &processes->list[i], wish, tree);
    }
    return r;
}

static struct line *find_user(const struct lines *users, const struct line *process)
{
    for (size_t i = 0; i < users->count; i++) {
        if (is_same_user(&users->list[i], process))
            return &users->list[i];
    }
    return NULL;
}

static int collect_users(const struct lines *processes, struct lines *users)
{
    for (size_t i = 0; i < processes->count; i++) {
        const struct line *process = &processes->list[i];
        struct line *user = find_user(users, process);

        if (user)
            sum_up(user, process);
        else if (add_line(users, make_user(process)) < 0)
            return -ENOMEM;
    }
    return 0;
}

int lines_make_tree(const struct snapshot *snapshot, const struct lines_wish *wish, struct lines *lines)
{
    struct lines users = {0}, tree = {0};
    int r = collect_users(lines, &users);

    lines_sort(users.list, users.count, wish);
    for (size_t i = 0; r == 0 && i < users.count; i++)
        r = add_user(snapshot, &users.list[i], lines, wish, &tree);
    lines_clear(&users);
    if (r < 0) {
        lines_clear(&tree);
        return r;
    }
    lines_clear(lines);
    *lines = tree;
    return 0;
}
