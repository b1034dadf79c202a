/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Requests that change what the server remembers: peaks and leaks. Everybody may for what is his own; for the rest a
 * peer must be authorised.
 */

#include "protocol/tt_alloc_protocol.h"
#include "server/session.h"

enum verdict request_reset_peaks(struct session *session, const struct tt_alloc_list_request *request);
enum verdict request_forget(struct session *session, const struct tt_alloc_list_request *request);
