/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The keyed hash of (device, id).
 *
 * Two rounds of "multiply 64 by 64 bits, xor both halves of the product", with a secret in every operand but the
 * chained one. It costs two multiplications, about 3 ns; SipHash-1-3 over the same 12 bytes costs four to five times
 * that and would be a quarter of a report's price. It is no cryptographic function, and need not be: a peer never sees
 * a hash, it can only time reports that pass through a queue with everybody else's, it can spoil only its own ledger,
 * and the secret dies with the ledger. What is needed is that ids chosen without the secret collide no more often than
 * random ones.
 */

#include <stdint.h>
#include <string.h>

#define HASH_KEY_SIZE 16

struct hash_key {
    uint64_t word[4];
};

static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Odd constants (digits of the golden ratio, pi and e) keep every word dense, even for a secret of zeros. */
static inline struct hash_key hash_key_from(const void *secret)
{
    uint64_t half[2];

    memcpy(half, secret, HASH_KEY_SIZE);
    return (struct hash_key){{
        half[0] ^ UINT64_C(0x9e3779b97f4a7c15),
        half[1] ^ UINT64_C(0x243f6a8885a308d3),
        hash_fold(half[0] ^ UINT64_C(0x13198a2e03707345), half[1] ^ UINT64_C(0xadf85458a2bb4a9b)),
        hash_fold(half[1] ^ UINT64_C(0xa4093822299f31d1), half[0] ^ UINT64_C(0x7d8e76bf4a2fd2f3)) | 1,
    }};
}

/* The region is left out on purpose: all regions that hold an id are then found in one search. */
static inline uint32_t hash_of(const struct hash_key *key, int32_t device_id, uint64_t id)
{
    uint64_t first = hash_fold(id ^ key->word[0], (uint32_t)device_id ^ key->word[1]);

    return (uint32_t)(hash_fold(first ^ key->word[2], key->word[3]) >> 32);
}
