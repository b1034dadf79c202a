/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The beginning of a connection, up to the point at which there is something to report through: connect, HELLO and
 * WELCOME, descriptions, ring. For the helper thread, which may wait; the recorder's lock is taken inside, and never
 * while waiting.
 */

#include <stdbool.h>

#include "client/connect.h"

/*
 * Leaves the recorder with a link and a carrier, still in the state ABSENT, or disconnected with a negative errno:
 * besides those of tt_alloc_target_connect(): -EPROTO, -ECONNRESET, -ETIMEDOUT. ret_owner as there; unknown too if the
 * server was reached and trusted.
 */
int tt_alloc_attach(const struct tt_alloc_target *target, bool wants_ring, uid_t *ret_owner);
