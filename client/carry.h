/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How a report gets to the server that is connected, and what happens when that does not keep up: the reporting thread
 * waits for a moment, once; if that did not help, there is a gap, in which nobody waits, until the helper thread has
 * closed it with a resync.
 *
 * All with the recorder's lock held and cancellation switched off.
 */

#include "client/recorder.h"

/* After so many a larger ring is asked for. */
#define TT_ALLOC_WAKES_UNTIL_GROWTH 8

/* Carries the report or opens a gap. record is the same report as it stands in a ring. */
void tt_alloc_carry(const struct tt_alloc_report *report, const struct tt_alloc_record *record);

/* A record into the ring, where there is room for it. */
void tt_alloc_carry_record(const struct tt_alloc_record *record);

/* Tells the server to look into the ring. */
void tt_alloc_carry_wake(void);

/* One frame that is no report; an error but -EAGAIN ends the connection. */
int tt_alloc_carry_frame(const void *frame);
