/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/host.h"
#include "server/nodes.h"

/* The nodes of the host's devices. -ENOMEM. */
int hardware_nodes(const struct host *host, struct nodes *ret);
