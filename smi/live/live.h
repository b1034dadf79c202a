/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "smi/cli/options.h"

/* Whether tt-smi -w can be a full-screen view here: on a terminal that is not dumb, and not for programs. */
bool live_is_wanted(const struct options *options);

/* Shows it until the user quits; returns the exit code. -ENOTSUP: the terminal is of no known kind, and nothing has
 * happened. */
int live(const struct options *options);
