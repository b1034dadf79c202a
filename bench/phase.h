/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The tempo at which a client reports while it is measured.
 *
 * Saturated: as fast as it is let. What a report costs then is decided by whoever is slower, client or server.
 * In bursts: 200 at once, and then the server is left time to take them. So this is the client's own part.
 * Paced: one at a time and evenly, as an application does that also has other things to do; nothing is warm on the way.
 * Shared: bursts of 32 and a sleep, 12,500 reports per second, so that eight processes find room on one core.
 */

#include <stdbool.h>
#include <stdint.h>

#include "bench/reporter.h"

enum phase {
    PHASE_SATURATED,
    PHASE_BURSTS,
    PHASE_10K,
    PHASE_100K,
    PHASE_SHARED,
    PHASES,
};

struct tempo {
    uint64_t per_second; /* 0: saturated */
    unsigned burst;
    bool sleeps; /* between bursts; else it spins */
};

const char *phase_name(enum phase phase);
struct tempo phase_tempo(enum phase phase);

/* How many reports make a measurement of that kind long enough. */
uint64_t phase_reports(enum phase phase, enum way way, bool quick);
