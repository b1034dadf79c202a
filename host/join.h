/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which device a totals file is about. The number in its name is the user-mode driver's, and only sometimes one that
 * sysfs tells as well. What is not certain stays apart: a wrong join would show memory at the wrong device.
 */

#include "host/host.h"
#include "host/root.h"

/* Sets join and device of all of host->totals. -ENOMEM. */
int host_totals_join(const struct host_root *root, struct host *host);
