/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The pace of the loop: how long its turns keep everybody waiting, which is measured, and how often it turns.
 *
 * Programs that send each report by itself would have the server wake up for each of them, and waking up costs more
 * than all the rest. So while reports trickle in through sockets, the loop sleeps PACE_COLLECT longer before it looks
 * again. It never does for anything else: the first reports after a pause, and turns in which somebody asked, are
 * served at once.
 */

#include <ev.h>
#include <stdint.h>

#include "server/clock.h"

#define PACE_COLLECT 1e-4                /* seconds */
#define PACE_SLICE (NSEC_PER_SEC / 4000) /* of a turn, for whoever has more work than a turn may take */

struct server;

struct pace {
    uint64_t reports;   /* in frames of their own; counted by the session */
    uint64_t questions; /* the same */

    uint64_t woken; /* monotonic, when this turn's work began */
    uint64_t reports_before, questions_before;
    unsigned trickling; /* turns in a row with reports and no questions */
    ev_check woke_up;
    ev_prepare going_to_sleep;
};

void pace_start(struct server *server);
