/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Every option, verb and exit code, once. The parser, its guesses at what was meant, both helps and the completions of
 * three shells are made of these tables; a test holds the manual page against them.
 */

#include "smi/cli/options.h"

#include <getopt.h>
#include <stdio.h>

/* What getopt_long() returns: the letter, or a number of its own where there is none. */
enum option_code {
    OPT_SHORT_HELP = 'h',
    OPT_WATCH = 'w',
    OPT_INTERVAL = 'n',
    OPT_MILLISECONDS = 'r',
    OPT_DEVICE = 'd',
    OPT_USER = 'u',
    OPT_PID = 'p',
    OPT_COUNT = 'k',
    OPT_REGION = 256,
    OPT_ALL,
    OPT_BY,
    OPT_EACH,
    OPT_JSON,
    OPT_QUERY_DEVICES,
    OPT_QUERY_PROCESSES,
    OPT_FORMAT,
    OPT_HELP_FIELDS,
    OPT_STRICT,
    OPT_SOCKET,
    OPT_ROOT,
    OPT_DEMO,
    OPT_COLOR,
    OPT_ASCII,
    OPT_NO_MOUSE,
    OPT_MAX_PEAK,
    OPT_LEAKS,
    OPT_LEAK_EXITCODE,
    OPT_SUPPRESSIONS,
    OPT_GRACE,
    OPT_JUNIT,
    OPT_ANNOTATE,
    OPT_COMPLETION,
    OPT_HELP,
    OPT_VERSION,
    OPT_RESET,
};

enum option_group {
    GROUP_FILTER,
    GROUP_REPEAT,
    GROUP_TOP,
    GROUP_RUN,
    GROUP_DATA,
    GROUP_LOOKS,
    GROUP_SOURCE,
    GROUP_HELP,
    OPTION_GROUPS,
};

/* What a shell can offer as the option's value. */
enum completion {
    COMPLETE_NOTHING,
    COMPLETE_WORDS,
    COMPLETE_DEVICES, /* several, with commas */
    COMPLETE_PID,
    COMPLETE_USER,
    COMPLETE_FILE,
    COMPLETE_DIRECTORY,
};

struct option_entry {
    int code;
    const char *name;  /* NULL: only the letter */
    int argument;      /* no_argument, required_argument, optional_argument: as the next word too */
    const char *value; /* what the argument is called; NULL: nothing to be shown */
    const char *help;  /* NULL: never shown or offered */
    enum option_group group;
    unsigned verbs; /* bits 1 << enum view: what it goes with */
    enum completion completion;
    const char *words; /* with blanks between; where the value becomes an enum, in its order */
};

#define OPTIONS_MAX 40

extern const struct option_entry option_table[];
extern const size_t option_count;
extern const char *const option_group_titles[OPTION_GROUPS];

struct verb_entry {
    const char *name; /* NULL for the view without a verb */
    const char *help;
};

extern const struct verb_entry verb_table[VIEWS]; /* by view */

struct exit_entry {
    int code;
    unsigned verbs;
    const char *meaning;
};

extern const struct exit_entry exit_table[];
extern const size_t exit_count;

/* NULL: there is none. */
const struct option_entry *option_by_code(int code);

/* VIEW_TABLE: the word is no verb. */
enum view verb_by_name(const char *word);

/* 0: it has none. */
char option_letter(const struct option_entry *entry);

/* What getopt_long() wants: longs takes OPTIONS_MAX + 1, shorts 3 * OPTIONS_MAX + 2. */
void option_table_fill(struct option *longs, char *shorts);

struct option_spelling {
    char text[64];
};

/* "--region"; the letter where there is no name. */
struct option_spelling option_spell(const struct option_entry *entry);

/* As a manual writes it: "-d, --device DEV[,DEV...]". */
struct option_spelling option_usage(const struct option_entry *entry);
