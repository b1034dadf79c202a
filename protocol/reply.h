/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Lays a reply of the types 4 and 7 out in the generation of the peer it goes to. The 144-byte frame has room for
 * everything a reply can say, so replies are built in it and narrowed here.
 */

#include <stddef.h>

#include "tt_alloc_protocol.h"

/*
 * Writes the reply as a frame of frame_size bytes (72, 112 or 144) and returns frame_size. The first 72 bytes are the
 * same for every frame_size, which is what allows a reply to be completed later.
 */
size_t tt_alloc_lay_out_reply(const struct tt_alloc_message_144 *reply, size_t frame_size, void *ret_bytes);
