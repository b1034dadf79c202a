/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The processes that have a device open.
 */

#include "host/host.h"
#include "host/root.h"

/* Who has the device open. Why it is not known goes into the device; -ENOMEM is all that fails. */
int holders_read(const struct host_root *root, struct host_device *device);
