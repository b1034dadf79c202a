/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A story told by real processes: a private server, and applications that report to it about devices that are not
 * there. Everything ends with this process, however it does.
 */

#include "smi/cli/options.h"
#include "smi/run/server.h"

struct demo {
    struct run_server server;
    pid_t director;
    int life; /* its end is that of the director */
};

/* Returns when the story has come to its point: what is shown then is the same in every demo. A negative errno, after a
 * line on stderr. */
int demo_start(const struct options *options, struct demo *ret);

/* The options by which the demo's server is asked instead of this host's, and nothing of this host is shown. */
struct options demo_options(const struct options *options, const struct demo *demo);

/* What is worth showing behind what was asked for: up to a VIEW_TABLE. */
const enum view *demo_more_views(const struct options *options);

void demo_stop(struct demo *demo);
