/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The command line. option_table.h lists all there is, --help (help.c) is its manual. */

#include "smi/act/options.h"
#include "smi/run/options.h"
#include "smi/sample/model.h"

#include <stdbool.h>
#include <stdint.h>

enum view {
    VIEW_TABLE,
    VIEW_LEAKS,
    VIEW_EXITED,
    VIEW_TOP,
    VIEW_DOCTOR,
    VIEW_RUN,
    VIEW_RESET_PEAKS,
    VIEW_FORGET,
    VIEWS,
};

enum action {
    ACTION_SHOW,
    ACTION_HELP,       /* of the view's verb; without one of everything */
    ACTION_SHORT_HELP, /* on one screen */
    ACTION_FIELDS,     /* of queries */
    ACTION_COMPLETION,
    ACTION_VERSION,
};

enum when {
    WHEN_AUTO,
    WHEN_ALWAYS,
    WHEN_NEVER,
};

/* What comes first among buffers. */
enum top_order {
    TOP_BY_SIZE,
    TOP_BY_AGE,
    TOP_BY_OWNER,
};

enum shell {
    SHELL_BASH,
    SHELL_ZSH,
    SHELL_FISH,
};

/* Texts are those of argv. */
struct options {
    enum action action;
    enum view view;
    bool watch;
    uint64_t interval; /* ns */
    bool has_interval; /* it was given */
    bool json;
    bool strict;               /* exit with EXIT_INCOMPLETE if anything is not known */
    const char *query_devices; /* the fields; NULL: not asked for. At most one of both, and never with json */
    const char *query_processes;
    bool csv; /* as every query without another format */
    bool noheader;
    bool nounits;
    uint32_t count; /* of lines, at least 1 */
    bool each;      /* single buffers, not groups */
    enum top_order by;
    bool ascii;
    bool no_mouse;
    enum when color;
    const char *socket; /* NULL: the default */
    const char *root;   /* of the host's files; NULL: "/" */
    bool is_demo;
    unsigned story;   /* of the demo: enum story_number */
    enum shell shell; /* of ACTION_COMPLETION */
    struct filter filter;
    struct run_options run; /* of VIEW_RUN */
    struct act_options act; /* of VIEW_FORGET */
};

/* Whether what is printed is for programs: no remark may stand between. */
static inline bool options_want_data(const struct options *options)
{
    return options->json || options->csv;
}

/* The parts of the host that it shows. A host may have 32 devices, and each value of them is a file of its own. */
static inline unsigned options_host_parts(const struct options *options)
{
    if (options_want_data(options) || options->view == VIEW_DOCTOR)
        return HOST_ALL;
    return HOST_ALL & ~(options->view == VIEW_TABLE ? HOST_STATE : HOST_SENSORS);
}

/* -EINVAL after one line on stderr that says what is wrong and what was probably meant; -ENOMEM. */
int options_parse(int argc, char **argv, struct options *ret);

/* Takes half-built ones. */
void options_clear(struct options *options);
