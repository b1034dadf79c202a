/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What wakes the helper thread while it waits for the server: a pair of sockets, because these can be told from
 * whatever else may have their numbers by now, and because writing to them raises no signal.
 *
 * Not thread-safe.
 */

#include "client/link.h"

struct tt_alloc_kick {
    struct tt_alloc_link sleeper, waker;
};

#define TT_ALLOC_KICK_NONE ((struct tt_alloc_kick){{.fd = -1}, {.fd = -1}})

/* A negative errno if there can be none; then it is as if closed. */
int tt_alloc_kick_open(struct tt_alloc_kick *kick);

void tt_alloc_kick_close(struct tt_alloc_kick *kick);

/* Makes sleeper.fd readable. -EBADF if that is no longer ours. */
int tt_alloc_kick_send(const struct tt_alloc_kick *kick);

/* Makes it unreadable. -EBADF. */
int tt_alloc_kick_take(const struct tt_alloc_kick *kick);
