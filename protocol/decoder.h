/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Cuts a byte stream into frames. No allocation, no I/O, no knowledge of what a message does: it links alone into a
 * fuzzer.
 *
 * The one hard part is the generation. A peer does not announce whether its frames have 72, 112 or 144 bytes, but every
 * request of the types 1..12 is zero behind its first 40 bytes and no type is 0. So the distance from the first byte of
 * the first frame to the next byte that is not zero, looked for from byte 72 on, is the frame size. Types 8..12 exist
 * only in the 144-byte generation and types from 32 up only in the 112-byte one, which decides at once.
 *
 * When exactly 72 bytes have arrived, they are a whole frame of the 72-byte generation or the beginning of a larger
 * one, and waiting for more would leave the former without an answer. The first 72 bytes mean the same in all
 * generations, so they are delivered (TT_ALLOC_PART_HEAD); should the rest of a larger frame follow, it is delivered as
 * TT_ALLOC_PART_TAIL, and whoever answered the head with the 72 bytes that all replies share now adds the rest.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tt_alloc_protocol.h"

struct tt_alloc_decoder {
    uint16_t frame_size; /* 0: not known yet */
    uint16_t delivered;  /* bytes of an undecided first frame that were delivered already */
};

enum tt_alloc_part {
    TT_ALLOC_PART_WHOLE,
    TT_ALLOC_PART_HEAD, /* 72 bytes that may be the beginning of a longer frame */
    TT_ALLOC_PART_TAIL, /* the rest of the frame whose head was delivered; frame_size is known now */
};

/* A decoded request. In the 112-byte generation all of it is filled, else the first 72 bytes and the rest is zero. */
struct tt_alloc_frame {
    enum tt_alloc_part part;
    union {
        struct tt_alloc_message_72 message;
        struct tt_alloc_hello hello;
        struct tt_alloc_device_record device;
        struct tt_alloc_list_request list;
        struct tt_alloc_ring_message ring;
        struct tt_alloc_records records;
        uint8_t bytes[TT_ALLOC_FRAME_112];
    };
};

/*
 * Decodes the next frame of a stream. Start with a zeroed decoder and pass what has arrived and was not consumed yet.
 *
 *   > 0       so many bytes were consumed and *ret is a frame
 *   0         need more bytes
 *   -EBADMSG  a frame that no client sends (unknown type, or padding that is not zero): decoder->frame_size bytes long,
 * so the caller may count it, skip them and go on -EPROTO   not even the length of the first frame can be told; the
 * connection is of no use
 *
 * *ret is untouched unless the result is positive.
 */
ssize_t tt_alloc_decode(struct tt_alloc_decoder *decoder, const void *bytes, size_t size, struct tt_alloc_frame *ret);
