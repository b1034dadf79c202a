/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What there is once per host, and not per device.
 */

#include "host/host.h"
#include "host/root.h"

/* The host's name and clock. What is not known stays as it is. */
void driver_read_host(const struct host_root *root, struct host *host);

/* The version of the kernel module. */
struct host_text driver_read_version(const struct host_root *root);
