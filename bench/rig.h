/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A set-up to measure in: one server and its clients, with their buffers live. Several phases can be run in one rig.
 * When it is taken down, every report that its clients made must have been applied or counted as lost by the server.
 */

#include <stdbool.h>
#include <stdint.h>

#include "bench/child.h"
#include "bench/client.h"
#include "bench/phase.h"
#include "bench/target.h"

#define RIG_CLIENTS_MAX 8

struct bench;

struct rig_plan {
    enum way way;
    uint64_t live; /* of each client */
    unsigned clients;
    bool is_random;
    bool one_core; /* for all processes */
    bool may_lose; /* a full ring is waited for as the library does it by itself, and not until there is room */
};

struct rig {
    struct rig_plan plan;
    struct target target;
    struct child clients[RIG_CLIENTS_MAX];
    struct client_result results[RIG_CLIENTS_MAX]; /* of the last phase */
    uint64_t rss_before;                           /* of the server without clients */
};

struct outcome {
    double client_ns;   /* per report: in the call, the loop's own share taken off */
    double server_ns;   /* per report: CPU */
    double millions;    /* reports per second, until the server has applied the last */
    double cpu_percent; /* of one core: calls, the clients' other threads, and the server */
    double wakes;       /* of the server, per million reports */
};

void rig_up(struct bench *bench, const struct rig_plan *plan, struct rig *ret);
void rig_run(struct bench *bench, struct rig *rig, enum phase phase, struct outcome *ret);
void rig_down(struct bench *bench, struct rig *rig);

/* The two halves of rig_run(), for those who do something between them. */
void rig_begin(struct bench *bench, struct rig *rig, enum phase phase);
void rig_finish(struct rig *rig);

/* The same for one client that makes a given number of reports. */
void rig_tell(struct rig *rig, unsigned client, uint64_t reports, enum phase phase);

/* Measures what the clients' loops cost by themselves, for all that follows. */
void rig_calibrate(struct bench *bench);
