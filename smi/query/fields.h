/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What can be asked for, for query.c. A field writes its cell, or nothing if its value is not known.
 */

#include "smi/sample/snapshot.h"

#include <stdio.h>

/* Either a device or a process. */
struct query_row {
    const struct snapshot *snapshot;
    const struct filter *filter;
    const struct device_row *device;
    const struct process_row *process;
    bool utf8;
};

struct query_field {
    const char *name;
    const char *unit; /* NULL: none */
    const char *help;
    int (*put)(FILE *out, const struct query_row *row, uint32_t index); /* 0 or -ENOMEM */
    uint32_t index;                                                     /* for put: of a region, pool, reading */
};

struct query_fields {
    const struct query_field *list;
    size_t count;
};

extern const struct query_fields query_device_fields, query_process_fields;

/* ---- How cells are written ---- */

/* Text of others: on one line, quoted where CSV needs it, and never taken for a formula by a spreadsheet. NULL is not
 * known. */
int query_put_text(FILE *out, const struct query_row *row, const char *text);
int query_put_number(FILE *out, bool is_known, uint64_t value);
int query_put_signed(FILE *out, bool is_known, int64_t value);
int query_put_truth(FILE *out, bool is_known, bool value);
int query_put_seconds(FILE *out, bool is_known, uint64_t nanoseconds);
int query_put_moment(FILE *out, uint64_t nanoseconds);

/* Fields that both kinds have. */
int query_put_time(FILE *out, const struct query_row *row, uint32_t index);
int query_put_host(FILE *out, const struct query_row *row, uint32_t index);
