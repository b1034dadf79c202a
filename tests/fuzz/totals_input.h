/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A file of tt-metal's totals out of an input. Such a file has 8576 bytes, most of them 0, and nothing but its full
 * length is looked into; so an input says in what the file differs from one of version 4 with nobody in it:
 *
 *   two bytes   how much shorter it is
 *   then        offset (2 bytes), length (1 byte), and so many bytes to be put there; and again
 *
 * Offsets are written as numbers here, from the description of the format and not from the header that the reader uses.
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TOTALS_INPUT_SIZE 8576

struct totals_input {
    uint8_t bytes[TOTALS_INPUT_SIZE];
    size_t size;
};

static inline size_t totals_input_put(struct totals_input *input, const uint8_t *data, size_t size)
{
    size_t offset = (size_t)(data[0] | data[1] << 8) % TOTALS_INPUT_SIZE, length = data[2];

    if (length > size - 3)
        length = size - 3;
    memcpy(input->bytes + offset, data + 3, length < TOTALS_INPUT_SIZE - offset ? length : TOTALS_INPUT_SIZE - offset);
    return 3 + length;
}

static inline void totals_input_make(struct totals_input *ret, const uint8_t *data, size_t size)
{
    size_t missing = size < 2 ? 0 : (size_t)(data[0] | data[1] << 8);

    *ret = (struct totals_input){.bytes = {4}};
    for (size_t i = 0; i < 16; i++)
        memset(ret->bytes + 88 + 48 * i, 0xff, 4);
    memcpy(ret->bytes + 8536, "YDER", 4);
    for (size_t i = 2; size > i + 3;)
        i += totals_input_put(ret, data + i, size - i);
    ret->size = missing > TOTALS_INPUT_SIZE ? 0 : TOTALS_INPUT_SIZE - missing;
}
