/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Numbers and texts one behind the other, small numbers in few bytes: seven bits in each, the highest bit set in all
 * but the last. What is read was written by this program, so that a reader that runs beyond the end is our own bug.
 */

#include <stddef.h>
#include <stdint.h>

/* Once something does not fit or cannot be had, all that follows is left out and error says why. */
struct bytes_out {
    uint8_t *bytes; /* free() it */
    size_t size, room, limit;
    int error; /* negative errno: -ENOMEM, -EFBIG */
};

struct bytes_in {
    const uint8_t *at, *end;
};

void bytes_put(struct bytes_out *out, uint64_t number);
uint64_t bytes_get(struct bytes_in *in);

/* How far one number is from another, whichever is larger; it wraps around. */
void bytes_put_step(struct bytes_out *out, uint64_t from, uint64_t to);
uint64_t bytes_get_step(struct bytes_in *in, uint64_t from);

/* At most that much of a text, cut between two characters. */
void bytes_put_text(struct bytes_out *out, const char *text, size_t most);

/* As many bytes as the text has, of which the caller takes a copy. */
const uint8_t *bytes_get_text(struct bytes_in *in, size_t *ret_length);
