/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The lines of the process table: each process, or, as a tree, users, their processes, these' devices, and the regions
 * there. Whatever a line is, it has the same values, so that one table draws, sorts and filters them all.
 */

#include "smi/live/fields.h"
#include "smi/live/growth.h"
#include "smi/sample/snapshot.h"

enum line_kind {
    LINE_USER,
    LINE_PROCESS,
    LINE_DEVICE,
    LINE_REGION,
};

/* What stays the same from one sample to the next. */
struct line_key {
    enum line_kind kind;
    uint32_t uid; /* of a user; UINT32_MAX: not known */
    int32_t pid;
    uint64_t serial;     /* the server's, also when it has ended; 0: it does not know the process, */
    uint64_t start_time; /* and this tells it from others that had its PID */
    int32_t device;
    uint32_t region;
};

bool line_key_equals(const struct line_key *left, const struct line_key *right);

/* Of the line of a process. */
struct line_key line_key_of(const struct process_row *row);

struct line {
    struct line_key key;
    const struct process_row *row; /* of a user: one of his processes */
    const char *user;              /* NULL: he has no name */
    char devices[32];
    struct value values[FIELDS];
    size_t order;   /* in the sample, or among a user's lines */
    bool is_folded; /* what is below it is left out */
};

struct lines {
    struct line *list;
    size_t count, room;
};

/* Deals with one process after the other; where it returns false, the process is left out. */
typedef bool line_passes(const struct line *line, const void *userdata);

struct folds;

struct lines_wish {
    const struct filter *filter; /* decides which figures are summed */
    const struct growth *growth;
    uint64_t now;        /* ns since 1970 */
    line_passes *passes; /* NULL: all do */
    const void *userdata;
    enum field sort;
    bool is_reversed;
    bool is_tree;
    const struct folds *folds; /* of the tree; NULL: none */
};

/* Processes that live, and ended ones that left buffers. -ENOMEM. */
int lines_make(const struct snapshot *snapshot, const struct lines_wish *wish, struct lines *ret);

/* Takes zeroed ones. */
void lines_clear(struct lines *lines);

/* What it is called in the last column, with all that no column says; as long as it may be. */
void line_describe(const struct line *line, bool has_state, char *ret, size_t size);

/* Whether the process uses or has open the device of that label. */
bool line_has_device(const struct line *line, const char *label);

/* ---- Between the files of this part ---- */

/* NULL when out of memory. */
struct line *lines_add(struct lines *lines);

/* A line of what this process holds within the filter. */
struct line line_of_process(const struct process_row *row, const struct lines_wish *wish);

/* Turns a sorted list of processes into a tree. -ENOMEM leaves it as it was. */
int lines_make_tree(const struct snapshot *snapshot, const struct lines_wish *wish, struct lines *lines);

void lines_sort(struct line *list, size_t count, const struct lines_wish *wish);
