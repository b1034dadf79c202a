/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The groups of measurements, in the order in which they are taken and printed.
 */

#include "bench/bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/disabled.h"
#include "bench/fault.h"
#include "bench/floors.h"
#include "bench/idle.h"
#include "bench/latency.h"
#include "bench/leaks.h"
#include "bench/proc.h"
#include "bench/rig.h"
#include "bench/speed.h"
#include "bench/syscalls.h"

static const struct group {
    const char *name;
    void (*measure)(struct bench *bench);
    void (*print)(const struct bench *bench);
} groups[] = {
    {"floors", floors_measure, floors_print},       {"disabled", disabled_measure, disabled_print},
    {"speed", speed_measure, speed_print},          {"eight", speed_measure_eight, speed_print_eight},
    {"syscalls", syscalls_measure, syscalls_print}, {"latency", latency_measure, latency_print},
    {"leaks", leaks_measure, leaks_print},          {"idle", idle_measure, idle_print},
    {"faults", fault_measure, fault_print},
};

#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static bool is_wanted(const struct bench *bench, const struct group *group)
{
    return !bench->options.only || strcmp(bench->options.only, group->name) == 0 ||
           strcmp(group->name, "floors") == 0; /* without them there are no ratios */
}

bool bench_has_group(const char *name)
{
    for (size_t i = 0; i < GROUPS; i++)
        if (strcmp(groups[i].name, name) == 0)
            return true;
    return false;
}

void bench_init(struct bench *bench, const struct options *options)
{
    *bench = (struct bench){.options = *options, .has_two_cores = sysconf(_SC_NPROCESSORS_ONLN) >= 2};
    proc_pin(CLIENT_CORE);
}

__attribute__((format(printf, 1, 2))) static void show_progress(const char *format, ...)
{
    va_list arguments;

    if (!isatty(STDERR_FILENO))
        return;
    fputs("\r\033[K", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
}

void bench_measure(struct bench *bench)
{
    for (unsigned run = 0; run < bench->options.runs; run++) {
        rig_calibrate(bench);
        for (size_t i = 0; i < GROUPS; i++) {
            if (!is_wanted(bench, &groups[i]))
                continue;
            show_progress("run %u of %u: %s", run + 1, bench->options.runs, groups[i].name);
            groups[i].measure(bench);
        }
    }
    show_progress("%s", "");
}

void bench_print(const struct bench *bench)
{
    for (size_t i = 0; i < GROUPS; i++)
        if (is_wanted(bench, &groups[i]))
            groups[i].print(bench);
}
