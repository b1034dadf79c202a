/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Two things are unusual. -u takes an optional word as the next argument, which getopt does not offer. And -r is a
 * trap: in Tenstorrent's own tt-smi it resets boards, here it was a refresh interval, so without -w it does nothing at
 * all.
 */

#include "smi/cli/options.h"
#include "smi/cli/option_table.h"
#include "smi/cli/unknown.h"
#include "smi/cli/values.h"
#include "smi/sample/users.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_DEFAULT 20

/* What was said so far and only makes sense together. */
struct command_line {
    struct options options;
    const char *seconds, *milliseconds;
    const char *user;        /* NULL: whoever asks */
    bool given[OPTIONS_MAX]; /* by place in the table */
};

static int refuse_reset(void)
{
    return refuse("-r and --reset reset boards in Tenstorrent's own tt-smi (Python package tt-smi); this one never "
                  "touches a device. To refresh: tt-smi -w -n SEC");
}

/* The word after -u, if there is one that is neither an option nor a verb. */
static const char *next_word(int argc, char **argv)
{
    if (optarg || optind >= argc || argv[optind][0] == '-' || verb_by_name(argv[optind]) != VIEW_TABLE)
        return optarg;
    return argv[optind++];
}

/* getopt leaves optopt 0 for a long option it does not know, else it says which must not have, or lacks, a value. */
static int take_failure(int option, char **argv)
{
    if (optopt == OPT_MILLISECONDS || optopt == OPT_RESET)
        return refuse_reset();
    if (option == ':' && optopt < OPT_REGION)
        return refuse("-%c needs a value   tt-smi --help", optopt);
    if (option == ':')
        return refuse("%s needs a value   tt-smi --help", argv[optind - 1]);
    if (optopt == 0)
        return refuse_unknown_option(argv[optind - 1]);
    if (option_by_code(optopt))
        return refuse("%s: this option takes no value   tt-smi --help", argv[optind - 1]);
    return refuse("unknown option -%c   tt-smi --help", optopt);
}

/* Those without a value. */
static bool take_flag(struct options *options, int option)
{
    switch (option) {
    case OPT_SHORT_HELP:
        options->action = ACTION_SHORT_HELP;
        return true;
    case OPT_HELP:
        options->action = ACTION_HELP;
        return true;
    case OPT_HELP_FIELDS:
        options->action = ACTION_FIELDS;
        return true;
    case OPT_VERSION:
        options->action = ACTION_VERSION;
        return true;
    case OPT_WATCH:
        options->watch = true;
        return true;
    case OPT_EACH:
        options->each = true;
        return true;
    case OPT_ALL:
        options->act.all = true;
        return true;
    case OPT_JSON:
        options->json = true;
        return true;
    case OPT_STRICT:
        options->strict = true;
        return true;
    case OPT_ASCII:
        options->ascii = true;
        return true;
    case OPT_NO_MOUSE:
        options->no_mouse = true;
        return true;
    default:
        return false;
    }
}

/* Those whose value is taken as it is, and looked at when all are known; NULL for all others. */
static const char **find_text(struct command_line *line, int option)
{
    switch (option) {
    case OPT_INTERVAL:
        return &line->seconds;
    case OPT_MILLISECONDS:
        return &line->milliseconds;
    case OPT_USER:
        return &line->user;
    case OPT_QUERY_DEVICES:
        return &line->options.query_devices;
    case OPT_QUERY_PROCESSES:
        return &line->options.query_processes;
    case OPT_SUPPRESSIONS:
        return &line->options.run.suppressions;
    case OPT_JUNIT:
        return &line->options.run.junit;
    case OPT_SOCKET:
        return &line->options.socket;
    case OPT_ROOT:
        return &line->options.root;
    default:
        return NULL;
    }
}

static int take_run_value(struct run_options *options, int option, char **argv)
{
    switch (option) {
    case OPT_MAX_PEAK:
        return run_value_max_peak(options, optarg);
    case OPT_LEAKS:
        return value_word(option, optarg, &options->leaks);
    case OPT_LEAK_EXITCODE:
        return run_value_leak_exit_code(options, optarg);
    case OPT_GRACE:
        return run_value_grace(options, optarg);
    case OPT_ANNOTATE:
        options->annotates = true;
        return value_word(option, optarg, &options->annotate);
    default:
        return take_failure(option, argv);
    }
}

static int take_value(struct options *options, int option, char **argv)
{
    switch (option) {
    case OPT_DEVICE:
        return value_devices(&options->filter, optarg);
    case OPT_PID:
        return value_pid(&options->filter, optarg);
    case OPT_REGION:
        return value_region(&options->filter, optarg);
    case OPT_COUNT:
        return value_count(optarg, &options->count);
    case OPT_BY:
        return value_word(option, optarg, &options->by);
    case OPT_FORMAT:
        return value_format(options, optarg);
    case OPT_COLOR:
        return value_word(option, optarg, &options->color);
    case OPT_DEMO:
        options->is_demo = true;
        return value_word(option, optarg, &options->story);
    case OPT_COMPLETION:
        options->action = ACTION_COMPLETION;
        return value_word(option, optarg, &options->shell);
    case OPT_RESET:
        return refuse_reset();
    default:
        return take_run_value(&options->run, option, argv);
    }
}

