/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What stands between a report and the server. A transport delivers frames in the order in which it gets them, counts
 * those it could not deliver, and is always ready: it connects when there is something to say, and again when the
 * server went away. None of its functions fails towards the application.
 *
 * All may be called from any thread. They leave errno alone and are no cancellation points.
 */

#include <stdint.h>

#include "tt_alloc_protocol.h"

/* Reads the environment and prepares for fork(). Called once, before any of the others. */
void tt_alloc_transport_start(void);

/* Delivers the report or counts it as lost. Fills in the report's process_id. */
void tt_alloc_transport_report(struct tt_alloc_message *report);

/* Keeps the description and says it to the server, now and on every later connection. -ENOMEM. */
int tt_alloc_transport_describe(const struct tt_alloc_device_record *description);

/* Reports that were not delivered. */
uint64_t tt_alloc_transport_lost(void);
