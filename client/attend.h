/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the helper thread does while there is a connection: resyncs, closes gaps, gets a larger ring, sends what was
 * held up, and notices the end. While the server keeps up, that is one poll() without a time limit.
 */

#include "client/kick.h"

/* Returns when the connection is lost, with a negative errno; -ESTALE: another thread has taken over. The recorder
 * is as tt_alloc_attach() left it. */
int tt_alloc_attend(unsigned number);
