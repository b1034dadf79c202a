/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Two things are unusual. -u takes an optional word as the next argument, which getopt does not offer. And -r is a
 * trap: in Tenstorrent's own tt-smi it resets boards, here it was a refresh interval, so without -w it does nothing at
 * all.
 */

#include "smi/options.h"
#include "smi/suggest.h"
#include "smi/values.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum long_option {
    OPT_REGION = 256,
    OPT_JSON,
    OPT_SOCKET,
    OPT_COLOR,
    OPT_ASCII,
    OPT_VERSION,
    OPT_RESET,
};

static const char short_options[] = ":hwn:r:d:up:";
static const struct option long_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPT_VERSION},
    {"watch", no_argument, NULL, 'w'},
    {"interval", required_argument, NULL, 'n'},
    {"device", required_argument, NULL, 'd'},
    {"user", optional_argument, NULL, 'u'},
    {"pid", required_argument, NULL, 'p'},
    {"region", required_argument, NULL, OPT_REGION},
    {"json", no_argument, NULL, OPT_JSON},
    {"socket", required_argument, NULL, OPT_SOCKET},
    {"color", required_argument, NULL, OPT_COLOR},
    {"ascii", no_argument, NULL, OPT_ASCII},
    {"reset", no_argument, NULL, OPT_RESET},
    {NULL, 0, NULL, 0},
};

/* Verbs, by view. */
static const char *const verbs[] = {[VIEW_LEAKS] = "leaks", [VIEW_EXITED] = "exited"};

/* What was said so far and only makes sense together. */
struct command_line {
    struct options options;
    const char *seconds, *milliseconds;
    bool verb_given;
};

static int refuse_reset(void)
{
    return refuse("-r and --reset reset boards in Tenstorrent's own tt-smi (Python package tt-smi); this one never "
                  "touches a device. To refresh: tt-smi -w -n SEC");
}

static int refuse_option(const char *word)
{
    const char *candidates[COUNT(long_options)];
    const char *near;
    size_t count = 0;

    for (size_t i = 0; long_options[i].name; i++) {
        if (long_options[i].val != OPT_RESET) /* nobody should be led there */
            candidates[count++] = long_options[i].name;
    }
    near = suggest(word + strspn(word, "-"), candidates, count);
    if (near)
        return refuse("unknown option %s, did you mean --%s?   tt-smi --help", word, near);
    return refuse("unknown option %s   tt-smi --help", word);
}

static int refuse_word(const char *word)
{
    const char *near = suggest(word, verbs + VIEW_LEAKS, COUNT(verbs) - VIEW_LEAKS);

    if (near)
        return refuse("unknown verb %s, did you mean: tt-smi %s", word, near);
    return refuse("unknown verb %s; there are leaks and exited   tt-smi --help", word);
}

static bool is_verb(const char *word)
{
    for (size_t i = VIEW_LEAKS; i < COUNT(verbs); i++) {
        if (strcmp(word, verbs[i]) == 0)
            return true;
    }
    return false;
}

/* The word after -u, if there is one that is neither an option nor a verb. */
static const char *next_word(int argc, char **argv)
{
    if (optarg || optind >= argc || argv[optind][0] == '-' || is_verb(argv[optind]))
        return optarg;
    return argv[optind++];
}

/* getopt leaves optopt 0 for a long option it does not know, and in optopt one that must not have, or lacks, a value.
 */
static int take_failure(int option, char **argv)
{
    bool is_known = optopt >= OPT_REGION || strchr(short_options, optopt);

    if (optopt == 'r' || optopt == OPT_RESET)
        return refuse_reset();
    if (option == ':' && optopt < OPT_REGION)
        return refuse("-%c needs a value   tt-smi --help", optopt);
    if (option == ':')
        return refuse("%s needs a value   tt-smi --help", argv[optind - 1]);
    if (optopt == 0)
        return refuse_option(argv[optind - 1]);
    if (is_known)
        return refuse("%s: this option takes no value   tt-smi --help", argv[optind - 1]);
    return refuse("unknown option -%c   tt-smi --help", optopt);
}

static int take_option(struct command_line *line, int option, int argc, char **argv)
{
    struct options *options = &line->options;

    switch (option) {
    case 'h':
        options->action = ACTION_HELP;
        return 0;
    case OPT_VERSION:
        options->action = ACTION_VERSION;
        return 0;
    case 'w':
        options->watch = true;
        return 0;
    case 'n':
        line->seconds = optarg;
        return 0;
    case 'r':
        line->milliseconds = optarg;
        return 0;
    case 'd':
        return value_devices(&options->filter, optarg);
    case 'u':
        return value_user(&options->filter, next_word(argc, argv));
    case 'p':
        return value_pid(&options->filter, optarg);
    case OPT_REGION:
        return value_region(&options->filter, optarg);
    case OPT_JSON:
        options->json = true;
        return 0;
    case OPT_SOCKET:
        options->socket = optarg;
        return 0;
    case OPT_COLOR:
        return value_color(optarg, &options->color);
    case OPT_ASCII:
        options->ascii = true;
        return 0;
    case OPT_RESET:
        return refuse_reset();
    default:
        return take_failure(option, argv);
    }
}

static int take_words(struct command_line *line, int count, char **words)
{
    for (int i = 0; i < count; i++) {
        if (!is_verb(words[i]))
            return refuse_word(words[i]);
        if (line->verb_given)
            return refuse("one verb at a time: %s and %s   tt-smi --help", verbs[line->options.view], words[i]);
        line->verb_given = true;
        line->options.view = strcmp(words[i], verbs[VIEW_LEAKS]) == 0 ? VIEW_LEAKS : VIEW_EXITED;
    }
    return 0;
}

/* What no option alone can tell. */
static int check_interval(struct command_line *line)
{
    struct options *options = &line->options;

    if (options->action != ACTION_SHOW)
        return 0;
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

int options_parse(int argc, char **argv, struct options *ret)
{
    struct command_line line = {.options = {.interval = 1000000000, .filter = {.region = -1}}};
    int option, r = 0;

    opterr = 0;
    while (r == 0 && (option = getopt_long(argc, argv, short_options, long_options, NULL)) != -1)
        r = take_option(&line, option, argc, argv);
    if (r == 0)
        r = take_words(&line, argc - optind, argv + optind);
    if (r == 0)
        r = check_interval(&line);
    if (r < 0)
        options_clear(&line.options);
    else
        *ret = line.options;
    return r;
}

void options_clear(struct options *options)
{
    free(options->filter.devices);
    options->filter = (struct filter){.region = -1};
}
