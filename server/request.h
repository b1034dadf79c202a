/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a decoded request means: reports go to the registry, questions are answered into the session's output.
 */

#include "protocol/decoder.h"
#include "server/session.h"

enum verdict request_handle(struct session *session, const struct tt_alloc_frame *frame);
