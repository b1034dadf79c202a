/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Widths are fixed, other than in the one-shot table: a column that moves while one reads it is worse than a blank.
 */

#include "smi/live/fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

const struct field_facts fields[FIELDS] = {
    [FIELD_PID] = {"PID", "pid", KIND_NUMBER, 7, 0},
    [FIELD_USER] = {"USER", "user", KIND_TEXT, 8, 2},
    [FIELD_DEVICES] = {"DEV", "dev", KIND_TEXT, 6, 1},
    [FIELD_STATE] = {"STATE", "state", KIND_TEXT, 9, 10},
    [FIELD_DRAM] = {"DRAM", "dram", KIND_SIZE, 6, 0},
    [FIELD_TRACE] = {"TRACE", "trace", KIND_SIZE, 6, 5},
    [FIELD_L1] = {"L1", "l1", KIND_SIZE, 6, 0},
    [FIELD_L1_SMALL] = {"L1_SM", "l1_small", KIND_SIZE, 6, 7},
    [FIELD_BUFFERS] = {"BUFS", "bufs", KIND_COUNT, 7, 6},
    [FIELD_PEAK] = {"PEAK", "peak", KIND_SIZE, 6, 8},
    [FIELD_GROWTH] = {"+/MIN", "growth", KIND_GROWTH, 6, 3},
    [FIELD_IDLE] = {"IDLE", "idle", KIND_AGE, 6, 4},
    [FIELD_AGE] = {"AGE", "age", KIND_AGE, 6, 9},
    [FIELD_COMMAND] = {"COMMAND", "command", KIND_TEXT, 13, 0},
};

enum field field_by_name(const char *name, size_t length)
{
    enum field field = FIELD_PID;

    while (field < FIELDS &&
           (strlen(fields[field].name) != length || strncasecmp(fields[field].name, name, length) != 0))
        field++;
    return field;
}

static struct formatted format_growth(int64_t bytes)
{
    struct formatted text;

    if (bytes == 0)
        return format_size(0);
    snprintf(text.text, sizeof(text.text), "%c%.8s", bytes < 0 ? '-' : '+',
             format_size(bytes < 0 ? -(uint64_t)bytes : (uint64_t)bytes).text);
    return text;
}

static struct formatted format_number(int64_t number, enum field_kind kind)
{
    struct formatted text;

    switch (kind) {
    case KIND_SIZE:
        return format_size((uint64_t)number);
    case KIND_COUNT:
        return format_count((uint64_t)number);
    case KIND_AGE:
        return format_age((uint64_t)number);
    case KIND_GROWTH:
        return format_growth(number);
    default:
        snprintf(text.text, sizeof(text.text), "%" PRId64, number);
        return text;
    }
}

struct formatted field_format(struct value value, enum field_kind kind)
{
    struct formatted text;

    if (value.knowledge == VALUE_UNKNOWN)
        return (struct formatted){"?"};
    if (value.knowledge == VALUE_UNUSED)
        return (struct formatted){"-"};
    text = format_number(value.number, kind);
    if (value.knowledge == VALUE_AT_LEAST)
        strcat(text.text, "+");
    return text;
}
