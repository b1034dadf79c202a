/* SPDX-License-Identifier: Apache-2.0 */

#include "application.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tt_alloc.h"

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)
#define OPTION_MAX 1000000000 /* of any number on the command line */

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

static sigset_t end_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    return signals;
}

static void print_help(const char *name, const char *what)
{
    printf("usage: %s [options]\n"
           "%s\n"
           "Uses no device. Reports to tt-allocation-server if TT_ALLOC_TRACKING_ENABLED=1, at $TT_ALLOC_SOCKET.\n"
           "  --seconds N   end after so many seconds\n"
           "  --steps N     end after so many steps (without either: run until SIGTERM)\n"
           "  --pace MS     time between two steps (default 50)\n"
           "  --seed N      another course of events (default 1)\n"
           "  -h, --help    print this\n",
           name, what);
}

static int parse_number(const char *name, const char *option, const char *text, unsigned long *ret)
{
    unsigned long value;
    char *end;

    errno = 0;
    value = strtoul(text, &end, 10);
    if (errno || end == text || *end || *text == '-' || value > OPTION_MAX) {
        fprintf(stderr, "%s: --%s takes a number from 0 to %d, not '%s'\n", name, option, OPTION_MAX, text);
        return -EINVAL;
    }
    *ret = value;
    return 0;
}

enum { SECONDS, STEPS, PACE, SEED, HELP, WRONG };

static int parse_options(const char *name, int argc, char **argv, unsigned long numbers[HELP])
{
    static const char *const names[HELP] = {"seconds", "steps", "pace", "seed"};
    static const struct option options[] = {
        {"seconds", required_argument, NULL, SECONDS},
        {"steps", required_argument, NULL, STEPS},
        {"pace", required_argument, NULL, PACE},
        {"seed", required_argument, NULL, SEED},
        {"help", no_argument, NULL, HELP},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h' || option == HELP)
            return HELP;
        if (option >= HELP || parse_number(name, names[option], optarg, &numbers[option]) < 0)
            return WRONG;
    }
    if (optind < argc)
        fprintf(stderr, "%s: unexpected argument '%s'; see --help\n", name, argv[optind]);
    return optind < argc ? WRONG : 0;
}

bool application_start(struct application *application, int argc, char **argv, const char *what, int *ret_status)
{
    const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    unsigned long numbers[HELP] = {[PACE] = 50, [SEED] = 1};
    int wish = parse_options(name, argc, argv, numbers);
    sigset_t signals = end_signals();

    if (wish != 0) {
        if (wish == HELP)
            print_help(name, what);
        *ret_status = wish == HELP ? EXIT_SUCCESS : 2;
        return false;
    }
    sigprocmask(SIG_BLOCK, &signals, NULL);
    if (!tt_alloc_is_enabled())
        fprintf(stderr, "%s: reports nothing; to change that, set TT_ALLOC_TRACKING_ENABLED=1\n", name);
    *application = (struct application){
        .name = name,
        .steps_left = numbers[STEPS] ? numbers[STEPS] : ~0UL,
        .end_time = numbers[SECONDS] ? now() + numbers[SECONDS] * NS_PER_S : UINT64_MAX,
        .pace = numbers[PACE],
        .chance = {(unsigned short)numbers[SEED], (unsigned short)(numbers[SEED] >> 16), 0x330e},
    };
    return true;
}

/* The signals are blocked, so that they cannot come between the look at them and the wait. */
bool application_next_step(struct application *application)
{
    uint64_t pace = application->pace * NS_PER_MS;
    struct timespec wait = {.tv_sec = (time_t)(pace / NS_PER_S), .tv_nsec = (long)(pace % NS_PER_S)};
    sigset_t signals = end_signals();
    int got;

    if (application->steps_left == 0 || now() >= application->end_time)
        return false;
    do
        got = sigtimedwait(&signals, NULL, &wait);
    while (got < 0 && errno == EINTR);
    application->steps_left--;
    return got < 0;
}

unsigned application_chance(struct application *application, unsigned low, unsigned high)
{
    return low + (unsigned)nrand48(application->chance) % (high - low + 1);
}

void application_say(const struct application *application, const char *format, ...)
{
    va_list arguments;

    printf("%s: ", application->name);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}
