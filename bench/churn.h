/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the clients report: a number of live buffers, of which one after the other is freed and replaced. The oldest
 * goes first (FIFO), or each round takes all of them in an order without a pattern. Both are computed from counters and
 * touch no memory, because a table of live buffers would put its own cache misses into the measurement.
 *
 * A buffer has a number, and its number tells all of it. Ids look like device addresses: multiples of 4096 in a few
 * GiB, the same in several devices.
 */

#include <stdbool.h>
#include <stdint.h>

#include "protocol/tt_alloc_protocol.h"

#define CHURN_DEVICES 4
#define CHURN_PAGES (UINT64_C(1) << 24)
#define CHURN_PAGE 4096

struct churn_buffer {
    int32_t device;
    uint8_t region;
    uint64_t id;
    uint64_t size;
};

struct churn {
    uint64_t live;
    bool is_random;
    unsigned bits; /* live <= 1 << bits */
    uint64_t step; /* FIFO: buffers replaced. Random: tickets drawn */
};

static inline struct churn churn_of(uint64_t live, bool is_random)
{
    struct churn churn = {.live = live, .is_random = is_random, .bits = 2};

    while (UINT64_C(1) << churn.bits < live)
        churn.bits++;
    return churn;
}

static inline struct churn_buffer churn_buffer(uint64_t number)
{
    uint64_t place = number / CHURN_DEVICES;

    return (struct churn_buffer){
        .device = (int32_t)(number % CHURN_DEVICES),
        .region = place % 8 == 7 ? TT_ALLOC_L1 : TT_ALLOC_DRAM,
        .id = (UINT64_C(1) << 30) + place % CHURN_PAGES * CHURN_PAGE,
        .size = (uint64_t)CHURN_PAGE << (place % 4),
    };
}

/* A permutation of 0 .. 2^bits - 1 that is another one in each round: odd factors and shifted xors can be undone. */
static inline uint64_t churn_shuffle(uint64_t index, uint64_t round, unsigned bits)
{
    uint64_t mask = (UINT64_C(1) << bits) - 1;

    index = (index * UINT64_C(0x9e3779b97f4a7c15) + round * UINT64_C(0x632be59bd9b4e019)) & mask;
    index ^= index >> (bits / 2);
    index = index * UINT64_C(0xd6e8feb86659fd93) & mask;
    return index ^ index >> (bits / 2);
}

static inline void churn_random(struct churn *churn, uint64_t *ret_old, uint64_t *ret_new)
{
    uint64_t round, slot;

    do {
        round = churn->step >> churn->bits;
        slot = churn_shuffle(churn->step & ((UINT64_C(1) << churn->bits) - 1), round, churn->bits);
        churn->step++;
    } while (slot >= churn->live);
    *ret_old = round << churn->bits | slot;
    *ret_new = (round + 1) << churn->bits | slot;
}

/* The number of the buffer to free, and of the one to allocate in its place. At first 0 .. live - 1 are live. */
static inline void churn_next(struct churn *churn, uint64_t *ret_old, uint64_t *ret_new)
{
    if (churn->is_random) {
        churn_random(churn, ret_old, ret_new);
        return;
    }
    *ret_old = churn->step;
    *ret_new = churn->step + churn->live;
    churn->step++;
}
