/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "smi/cli/options.h"

/* `tt-smi run`: the command with tracking on, and a verdict on what it and all its processes held and left. Returns the
 * exit code; stdout is the command's alone. */
int run_gate(const struct options *options);
