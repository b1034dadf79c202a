/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/host.h"
#include "host/root.h"

#define DEVICE_DIRECTORY_SIZE 64

/* The number of a class entry "tenstorrent!N"; -1: it is none. */
int32_t device_number(const char *entry);

/* Its directory in the class, below the root. */
void device_directory(int32_t number, char ret[DEVICE_DIRECTORY_SIZE]);

/* What it is: type, architecture, address, ids. Everything else is made "not asked for". */
void device_read_identity(const struct host_root *root, int32_t number, struct host_device *ret);
