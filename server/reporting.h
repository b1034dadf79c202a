/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a session does for a process that reports: frames with reports and descriptions go to the registry, a ring is
 * handed out, records that come in frames go to the feed.
 */

#include "protocol/tt_alloc_protocol.h"
#include "server/session.h"

/* The session's process reports, from now on at the latest. */
enum verdict reporting_begin(struct session *session);

/* What HELLO said of a job is kept with the process, once there is one. */
void reporting_note_job(struct session *session);

/* ALLOC, FREE, CB_*, KERNEL_*. */
enum verdict reporting_handle(struct session *session, const struct tt_alloc_message_72 *message);
enum verdict reporting_describe(struct session *session, const struct tt_alloc_device_record *facts);
enum verdict reporting_request_ring(struct session *session, const struct tt_alloc_ring_message *request);
enum verdict reporting_apply_records(struct session *session, const struct tt_alloc_records *records);

/* Logs, once per process and cause, that the registry refused a report with this error. */
void reporting_tell_refusal(struct session *session, int error);
