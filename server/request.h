/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a decoded request means: reports are passed on, questions are answered into the session's output.
 */

#include "protocol/decoder.h"
#include "server/session.h"

/* Whether the answer depends on what was reported. */
bool request_is_question(const struct tt_alloc_frame *frame);

/* The process that asks, if it reports: through this session or another; else NULL. */
struct process *request_asking_process(struct session *session);

enum verdict request_handle(struct session *session, const struct tt_alloc_frame *frame);
