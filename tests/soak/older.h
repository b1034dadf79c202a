/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The wire as programs speak it that have it compiled in: frames of 72, 112 or 144 bytes, one send() each, no HELLO,
 * and no way to tell anything again. Nothing here is shared with the library.
 */

#include <stdint.h>
#include <sys/types.h>

#include "tt_alloc_protocol.h"

/* Waits until there is a server. */
int older_connect(const char *path);

/* 0, or -1 if the connection is lost. */
int older_report(int fd, size_t frame_size, uint8_t region, const struct tt_alloc_message_72 *message);

/* Returns 0 when the server has taken in what was sent before, -1 if the connection is lost. */
int older_fence(int fd, size_t frame_size);
