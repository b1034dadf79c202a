/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One value in one file, as sysfs has them.
 */

#include "host/host.h"
#include "host/root.h"

/* Any text; cut where it is too long. */
struct host_text attribute_text(const struct host_root *root, const char *directory, const char *file);

/* A decimal number. */
struct host_number attribute_number(const struct host_root *root, const char *directory, const char *file);

/* 64 bits in hexadecimal digits. All zeros and all ones are -ENODATA: the one is an identity that was never written,
 * the other what a device says that has fallen off its bus. */
struct host_id attribute_id(const struct host_root *root, const char *directory, const char *file);
