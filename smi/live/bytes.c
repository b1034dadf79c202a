/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A step keeps its sign in the lowest bit, so that a small one is short whichever way it goes.
 */

#include "smi/live/bytes.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MOST 10 /* bytes of a number */

/* Whether there is room for so much more. */
static int reserve(struct bytes_out *out, size_t size)
{
    size_t room = out->room > 0 ? out->room : 256;
    uint8_t *grown;

    if (out->error == 0 && out->size + size > out->limit)
        out->error = -EFBIG;
    while (out->error == 0 && room < out->size + size)
        room *= 2;
    if (out->error != 0 || room == out->room)
        return out->error;
    grown = realloc(out->bytes, room);
    if (!grown)
        return out->error = -ENOMEM;
    out->bytes = grown;
    out->room = room;
    return 0;
}

void bytes_put(struct bytes_out *out, uint64_t number)
{
    if (reserve(out, NUMBER_MOST) < 0)
        return;
    for (; number >= 0x80; number >>= 7)
        out->bytes[out->size++] = (uint8_t)(number | 0x80);
    out->bytes[out->size++] = (uint8_t)number;
}

uint64_t bytes_get(struct bytes_in *in)
{
    uint64_t number = 0;
    unsigned shift = 0;
    uint8_t byte;

    do {
        assert(in->at < in->end);
        byte = *in->at++;
        number |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    return number;
}

void bytes_put_step(struct bytes_out *out, uint64_t from, uint64_t to)
{
    uint64_t step = to - from;

    bytes_put(out, step << 1 ^ (step >> 63 ? UINT64_MAX : 0));
}

uint64_t bytes_get_step(struct bytes_in *in, uint64_t from)
{
    uint64_t step = bytes_get(in);

    return from + (step >> 1 ^ (step & 1 ? UINT64_MAX : 0));
}

/* Without the beginning of a character of which the rest is cut off. */
static size_t cut(const char *text, size_t most)
{
    size_t length = strnlen(text, most + 1);

    if (length <= most)
        return length;
    for (length = most; length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80;)
        length--;
    return length;
}

void bytes_put_text(struct bytes_out *out, const char *text, size_t most)
{
    size_t length = cut(text, most);

    bytes_put(out, length);
    if (reserve(out, length) < 0)
        return;
    memcpy(out->bytes + out->size, text, length);
    out->size += length;
}

const uint8_t *bytes_get_text(struct bytes_in *in, size_t *ret_length)
{
    const uint8_t *text;
    size_t length = bytes_get(in);

    assert(length <= (size_t)(in->end - in->at));
    text = in->at;
    in->at += length;
    *ret_length = length;
    return text;
}
