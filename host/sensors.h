/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/host.h"
#include "host/root.h"

/* Marks all that sensors_read() fills as -ENOENT. */
void sensors_forget(struct host_device *device);

/* Clocks, firmware, link, temperatures and the like of the device with this number. */
void sensors_read(const struct host_root *root, struct host_device *device);
