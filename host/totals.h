/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * tt-metal's totals of a host: found, read, the living told from the dead, and joined to devices.
 */

#include "host/host.h"
#include "host/root.h"

/* Fills host->totals. Needs the devices with their ids and holders, and the holders in host->processes. Afterwards
 * host_processes_read() brings in those who have a slot and no device. -ENOMEM. */
int host_totals_read(const struct host_root *root, struct host *host);
