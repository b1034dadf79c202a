/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is left of an input that is read from its beginning. Behind its end it is zeros.
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct input {
    const uint8_t *bytes;
    size_t size;
};

/* The next bytes, as many as there are. */
static inline size_t input_take(struct input *input, size_t count, const uint8_t **ret)
{
    if (count > input->size)
        count = input->size;
    *ret = input->bytes;
    input->bytes += count;
    input->size -= count;
    return count;
}

static inline uint64_t input_number(struct input *input, size_t size)
{
    const uint8_t *bytes;
    uint64_t number = 0;

    size = input_take(input, size, &bytes);
    if (size > 0)
        memcpy(&number, bytes, size);
    return number;
}

static inline uint8_t input_byte(struct input *input)
{
    return (uint8_t)input_number(input, 1);
}
