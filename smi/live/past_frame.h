/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A moment that is kept: between past.c, which makes frames, and past_read.c. */

#include "smi/live/past.h"
#include "smi/live/past_row.h"

struct past_frame {
    struct past_frame *newer, *older;
    uint64_t time;
    struct coverage coverage;
    size_t count; /* rows of the table then */
    size_t size;
    uint8_t bytes[];
};
