/* SPDX-License-Identifier: Apache-2.0 */

#include "bench/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/give_up.h"

#define RUNS_MAX 1000
#define RUNS 5
#define RUNS_QUICK 3

static const char help[] =
    "Usage: tt-alloc-bench [--json] [--quick] [--large] [--only GROUP] [--runs N] [--server PATH]\n"
    "\n"
    "Measures what a report costs the application and the server, beside a model of the proof of concept and the\n"
    "machine's own floors, all in one run. docs/PERFORMANCE.md says what each row means.\n"
    "\n"
    "  --json         one JSON document instead of tables\n"
    "  --quick        a tenth of the reports, at most 100,000 live, 3 runs: to try it, not to quote\n"
    "  --large        10,000,000 live buffers too\n"
    "  --only GROUP   floors and: disabled, speed, eight, syscalls, latency, leaks, idle or faults\n"
    "  --runs N       take the medians of N runs (default 5)\n"
    "  --server PATH  the server to measure (default: tt-allocation-server beside this program)\n"
    "  --version      print the version\n"
    "  --help         print this\n";

enum { JSON = 256, QUICK, LARGE, ONLY, RUN_COUNT, SERVER };

__attribute__((format(printf, 1, 2))) static int refuse(const char *format, ...)
{
    va_list arguments;

    fputs("tt-alloc-bench: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs("; see tt-alloc-bench --help\n", stderr);
    return -2;
}

static int take_runs(const char *text, struct options *options)
{
    unsigned long value;
    char *end;

    errno = 0;
    value = strtoul(text, &end, 10);
    if (errno || end == text || *end || *text == '-' || value == 0 || value > RUNS_MAX)
        return refuse("--runs takes a number from 1 to %d, not '%s'", RUNS_MAX, text);
    options->runs = (unsigned)value;
    return 1;
}

static int take_option(int option, struct options *options)
{
    switch (option) {
    case JSON:
        options->json = true;
        return 1;
    case QUICK:
        options->quick = true;
        return 1;
    case LARGE:
        options->large = true;
        return 1;
    case ONLY:
        options->only = optarg;
        return bench_has_group(optarg) ? 1 : refuse("no group '%s'", optarg);
    case RUN_COUNT:
        return take_runs(optarg, options);
    case SERVER:
        snprintf(options->server, sizeof(options->server), "%s", optarg);
        return 1;
    case 'h':
        fputs(help, stdout);
        return 0;
    case 'v':
        puts("tt-alloc-bench " TT_ALLOC_VERSION);
        return 0;
    default:
        return refuse("wrong option");
    }
}

/* The server that was built with this program. */
static void find_server(struct options *options)
{
    static const char name[] = "tt-allocation-server";
    ssize_t length = readlink("/proc/self/exe", options->server, sizeof(options->server) - sizeof(name));
    char *slash;

    if (length < 0)
        give_up("/proc/self/exe");
    options->server[length] = '\0';
    slash = strrchr(options->server, '/');
    strcpy(slash ? slash + 1 : options->server, name);
}

int options_parse(int argc, char **argv, struct options *ret)
{
    static const struct option known[] = {
        {"json", no_argument, NULL, JSON},
        {"quick", no_argument, NULL, QUICK},
        {"large", no_argument, NULL, LARGE},
        {"only", required_argument, NULL, ONLY},
        {"runs", required_argument, NULL, RUN_COUNT},
        {"server", required_argument, NULL, SERVER},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    int option, result = 1;

    opterr = 0;
    while (result > 0 && (option = getopt_long(argc, argv, "h", known, NULL)) != -1)
        result = take_option(option, ret);
    if (result <= 0)
        return result;
    if (optind < argc)
        return refuse("unexpected argument '%s'", argv[optind]);
    if (ret->runs == 0)
        ret->runs = ret->quick ? RUNS_QUICK : RUNS;
    if (!ret->server[0])
        find_server(ret);
    if (access(ret->server, X_OK) < 0)
        give_up("%s", ret->server);
    return 1;
}