static int take_option(struct command_line *line, int option, int argc, char **argv)
{
    const struct option_entry *entry = option_by_code(option);
    const char **text = find_text(line, option);

    if (entry)
        line->given[entry - option_table] = true;
    if (text)
        *text = option == OPT_USER ? next_word(argc, argv) : optarg;
    if (text || take_flag(&line->options, option))
        return 0;
    return take_value(&line->options, option, argv);
}

/* Without the "--", options of the command would be taken for ours. getopt leaves it right before the words. */
static int take_command(struct options *options, int count, char **words)
{
    if (options->action != ACTION_SHOW)
        return 0;
    if (count == 0 || strcmp(words[-2], "--") != 0)
        return refuse("run takes a command behind --: tt-smi run [OPTION...] -- CMD [ARGUMENT...]");
    options->run.command = words;
    return 0;
}

static int take_leaks(struct options *options, int count, char **words)
{
    int r = 0;

    for (int i = 0; i < count && r == 0; i++)
        r = act_take_leak(&options->act, words[i]);
    return r;
}

static int take_words(struct options *options, int count, char **words)
{
    for (int i = 0; i < count; i++) {
        enum view view = verb_by_name(words[i]);

        if (view == VIEW_TABLE)
            return refuse_unknown_verb(words[i]);
        if (options->view != VIEW_TABLE)
            return refuse("one verb at a time: %s and %s   tt-smi --help", verb_table[options->view].name, words[i]);
        options->view = view;
        if (view == VIEW_RUN)
            return take_command(options, count - i - 1, words + i + 1);
        if (view == VIEW_FORGET)
            return take_leaks(options, count - i - 1, words + i + 1);
    }
    return 0;
}

static int check_interval(struct command_line *line)
{
    struct options *options = &line->options;

    options->has_interval = line->milliseconds || line->seconds;
    if (line->milliseconds && !options->watch)
        return refuse_reset();
    if (line->seconds && !options->watch)
        return refuse("-n goes with -w: tt-smi -w -n %s", line->seconds);
    if (line->milliseconds && !value_interval(line->milliseconds, 1e-3, &options->interval))
        return refuse("-w -r takes milliseconds, at least 100, not '%s'", line->milliseconds);
    if (line->seconds && !value_interval(line->seconds, 1, &options->interval))
        return refuse("-n takes seconds, at least 0.1, not '%s'", line->seconds);
    return 0;
}

static int refuse_combination(const struct option_entry *entry, enum view view)
{
    struct option_spelling option = option_spell(entry);
    int other = VIEW_TABLE;

    if (view != VIEW_TABLE)
        return refuse("%s does not go with %s   tt-smi --help %s", option.text, verb_table[view].name,
                      verb_table[view].name);
    while (!(entry->verbs & 1u << other))
        other++;
    return refuse("%s goes with a verb: tt-smi %s   tt-smi --help", option.text, verb_table[other].name);
}

static int check_verb(const struct command_line *line)
{
    enum view view = line->options.view;

    for (size_t i = 0; i < option_count; i++) {
        if (line->given[i] && !(option_table[i].verbs & 1u << view))
            return refuse_combination(&option_table[i], view);
    }
    return 0;
}

static int check_query(struct options *options)
{
    if (options->query_devices && options->query_processes)
        return refuse("one query at a time: --query-devices or --query-processes");
    if (!options->query_devices && !options->query_processes)
        return options->csv ? refuse("--format is for --query-devices and --query-processes   tt-smi --help-fields")
                            : 0;
    if (options->json)
        return refuse("a query prints CSV; for JSON leave it out: tt-smi --json");
    options->csv = true;
    return 0;
}

/* Who a name is depends on the root, which may come later on the line. */
static int check_user(struct command_line *line)
{
    users_set_root(line->options.root);
    if (!line->given[option_by_code(OPT_USER) - option_table])
        return 0;
    return value_user(&line->options.filter, line->user);
}

static int check_demo(const struct options *options)
{
    if (options->is_demo && (options->socket || options->root))
        return refuse("--demo has a server and devices of its own: leave out %s",
                      options->socket ? "--socket" : "--root");
    return 0;
}

/* What no option alone can tell. */
static int check(struct command_line *line)
{
    int r = check_interval(line);

    if (r == 0)
        r = check_verb(line);
    if (r == 0)
        r = check_query(&line->options);
    if (r == 0)
        r = check_demo(&line->options);
    if (r == 0 && line->options.view == VIEW_FORGET)
        r = act_check_forget(&line->options.act);
    return r == 0 ? check_user(line) : r;
}

int options_parse(int argc, char **argv, struct options *ret)
{
    struct command_line line = {
        .options = {
            .interval = 1000000000, .count = COUNT_DEFAULT, .filter = {.region = -1}, .run = RUN_OPTIONS_DEFAULT}};
    struct option longs[OPTIONS_MAX + 1];
    char shorts[3 * OPTIONS_MAX + 2];
    int option, r = 0;

    option_table_fill(longs, shorts);
    opterr = 0;
    while (r == 0 && (option = getopt_long(argc, argv, shorts, longs, NULL)) != -1)
        r = take_option(&line, option, argc, argv);
    if (r == 0)
        r = take_words(&line.options, argc - optind, argv + optind);
    if (r == 0 && line.options.action == ACTION_SHOW)
        r = check(&line);
    if (r < 0)
        options_clear(&line.options);
    else
        *ret = line.options;
    return r;
}

void options_clear(struct options *options)
{
    free(options->filter.devices);
    act_options_clear(&options->act);
    options->filter = (struct filter){.region = -1};
}
