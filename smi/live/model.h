/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* All that a picture of the live view is made of, beside what the user has chosen to look at. */

#include "smi/live/events.h"
#include "smi/live/growth.h"
#include "smi/live/history.h"
#include "smi/live/past.h"

struct live_model {
    const struct snapshot *snapshot; /* the last one of which the server told, if there ever was one */
    const struct filter *filter;     /* that of the command line, with which it was selected */
    const struct history *history;
    const struct growth *growth;
    const struct events *events;
    const struct past *past;
    uint64_t now;        /* ns since 1970 */
    int error;           /* negative errno: the server does not answer now, */
    uint64_t lost_since; /* and has not since; 0: it never did */

    /* Of a picture, set by draw_frame(): snapshot and growth are then those of the past, where that is shown. */
    bool is_past, knows_processes;
    uint64_t moment;      /* that is shown */
    uint64_t known_since; /* processes */
};
