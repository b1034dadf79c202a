/* SPDX-License-Identifier: Apache-2.0 */

/*
 * tt-allocation-server: options, then server.c.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/tt_alloc_protocol.h"
#include "server/log.h"
#include "server/server.h"

#define PATHS_MAX 16
#define LEAK_LINES_MAX 100000
#define OPTION_LIMITS 256 /* and the limit: no character */

enum {
    EXIT_USAGE = 2,
    EXIT_TAKEN = 3,
};

static const char help[] =
    "Usage: tt-allocation-server [--socket PATH]... [--leak-lines N] [--log-level LEVEL] [--root DIR] [LIMIT]...\n"
    "\n"
    "Keeps account of which process holds which buffers on which Tenstorrent device, answers tt-smi, and logs\n"
    "what a process leaves behind when it goes away.\n"
    "\n"
    "  --socket PATH      listen here (may be given several times; default " TT_ALLOC_SOCKET_PATH ",\n"
    "                     or the sockets that systemd passes)\n"
    "  --leak-lines N     name the N largest buffers of a leak in the log (default 20)\n"
    "  --log-level LEVEL  error, warning, info or debug (default info)\n"
    "  --root DIR         read /sys and /proc of the host, for what devices there are, below DIR (default /)\n"
    "  --version          print the version\n"
    "  --help             print this\n"
    "\n"
    "What each user may have; root and the server's own user may have more. SIZE is in bytes, or as 64M:\n"
    "  --max-sessions N   connections (default 4096; places are kept for others in any case)\n"
    "  --max-buffers N    live buffers (default 4194304)\n"
    "  --max-ring-bytes SIZE\n"
    "                     shared memory for reports (default 256M)\n"
    "  --max-answer-bytes SIZE\n"
    "                     answers that wait to be read (default 64M)\n"
    "  --max-log-lines N  log lines at once; a hundredth of that more in a second (default 2000)\n"
    "\n"
    "Exit status: 0 stopped by SIGTERM or SIGINT, 1 could not start, 2 wrong usage, 3 another server is there.\n"
    "Service: systemctl start tt-allocation-server. What it knows: tt-smi.\n";

struct arguments {
    const char *paths[PATHS_MAX];
    size_t path_count;
    size_t leak_lines;
    int log_level;
    const char *root;
    struct limits limits;
};

__attribute__((format(printf, 1, 2))) static int usage_error(const char *format, ...)
{
    va_list arguments;

    fputs("tt-allocation-server: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs("; see tt-allocation-server --help\n", stderr);
    return -EXIT_USAGE;
}

static int parse_count(const char *text, size_t max, size_t *ret)
{
    unsigned long long value;
    char *end;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text == '-' || value > max)
        return -EINVAL;
    *ret = (size_t)value;
    return 0;
}

static int parse_limit(struct limits *limits, enum limit limit, const char *value)
{
    const struct limit_kind *kind = &limit_kinds[limit];

    if (limit_parse(limit, value, &limits->most[limit]) == 0)
        return 0;
    return usage_error("--%s takes a %s, not '%s'", kind->option, kind->is_size ? "size such as 64M" : "number", value);
}

static int parse_option(struct arguments *arguments, int option, const char *value)
{
    if (option >= OPTION_LIMITS)
        return parse_limit(&arguments->limits, (enum limit)(option - OPTION_LIMITS), value);
    switch (option) {
    case 's':
        if (arguments->path_count == PATHS_MAX)
            return usage_error("more than %d sockets", PATHS_MAX);
        if (!*value)
            return usage_error("--socket needs a path");
        arguments->paths[arguments->path_count++] = value;
        return 0;
    case 'r':
        if (!*value)
            return usage_error("--root needs a directory");
        arguments->root = value;
        return 0;
    case 'n':
        if (parse_count(value, LEAK_LINES_MAX, &arguments->leak_lines) < 0)
            return usage_error("--leak-lines takes a number from 0 to %d, not '%s'", LEAK_LINES_MAX, value);
        return 0;
    default:
        arguments->log_level = log_level_from_string(value);
        if (arguments->log_level < 0)
            return usage_error("--log-level takes error, warning, info or debug, not '%s'", value);
        return 0;
    }
}

/* 1: go on; 0: everything asked for is done; negative: an exit status, negated. */
static int parse_arguments(int argc, char **argv, struct arguments *arguments)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, 's'},
        {"leak-lines", required_argument, NULL, 'n'},
        {"log-level", required_argument, NULL, 'l'},
        {"root", required_argument, NULL, 'r'},
        {"max-sessions", required_argument, NULL, OPTION_LIMITS + LIMIT_SESSIONS},
        {"max-buffers", required_argument, NULL, OPTION_LIMITS + LIMIT_BUFFERS},
        {"max-ring-bytes", required_argument, NULL, OPTION_LIMITS + LIMIT_RING_BYTES},
        {"max-answer-bytes", required_argument, NULL, OPTION_LIMITS + LIMIT_ANSWER_BYTES},
        {"max-log-lines", required_argument, NULL, OPTION_LIMITS + LIMIT_LOG_LINES},
        {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option, at, error;

    opterr = 0;
    /* "+": in order, so that `at` is where the option stands that is being looked at. */
    while (at = optind, (option = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
        switch (option) {
        case 'h':
            fputs(help, stdout);
            return 0;
        case 'v':
            puts("tt-allocation-server " TT_ALLOC_VERSION);
            return 0;
        case '?':
            return usage_error("unknown option '%s'", argv[at]);
        case ':':
            return usage_error("option '%s' needs a value", argv[at]);
        default:
            error = parse_option(arguments, option, optarg);
            if (error < 0)
                return error;
        }
    }
    return optind < argc ? usage_error("unexpected argument '%s'", argv[optind]) : 1;
}

static int run(const struct arguments *arguments)
{
    struct server_options options = {.paths = arguments->paths,
                                     .path_count = arguments->path_count,
                                     .leak_lines = arguments->leak_lines,
                                     .limits = arguments->limits,
                                     .root = arguments->root};
    struct server server;
    int error;

    log_open(arguments->log_level);
    error = server_init(&server, &options);
    if (error == 0)
        error = server_run(&server);
    server_done(&server);
    return error;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.leak_lines = 20, .log_level = LOG_INFO, .limits = limits_usual()};
    int result = parse_arguments(argc, argv, &arguments);

    if (result <= 0)
        return -result;
    result = run(&arguments);
    if (result == 0)
        return EXIT_SUCCESS;
    return result == -EADDRINUSE ? EXIT_TAKEN : EXIT_FAILURE;
}
