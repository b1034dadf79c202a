/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One value in one file, as sysfs has them.
 */

#include "host/directory.h"
#include "host/host.h"

/* Any text; cut where it is too long. */
struct host_text attribute_text(const struct directory *directory, const char *file);

/* A decimal number. */
struct host_number attribute_number(const struct directory *directory, const char *file);

/* 64 bits in hexadecimal digits. All zeros and all ones are -ENODATA: the one is an identity that was never written,
 * the other what a device says that has fallen off its bus. */
struct host_id attribute_id(const struct directory *directory, const char *file);
