/* SPDX-License-Identifier: Apache-2.0 */

#include "bench/phase.h"

static const struct {
    const char *name;
    struct tempo tempo;
} phases[PHASES] = {
    [PHASE_SATURATED] = {"saturated", {0, 0, false}},    [PHASE_BURSTS] = {"bursts", {500000, 200, false}},
    [PHASE_10K] = {"paced10k", {10000, 1, false}},       [PHASE_100K] = {"paced100k", {100000, 1, false}},
    [PHASE_SHARED] = {"shared", {100000 / 8, 32, true}},
};

const char *phase_name(enum phase phase)
{
    return phases[phase].name;
}

struct tempo phase_tempo(enum phase phase)
{
    return phases[phase].tempo;
}

/* A third of a second, or one second where few reports are made in it. */
uint64_t phase_reports(enum phase phase, enum way way, bool quick)
{
    uint64_t reports = phases[phase].tempo.per_second;

    if (phase == PHASE_SATURATED)
        reports = way == WAY_RING || way == WAY_NONE ? 6000000 : 300000;
    else if (phase == PHASE_BURSTS)
        reports /= 2;
    return quick ? reports / 10 : reports;
}
