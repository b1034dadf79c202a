/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the demo's applications have in common as programs: options, pace, chance, and the end.
 */

#include <stdbool.h>
#include <stdint.h>

struct application {
    const char *name;
    unsigned long steps_left;
    uint64_t end_time;  /* CLOCK_MONOTONIC, ns */
    unsigned long pace; /* ms between steps */
    unsigned short chance[3];
};

/*
 * Takes --seconds, --steps, --pace, --seed and --help, and blocks SIGTERM and SIGINT: they end the application between
 * two steps. what is a sentence for --help. Returns false when nothing is left to do; *ret_status is then what to exit
 * with.
 */
bool application_start(struct application *application, int argc, char **argv, const char *what, int *ret_status);

/* Waits until the next step is due. False when it is time to end. */
bool application_next_step(struct application *application);

/* A number from low to high, both included. The same seed gives the same numbers. */
unsigned application_chance(struct application *application, unsigned low, unsigned high);

/* One line on stdout, at once. */
__attribute__((format(printf, 2, 3))) void application_say(const struct application *application, const char *format,
                                                           ...);
