/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Between live.c, which begins and ends the view, and loop.c, which keeps it going. */

#include "smi/cli/options.h"
#include "smi/live/model.h"
#include "smi/live/sampler.h"
#include "smi/live/view.h"
#include "smi/text/style.h"

#include <poll.h>

enum source_of_events {
    FROM_TTY,
    FROM_SIGNALS,
    FROM_TIMER,
    FROM_SAMPLER,
    SOURCES,
};

struct loop {
    const struct options *options;
    struct style style;
    struct sampler *sampler;
    struct pollfd fds[SOURCES];
    struct snapshot snapshot; /* what is shown */
    bool has_snapshot, was_told;
    struct history history;
    struct growth growth;
    struct events events;
    struct past past;
    struct live_model model;
    struct live_view view;
    char *settings_path; /* NULL: there is none */
    int last_signal;     /* that ended it */
};

/* Has the timer tick as often as the settings say. */
void loop_set_timer(struct loop *loop);

/* Asks for a sample with what the page needs. */
void loop_ask(struct loop *loop);

/* Waits for whatever comes, and deals with it. A negative errno ends the view. */
int loop_turn(struct loop *loop);
