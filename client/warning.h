/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The one line that the library ever prints. It is a guest in somebody else's program, so it writes the line with one
 * system call past stdio, and gives it up rather than wait for a full pipe or raise SIGPIPE for a closed one.
 */

#include "client/connect.h"

/* Says on stderr why the server could not be reached and what to do. error and owner are those of
 * tt_alloc_target_connect(). */
void tt_alloc_warn_unreachable(const struct tt_alloc_target *target, int error, uid_t owner);
