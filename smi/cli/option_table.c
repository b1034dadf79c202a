/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Help texts are short, end without a stop, and hold no quotes, brackets or backslashes, so that no shell needs them
 * escaped. Nobody should be led to --reset: it is here only to be refused with an explanation.
 */

#include "smi/cli/option_table.h"
#include "smi/sample/problem.h"

#include <string.h>

#define TABLE (1u << VIEW_TABLE)
#define LEAKS (1u << VIEW_LEAKS)
#define TOP (1u << VIEW_TOP)
#define DOCTOR (1u << VIEW_DOCTOR)
#define RUN (1u << VIEW_RUN)
#define PEAKS (1u << VIEW_RESET_PEAKS)
#define FORGET (1u << VIEW_FORGET)
#define ACTS (PEAKS | FORGET)
#define ALL ((1u << VIEWS) - 1)
#define SHOWN (ALL & ~RUN & ~ACTS)
#define LISTS (SHOWN & ~DOCTOR)

/* clang-format off */
const char *const option_group_titles[OPTION_GROUPS] = {
    [GROUP_FILTER] = "Which",
    [GROUP_REPEAT] = "Again and again",
    [GROUP_TOP] = "Which buffers",
    [GROUP_RUN] = "Running a command",
    [GROUP_DATA] = "For programs",
    [GROUP_LOOKS] = "Looks",
    [GROUP_SOURCE] = "Where from",
    [GROUP_HELP] = "About tt-smi itself",
};

