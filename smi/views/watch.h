/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "smi/cli/options.h"

/*
 * Shows the view again and again until a signal ends the program. A server that goes away, or is not there yet, is
 * said so on the screen and sought again at every turn. Returns only when something fails here: the exit code.
 */
int watch(const struct options *options);
