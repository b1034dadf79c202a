/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a device measures while it runs.
 */

#include "host/directory.h"
#include "host/host.h"

/* Marks all that sensors_read() fills as -ENOENT. */
void sensors_forget(struct host_device *device);

/* Of HOST_SENSORS what parts name, from the device's class entry and its PCI device. */
void sensors_read(const struct directory *class_entry, const struct directory *pci, unsigned parts,
                  struct host_device *device);