const struct option_entry option_table[] = {
    {OPT_DEVICE, "device", required_argument, "DEV[,DEV...]", "only these devices",
        GROUP_FILTER, LISTS | PEAKS, COMPLETE_DEVICES, NULL},
    {OPT_USER, "user", optional_argument, "[USER]", "only processes of this user; without USER: yours",
        GROUP_FILTER, LISTS, COMPLETE_USER, NULL},
    {OPT_PID, "pid", required_argument, "PID", "only this process",
        GROUP_FILTER, LISTS | PEAKS, COMPLETE_PID, NULL},
    {OPT_REGION, "region", required_argument, "R",
        "only this region: dram, l1, l1_small, trace, cb, system_memory or kernel",
        GROUP_FILTER, LISTS, COMPLETE_WORDS, "dram l1 l1_small trace cb system_memory kernel"},
    {OPT_ALL, "all", no_argument, NULL, "all leaks, as far as you may have them forgotten",
        GROUP_FILTER, FORGET, COMPLETE_NOTHING, NULL},
    {OPT_WATCH, "watch", no_argument, NULL, "again and again, every second by default",
        GROUP_REPEAT, LISTS, COMPLETE_NOTHING, NULL},
    {OPT_INTERVAL, "interval", required_argument, "SEC", "with -w: every SEC seconds, at least 0.1",
        GROUP_REPEAT, LISTS, COMPLETE_NOTHING, NULL},
    {OPT_MILLISECONDS, NULL, required_argument, "MS", "with -w only: every MS milliseconds",
        GROUP_REPEAT, LISTS, COMPLETE_NOTHING, NULL},
    {OPT_COUNT, "count", required_argument, "N", "this many lines; 20 by default",
        GROUP_TOP, TOP, COMPLETE_NOTHING, NULL},
    {OPT_EACH, "each", no_argument, NULL, "single buffers instead of groups of equal ones",
        GROUP_TOP, TOP, COMPLETE_NOTHING, NULL},
    {OPT_BY, "by", required_argument, "ORDER", "what comes first: size (largest), age (oldest) or owner",
        GROUP_TOP, TOP, COMPLETE_WORDS, "size age owner"},
    {OPT_MAX_PEAK, "max-peak", required_argument, "POOL=SIZE",
        "fail if dram, l1 or host of a device ever holds more; may be given for each",
        GROUP_RUN, RUN, COMPLETE_NOTHING, NULL},
    {OPT_LEAKS, "leaks", required_argument, "CLASS",
        "definite: what ended processes left, as by default; any: also what is live when all is over; none",
        GROUP_RUN, RUN, COMPLETE_WORDS, "definite any none"},
    {OPT_LEAK_EXITCODE, "leak-exitcode", required_argument, "CODE", "exit with this on leaks; 23 by default",
        GROUP_RUN, RUN, COMPLETE_NOTHING, NULL},
    {OPT_SUPPRESSIONS, "suppressions", required_argument, "FILE", "a file with known leaks, one rule per line",
        GROUP_RUN, RUN, COMPLETE_FILE, NULL},
    {OPT_GRACE, "grace", required_argument, "SEC", "wait so long for processes that outlive CMD; 2 by default",
        GROUP_RUN, RUN, COMPLETE_NOTHING, NULL},
    {OPT_JUNIT, "junit", required_argument, "FILE", "write the result as JUnit XML",
        GROUP_RUN, RUN, COMPLETE_FILE, NULL},
    {OPT_ANNOTATE, "annotate", required_argument, "SYSTEM", "what went wrong as annotations, on stderr: github",
        GROUP_RUN, RUN, COMPLETE_WORDS, "github"},
    {OPT_JSON, "json", no_argument, NULL, "a JSON document; with -w one per line",
        GROUP_DATA, SHOWN | ACTS, COMPLETE_NOTHING, NULL},
    {OPT_QUERY_DEVICES, "query-devices", required_argument, "FIELDS", "these fields of every device, as CSV",
        GROUP_DATA, TABLE, COMPLETE_NOTHING, NULL},
    {OPT_QUERY_PROCESSES, "query-processes", required_argument, "FIELDS", "these fields of every process, as CSV",
        GROUP_DATA, TABLE, COMPLETE_NOTHING, NULL},
    {OPT_FORMAT, "format", required_argument, "FORMAT", "of a query: csv, and behind commas noheader, nounits",
        GROUP_DATA, TABLE, COMPLETE_WORDS, "csv csv,noheader csv,nounits csv,noheader,nounits"},
    {OPT_HELP_FIELDS, "help-fields", no_argument, NULL, "the fields that queries know",
        GROUP_DATA, ALL, COMPLETE_NOTHING, NULL},
    {OPT_STRICT, "strict", no_argument, NULL, "exit with 7 if anything shown is incomplete",
        GROUP_DATA, LISTS | RUN, COMPLETE_NOTHING, NULL},
    {OPT_COLOR, "color", required_argument, "WHEN", "auto, always or never",
        GROUP_LOOKS, SHOWN, COMPLETE_WORDS, "auto always never"},
    {OPT_ASCII, "ascii", no_argument, NULL, "no characters beyond ASCII",
        GROUP_LOOKS, ALL & ~ACTS, COMPLETE_NOTHING, NULL},
    {OPT_NO_MOUSE, "no-mouse", no_argument, NULL, "with -w: leave the mouse to the terminal",
        GROUP_LOOKS, TABLE, COMPLETE_NOTHING, NULL},
    {OPT_SOCKET, "socket", required_argument, "PATH",
        "of the server; else $TT_ALLOC_SOCKET, else " TT_ALLOC_SOCKET_PATH,
        GROUP_SOURCE, ALL, COMPLETE_FILE, NULL},
    {OPT_ROOT, "root", required_argument, "DIR", "read the files of the host below DIR; no server is asked then, unless with --socket or by run",
        GROUP_SOURCE, ALL & ~ACTS, COMPLETE_DIRECTORY, NULL},
    {OPT_DEMO, "demo", required_argument, "STORY", "without hardware: what made-up applications report to a server of their own; leak, crash, multi or galaxy",
        GROUP_SOURCE, LISTS, COMPLETE_WORDS, "leak crash multi galaxy"},
    {OPT_SHORT_HELP, NULL, no_argument, NULL, "the help on one screen",
        GROUP_HELP, ALL, COMPLETE_NOTHING, NULL},
    {OPT_HELP, "help", no_argument, "[VERB]", "all options, or those of one verb",
        GROUP_HELP, ALL, COMPLETE_NOTHING, NULL},
    {OPT_VERSION, "version", no_argument, NULL, "the version",
        GROUP_HELP, ALL, COMPLETE_NOTHING, NULL},
    {OPT_COMPLETION, "completion", required_argument, "SHELL", "what completes these words in bash, zsh or fish",
        GROUP_HELP, ALL, COMPLETE_WORDS, "bash zsh fish"},
    {OPT_RESET, "reset", no_argument, NULL, NULL, GROUP_HELP, ALL, COMPLETE_NOTHING, NULL},
};
/* clang-format on */

