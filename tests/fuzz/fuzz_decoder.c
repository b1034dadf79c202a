/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Any bytes, cut anywhere, into the decoder. The first four bytes of an input choose the cuts, the rest is the stream.
 * What must hold is more than "it does not crash":
 *
 *   - it consumes no more than it was given, and its answer "need more" ends before 144 bytes: a session keeps no more;
 *   - a frame that comes out is one that a client of its generation may send;
 *   - cutting a stream behind its first 144 bytes changes nothing, and cutting one of 72 or 112 bytes anywhere does
 * not;
 *   - nor does a first delivery of just the 72 bytes that all generations share.
 *
 * Links protocol/decoder.c and nothing else of the project.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/decoder.h"
#include "tests/fuzz/check.h"

#define INPUT_MAX 4096
#define FRAMES_MAX (INPUT_MAX / TT_ALLOC_FRAME_72 + 2)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What became of a stream. A frame in two parts counts as one. */
struct outcome {
    struct tt_alloc_frame frames[FRAMES_MAX];
    size_t count;
    size_t bad;
    bool is_broken; /* -EPROTO */
    size_t used;
    struct tt_alloc_decoder decoder;
};

static bool may_be_sent(uint8_t type, size_t frame_size)
{
    bool is_own = type == 32 || type == 34 || (type >= 40 && type <= 47) || type == 48 || type == 50 || type == 51;

    if (type >= 1 && type <= 5 && type != 4)
        return true;
    if (type == 6 || (type >= 8 && type <= 12))
        return frame_size != TT_ALLOC_FRAME_72;
    return is_own && frame_size == TT_ALLOC_FRAME_112;
}

static void take_frame(struct outcome *outcome, const struct tt_alloc_frame *frame)
{
    static const uint8_t zeros[3];

    if (frame->part == TT_ALLOC_PART_TAIL) {
        CHECK(outcome->count == 1 && outcome->decoder.frame_size > TT_ALLOC_FRAME_72);
        return;
    }
    CHECK(frame->part == TT_ALLOC_PART_WHOLE || (outcome->count == 0 && outcome->decoder.frame_size == 0));
    CHECK(may_be_sent(frame->message.type, frame->part == TT_ALLOC_PART_HEAD ? 72 : outcome->decoder.frame_size));
    CHECK(memcmp(frame->message.pad1, zeros, 3) == 0);
    CHECK(outcome->count < FRAMES_MAX);
    outcome->frames[outcome->count] = *frame;
    outcome->frames[outcome->count].part = TT_ALLOC_PART_WHOLE;
    outcome->count++;
}

/* One call, with the bytes in a piece of memory of exactly their size. */
static ssize_t decode_once(struct tt_alloc_decoder *decoder, const uint8_t *bytes, size_t size,
                           struct tt_alloc_frame *ret)
{
    uint8_t *exact = malloc(size ? size : 1);
    ssize_t result;

    CHECK(exact);
    if (size)
        memcpy(exact, bytes, size);
    result = tt_alloc_decode(decoder, exact, size, ret);
    free(exact);
    return result;
}

static void decode_up_to(struct outcome *outcome, const uint8_t *bytes, size_t end)
{
    while (!outcome->is_broken) {
        struct tt_alloc_frame frame;
        size_t waiting = end - outcome->used;
        ssize_t result = decode_once(&outcome->decoder, bytes + outcome->used, waiting, &frame);

        if (result == 0) {
            CHECK(waiting < TT_ALLOC_FRAME_MAX);
            return;
        }
        if (result > 0) {
            CHECK((size_t)result <= waiting);
            take_frame(outcome, &frame);
        } else if (result == -EBADMSG) {
            result = outcome->decoder.frame_size;
            CHECK((result == 72 || result == 112 || result == 144) && (size_t)result <= waiting);
            outcome->bad++;
        } else {
            CHECK(result == -EPROTO);
            outcome->is_broken = true;
            return;
        }
        outcome->used += (size_t)result;
    }
}

static struct outcome *outcome_new(void)
{
    struct outcome *outcome = calloc(1, sizeof(*outcome));

    CHECK(outcome);
    return outcome;
}

/* at: where the first piece begins. */
static void decode_pieces(struct outcome *outcome, const uint8_t *bytes, size_t size, size_t at, uint32_t seed)
{
    while (seed && at < size) {
        seed = seed * 1103515245 + 12345;
        at += (seed >> 16) % 200;
        if (at < size)
            decode_up_to(outcome, bytes, at);
    }
    decode_up_to(outcome, bytes, size);
}

/* first: where the first cut may be at the earliest. */
static struct outcome *decode_cut(const uint8_t *bytes, size_t size, size_t first, uint32_t seed)
{
    struct outcome *outcome = outcome_new();

    decode_pieces(outcome, bytes, size, first, seed);
    return outcome;
}

static struct outcome *decode_cut_behind_head(const uint8_t *bytes, size_t size, uint32_t seed)
{
    struct outcome *outcome = outcome_new();

    if (size > TT_ALLOC_FRAME_72)
        decode_up_to(outcome, bytes, TT_ALLOC_FRAME_72);
    decode_pieces(outcome, bytes, size, TT_ALLOC_FRAME_MAX, seed);
    return outcome;
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
    CHECK(a->count == b->count && a->bad == b->bad && a->is_broken == b->is_broken && a->used == b->used);
    for (size_t i = 0; i < a->count; i++)
        CHECK(memcmp(a->frames[i].bytes, b->frames[i].bytes, TT_ALLOC_FRAME_112) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome *whole, *late, *head, *anywhere;
    uint32_t seed;

    if (size < sizeof(seed) || size > INPUT_MAX)
        return 0;
    memcpy(&seed, data, sizeof(seed));
    data += sizeof(seed);
    size -= sizeof(seed);

    whole = decode_cut(data, size, 0, 0);
    late = decode_cut(data, size, TT_ALLOC_FRAME_MAX, seed | 1);
    head = decode_cut_behind_head(data, size, seed | 1);
    anywhere = decode_cut(data, size, 0, seed | 1);
    check_same(whole, late);
    if (whole->decoder.frame_size > 0 && !whole->is_broken) {
        check_same(whole, head);
        if (whole->decoder.frame_size < TT_ALLOC_FRAME_144)
            check_same(whole, anywhere);
    }
    free(whole);
    free(late);
    free(head);
    free(anywhere);
    return 0;
}
