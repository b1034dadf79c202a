/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One device, by its entry in the driver's class in sysfs and the PCI device behind it.
 */

#include "host/host.h"
#include "host/root.h"

/* The number of a class entry "tenstorrent!N"; -1: it is none. */
int32_t device_number(const char *entry);

/* What the device is and, with HOST_SENSORS, what it measures. All else is -ENOENT until it is read. */
void device_read(const struct host_root *root, int32_t number, unsigned parts, struct host_device *ret);