const size_t option_count = sizeof(option_table) / sizeof(option_table[0]);
_Static_assert(sizeof(option_table) / sizeof(option_table[0]) <= OPTIONS_MAX, "OPTIONS_MAX is too small");

const struct verb_entry verb_table[VIEWS] = {
    [VIEW_TABLE] = {NULL, "devices, and processes that report, most DRAM first"},
    [VIEW_LEAKS] = {"leaks", "what ended processes left behind"},
    [VIEW_EXITED] = {"exited", "processes that ended, newest first"},
    [VIEW_TOP] = {"top", "the largest buffers, and whose they are"},
    [VIEW_DOCTOR] = {"doctor", "whether driver, server and access are as they should be"},
    [VIEW_RUN] = {"run", "what a command holds at its peak, and leaves behind"},
    [VIEW_RESET_PEAKS] = {"reset-peaks", "lets peaks start again from what is live"},
    [VIEW_FORGET] = {"forget", "takes leaks off the list of what was left behind"},
};

const struct exit_entry exit_table[] = {
    {EXIT_FINE, LISTS | RUN | ACTS, "fine"},
    {0, DOCTOR, "doctor: all is well"},
    {EXIT_FINDING, LEAKS, "leaks found"},
    {EXIT_FINDING, RUN, "run: a limit was passed"},
    {1, DOCTOR, "doctor: warnings"},
    {EXIT_USAGE, ALL, "wrong usage, or no memory, or output not written"},
    {2, DOCTOR, "doctor: something does not work"},
    {EXIT_NO_SERVER, LISTS | ACTS, "no server"},
    {EXIT_NOT_FOUND, LISTS | ACTS, "no such device or process"},
    {EXIT_NOT_PERMITTED, LISTS | ACTS, "not permitted"},
    {EXIT_PROTOCOL, LISTS | ACTS, "not our protocol"},
    {EXIT_INCOMPLETE, LISTS | RUN, "incomplete, with --strict"},
    {EXIT_LEAKS, RUN, "run: leaks, or the code of --leak-exitcode"},
    {EXIT_NOT_EXECUTABLE, RUN, "run: CMD cannot be executed"},
    {EXIT_NO_COMMAND, RUN, "run: there is no CMD; all else is its own code, 128+N for signal N"},
};

const size_t exit_count = sizeof(exit_table) / sizeof(exit_table[0]);

const struct option_entry *option_by_code(int code)
{
    for (size_t i = 0; i < option_count; i++) {
        if (option_table[i].code == code)
            return &option_table[i];
    }
    return NULL;
}

enum view verb_by_name(const char *word)
{
    for (int view = VIEW_TABLE + 1; view < VIEWS; view++) {
        if (strcmp(word, verb_table[view].name) == 0)
            return (enum view)view;
    }
    return VIEW_TABLE;
}

char option_letter(const struct option_entry *entry)
{
    return entry->code < OPT_REGION ? (char)entry->code : '\0';
}

void option_table_fill(struct option *longs, char *shorts)
{
    static const char *const colons[] = {[no_argument] = "", [required_argument] = ":", [optional_argument] = "::"};

    *shorts++ = ':'; /* tells a missing value from an unknown option */
    for (size_t i = 0; i < option_count; i++) {
        const struct option_entry *entry = &option_table[i];

        if (entry->name)
            *longs++ = (struct option){entry->name, entry->argument, NULL, entry->code};
        if (option_letter(entry)) {
            *shorts++ = option_letter(entry);
            shorts = stpcpy(shorts, colons[entry->argument]);
        }
    }
    *longs = (struct option){0};
    *shorts = '\0';
}

struct option_spelling option_spell(const struct option_entry *entry)
{
    struct option_spelling spelling;

    if (entry->name)
        snprintf(spelling.text, sizeof(spelling.text), "--%s", entry->name);
    else
        snprintf(spelling.text, sizeof(spelling.text), "-%c", entry->code);
    return spelling;
}

struct option_spelling option_usage(const struct option_entry *entry)
{
    const char letter[] = {'-', option_letter(entry), '\0'};
    struct option_spelling spelling;

    snprintf(spelling.text, sizeof(spelling.text), "%s%s%s%s%s%s", letter[1] ? letter : "",
             letter[1] && entry->name ? ", " : "", entry->name ? "--" : "", entry->name ? entry->name : "",
             entry->value ? " " : "", entry->value ? entry->value : "");
    return spelling;
}
