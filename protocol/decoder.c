/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The three-way decoder: consumed, need more, bad. decoder.h tells how a peer's generation is recognised; here is one
 * function per situation: the generation is known, it is not known yet, and it is not known although the first 72 bytes
 * were delivered.
 */

#include "protocol/decoder.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool is_legacy_request(uint8_t type)
{
    switch (type) {
    case TT_ALLOC_ALLOC:
    case TT_ALLOC_FREE:
    case TT_ALLOC_QUERY:
    case TT_ALLOC_DUMP_REMAINING:
    case TT_ALLOC_DEVICE_INFO_QUERY:
        return true;
    default:
        return false;
    }
}

static bool is_144_request(uint8_t type)
{
    return type >= TT_ALLOC_CB_ALLOC && type <= TT_ALLOC_DUMP_KERNELS;
}

static bool is_own_request(uint8_t type)
{
    return (type >= TT_ALLOC_HELLO && type <= TT_ALLOC_DESCRIBE_DEVICE && type != TT_ALLOC_WELCOME) ||
           (type >= TT_ALLOC_LIST_DEVICES && type <= TT_ALLOC_FORGET) ||
           (type >= TT_ALLOC_RING_REQUEST && type <= TT_ALLOC_RECORDS && type != TT_ALLOC_RING);
}

/* Whether a client of this generation could have sent a frame that begins like this. */
static bool is_plausible(const uint8_t *bytes, size_t frame_size)
{
    uint8_t type = bytes[0];
    bool known;

    switch (frame_size) {
    case TT_ALLOC_FRAME_72:
        known = is_legacy_request(type) && type != TT_ALLOC_DEVICE_INFO_QUERY;
        break;
    case TT_ALLOC_FRAME_112:
        known = is_legacy_request(type) || is_144_request(type) || is_own_request(type);
        break;
    default:
        known = is_legacy_request(type) || is_144_request(type);
    }

    if (!known || memcmp(bytes + offsetof(struct tt_alloc_message_72, pad1), "\0\0\0", 3) != 0)
        return false;
    return is_own_request(type) || memcmp(bytes + offsetof(struct tt_alloc_message_72, pad2), "\0\0\0", 3) == 0;
}

/* The first byte from `from` on that is not zero, or `size`. */
static size_t skip_zeros(const uint8_t *bytes, size_t from, size_t size)
{
    while (from < size && bytes[from] == 0)
        from++;
    return from;
}

static ssize_t deliver(const uint8_t *bytes, size_t frame_size, enum tt_alloc_part part, struct tt_alloc_frame *ret)
{
    size_t filled = frame_size == TT_ALLOC_FRAME_112 ? TT_ALLOC_FRAME_112 : TT_ALLOC_FRAME_72;

    *ret = (struct tt_alloc_frame){.part = part};
    memcpy(ret->bytes, bytes, filled);
    return (ssize_t)frame_size;
}

static ssize_t decode_known(const struct tt_alloc_decoder *decoder, const uint8_t *bytes, size_t size,
                            struct tt_alloc_frame *ret)
{
    if (size < decoder->frame_size)
        return 0;
    if (!is_plausible(bytes, decoder->frame_size))
        return -EBADMSG;
    return deliver(bytes, decoder->frame_size, TT_ALLOC_PART_WHOLE, ret);
}

/*
 * The frame size that the zeros behind the first request tell: a size, 0 if more bytes are needed, -EPROTO if they end
 * where no frame does. Exactly 112 bytes are taken for a whole frame; only the 112-byte generation may arrive cut.
 */
static ssize_t measure(const uint8_t *bytes, size_t size)
{
    size_t end = skip_zeros(bytes, TT_ALLOC_FRAME_72, size < TT_ALLOC_FRAME_144 ? size : TT_ALLOC_FRAME_144);

    if (end == TT_ALLOC_FRAME_144 || end == TT_ALLOC_FRAME_112)
        return (ssize_t)end;
    if (end == size)
        return 0;
    /* Type 6 does not exist in the 72-byte generation. */
    return end == TT_ALLOC_FRAME_72 && bytes[0] != TT_ALLOC_DEVICE_INFO_QUERY ? TT_ALLOC_FRAME_72 : -EPROTO;
}

static ssize_t decode_first(struct tt_alloc_decoder *decoder, const uint8_t *bytes, size_t size,
                            struct tt_alloc_frame *ret)
{
    ssize_t frame_size;

    if (is_own_request(bytes[0]))
        frame_size = TT_ALLOC_FRAME_112;
    else if (is_144_request(bytes[0]))
        frame_size = TT_ALLOC_FRAME_144;
    else if (!is_legacy_request(bytes[0]))
        return -EPROTO;
    else if (size < TT_ALLOC_FRAME_72)
        return 0;
    else if (!is_plausible(bytes, TT_ALLOC_FRAME_112))
        return -EPROTO;
    else if (size == TT_ALLOC_FRAME_72 && bytes[0] != TT_ALLOC_DEVICE_INFO_QUERY) {
        decoder->delivered = TT_ALLOC_FRAME_72;
        return deliver(bytes, TT_ALLOC_FRAME_72, TT_ALLOC_PART_HEAD, ret);
    } else
        frame_size = measure(bytes, size);

    if (frame_size <= 0)
        return frame_size;

    decoder->frame_size = (uint16_t)frame_size;
    return decode_known(decoder, bytes, size, ret);
}

/* 72 bytes were delivered. If a type follows, they were all of the frame; if zeros do, count them. */
static ssize_t decode_after_head(struct tt_alloc_decoder *decoder, const uint8_t *bytes, size_t size,
                                 struct tt_alloc_frame *ret)
{
    static const size_t tail_112 = TT_ALLOC_FRAME_112 - TT_ALLOC_FRAME_72;
    static const size_t tail_144 = TT_ALLOC_FRAME_144 - TT_ALLOC_FRAME_72;
    size_t end = skip_zeros(bytes, 0, size < tail_144 ? size : tail_144);

    if (end == 0) {
        *decoder = (struct tt_alloc_decoder){.frame_size = TT_ALLOC_FRAME_72};
        return decode_known(decoder, bytes, size, ret);
    }
    if (end == tail_112 || end == tail_144) {
        *decoder = (struct tt_alloc_decoder){.frame_size = (uint16_t)(TT_ALLOC_FRAME_72 + end)};
        *ret = (struct tt_alloc_frame){.part = TT_ALLOC_PART_TAIL};
        return (ssize_t)end;
    }
    return end == size ? 0 : -EPROTO;
}

ssize_t tt_alloc_decode(struct tt_alloc_decoder *decoder, const void *bytes, size_t size, struct tt_alloc_frame *ret)
{
    assert(decoder->frame_size == 0 || decoder->delivered == 0);

    if (size == 0)
        return 0;
    if (decoder->frame_size)
        return decode_known(decoder, bytes, size, ret);
    if (decoder->delivered)
        return decode_after_head(decoder, bytes, size, ret);
    return decode_first(decoder, bytes, size, ret);
}
