/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Names rise, figures fall, and what is not known comes last either way: it is never the answer to "who has most".
 */

#include "smi/live/lines.h"

#include <stdlib.h>
#include <strings.h>

static const char *text_of(const struct line *line, enum field field)
{
    switch (field) {
    case FIELD_USER:
        return line->user;
    case FIELD_DEVICES:
        return line->devices;
    case FIELD_STATE:
        return tracking_title(line->row->tracking);
    default:
        return line->row->facts.command;
    }
}

static int compare_texts(const char *left, const char *right, bool is_reversed)
{
    int order = left && right ? strcasecmp(left, right) : 0;

    if (!left || !right)
        return !left - !right;
    return is_reversed ? -order : order;
}

static int compare_values(struct value left, struct value right, bool rises)
{
    int order = (left.number > right.number) - (left.number < right.number);

    if (left.knowledge == VALUE_UNKNOWN || right.knowledge == VALUE_UNKNOWN)
        return (left.knowledge == VALUE_UNKNOWN) - (right.knowledge == VALUE_UNKNOWN);
    if (order == 0) /* never used is less than 0 */
        order = (left.knowledge != VALUE_UNUSED) - (right.knowledge != VALUE_UNUSED);
    return rises ? order : -order;
}

static int compare_lines(const void *a, const void *b, void *context)
{
    const struct line *left = a, *right = b;
    const struct lines_wish *wish = context;
    enum field field = wish->sort;
    int order;

    if (fields[field].kind == KIND_TEXT)
        order = compare_texts(text_of(left, field), text_of(right, field), wish->is_reversed);
    else
        order = compare_values(left->values[field], right->values[field], (field == FIELD_PID) != wish->is_reversed);
    return order ? order : (left->order > right->order) - (left->order < right->order);
}

void lines_sort(struct line *list, size_t count, const struct lines_wish *wish)
{
    if (count > 1)
        qsort_r(list, count, sizeof(*list), compare_lines, (void *)wish);
}
