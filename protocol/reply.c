/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The three layouts of a reply; reply.h says why they are written from one struct.
 */

#include "protocol/reply.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

static struct tt_alloc_message narrow(const struct tt_alloc_message_144 *reply)
{
    return (struct tt_alloc_message){.head = reply->head, .info = reply->info};
}

size_t tt_alloc_lay_out_reply(const struct tt_alloc_message_144 *reply, size_t frame_size, void *ret_bytes)
{
    struct tt_alloc_message message = narrow(reply);

    switch (frame_size) {
    case TT_ALLOC_FRAME_72:
        memcpy(ret_bytes, &reply->head, sizeof(reply->head));
        break;
    case TT_ALLOC_FRAME_112:
        memcpy(ret_bytes, &message, sizeof(message));
        break;
    case TT_ALLOC_FRAME_144:
        memcpy(ret_bytes, reply, sizeof(*reply));
        break;
    default:
        assert(false);
    }
    return frame_size;
}
