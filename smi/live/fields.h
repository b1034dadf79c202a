/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The columns of the process table: their names, their widths, and their values as they are compared and written. */

#include "smi/text/format.h"

enum field {
    FIELD_PID,
    FIELD_USER,
    FIELD_DEVICES,
    FIELD_STATE,
    FIELD_DRAM,
    FIELD_TRACE,
    FIELD_L1,
    FIELD_L1_SMALL,
    FIELD_BUFFERS,
    FIELD_PEAK,
    FIELD_GROWTH,
    FIELD_IDLE,
    FIELD_AGE,
    FIELD_COMMAND,
    FIELDS,
};

enum field_kind {
    KIND_TEXT,
    KIND_NUMBER,
    KIND_COUNT, /* with commas */
    KIND_SIZE,
    KIND_GROWTH, /* a size with a sign */
    KIND_AGE,    /* ns */
};

struct field_facts {
    const char *title;
    const char *name; /* in filters and settings */
    enum field_kind kind;
    size_t width; /* COMMAND: at least that */
    int sheds;    /* as of struct column */
};

extern const struct field_facts fields[FIELDS];

/* By name; FIELDS: there is none. */
enum field field_by_name(const char *name, size_t length);

enum knowledge {
    VALUE_UNKNOWN,
    VALUE_UNUSED, /* a region that was never used */
    VALUE_KNOWN,
    VALUE_AT_LEAST, /* a sum some parts of which are not known */
};

struct value {
    enum knowledge knowledge;
    int64_t number;
};

struct formatted field_format(struct value value, enum field_kind kind);
