/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A server that answers what an input says, on a connection that is none: linked before the client library, it takes
 * the place of client/connect.c and client/stream.c. The input is a list of frames, packed:
 *
 *   type (1 byte), length (1 byte), so many bytes that stand in the frame from its fifth on; the rest of it is 0
 *
 * Frames of type 0 are the frame before them once more, length times; and an END of length 0 is as it should be, since
 * otherwise hardly any answer would be complete. After the last frame it hangs up.
 */

#include <stddef.h>
#include <stdint.h>

/* piece: how many bytes it sends at a time, at least 1. */
void fake_server_begin(const uint8_t *data, size_t size, size_t piece);
