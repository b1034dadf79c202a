/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_protocol */

/*
 * The decoder, fed as a session feeds it: what arrived and was not consumed is offered again with what arrives next. A
 * stream must mean the same however it is cut, within what PROTOCOL.md promises: 112-byte streams may be cut anywhere,
 * the two others anywhere behind their first frame.
 */

#include "tests/unit/fixture.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/decoder.h"

#define FRAMES_MAX 64
#define STREAM_MAX (FRAMES_MAX * TT_ALLOC_FRAME_MAX)

static const uint8_t types_72[] = {1, 2, 3, 5};
static const uint8_t types_144[] = {1, 2, 3, 5, 6, 8, 9, 10, 11, 12};
static const uint8_t types_112[] = {1,  2,  3,  5,  6,  8,  9,  10, 11, 12, 32, 34,
                                    40, 41, 42, 43, 44, 45, 46, 47, 48, 50, 51};
static const uint8_t first_types_112[] = {1, 2, 3, 5, 6, 32, 34, 40, 41, 42, 43, 44, 45, 46, 47, 48, 50, 51};

struct stream {
    uint8_t bytes[STREAM_MAX];
    size_t size;
};

/* What a stream was decoded to: frames, with those that came in two parts joined, and how it ended. */
struct decoded {
    struct tt_alloc_frame frames[FRAMES_MAX];
    size_t count;
    size_t bad;
    size_t heads, tails;
    int error; /* -EPROTO or 0 */
    size_t left;
    struct tt_alloc_decoder decoder;
};

static bool is_own(uint8_t type)
{
    return type >= TT_ALLOC_HELLO;
}

static bool contains(const uint8_t *types, size_t count, unsigned type)
{
    for (size_t i = 0; i < count; i++)
        if (types[i] == type)
            return true;
    return false;
}

static void fill(struct fixture_random *random, uint8_t *bytes, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        bytes[i] = (uint8_t)fixture_random(random);
}

/* Everything that a client may set is random: our own frames from byte 4 on, the older ones up to byte 40. */
static void append(struct stream *stream, struct fixture_random *random, uint8_t type, size_t frame_size)
{
    uint8_t *frame = stream->bytes + stream->size;

    assert_true(stream->size + frame_size <= sizeof(stream->bytes));
    memset(frame, 0, frame_size);
    fill(random, frame, 4, is_own(type) ? TT_ALLOC_FRAME_112 : 40);
    if (!is_own(type))
        memset(frame + 17, 0, 3);
    frame[0] = type;
    stream->size += frame_size;
}

static void take_frame(struct decoded *decoded, const struct tt_alloc_frame *frame)
{
    if (frame->part == TT_ALLOC_PART_TAIL) {
        decoded->tails++;
        assert_int_equal(decoded->count, 1);
        return;
    }
    assert_true(decoded->count < FRAMES_MAX);
    decoded->heads += frame->part == TT_ALLOC_PART_HEAD;
    decoded->frames[decoded->count] = *frame;
    decoded->frames[decoded->count].part = TT_ALLOC_PART_WHOLE;
    decoded->count++;
}

/* One call, which must leave *ret alone unless it returns a frame. */
static ssize_t decode_strictly(struct tt_alloc_decoder *decoder, const uint8_t *bytes, size_t size,
                               struct tt_alloc_frame *ret)
{
    struct tt_alloc_frame untouched;
    uint8_t *exact = malloc(size ? size : 1); /* so that a sanitizer sees a read behind the end */
    ssize_t result;

    assert_non_null(exact);
    if (size)
        memcpy(exact, bytes, size);
    memset(ret, 0xa5, sizeof(*ret));
    memset(&untouched, 0xa5, sizeof(untouched));
    result = tt_alloc_decode(decoder, exact, size, ret);
    if (result <= 0)
        assert_memory_equal(ret, &untouched, sizeof(untouched));
    assert_true(result <= (ssize_t)size);
    free(exact);
    return result;
}

/* Decodes what can be decoded of bytes[*used .. end). */
static void decode_up_to(struct decoded *decoded, const uint8_t *bytes, size_t *used, size_t end)
{
    while (decoded->error == 0) {
        struct tt_alloc_frame frame;
        ssize_t result = decode_strictly(&decoded->decoder, bytes + *used, end - *used, &frame);

        if (result == 0)
            return;
        if (result == -EBADMSG) {
            decoded->bad++;
            result = decoded->decoder.frame_size;
            assert_true(result > 0 && *used + (size_t)result <= end);
        } else if (result < 0) {
            assert_int_equal(result, -EPROTO);
            decoded->error = (int)result;
            return;
        } else
            take_frame(decoded, &frame);
        *used += (size_t)result;
    }
}

/* cuts: positions in rising order at which the stream pauses. */
static struct decoded *decode(const struct stream *stream, const size_t *cuts, size_t cut_count)
{
    struct decoded *decoded = calloc(1, sizeof(*decoded));
    size_t used = 0;

    assert_non_null(decoded);
    for (size_t i = 0; i < cut_count; i++)
        decode_up_to(decoded, stream->bytes, &used, cuts[i]);
    decode_up_to(decoded, stream->bytes, &used, stream->size);
    decoded->left = stream->size - used;
    return decoded;
}

static void assert_same(const struct decoded *a, const struct decoded *b)
{
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->bad, b->bad);
    assert_int_equal(a->error, b->error);
    assert_int_equal(a->left, b->left);
    for (size_t i = 0; i < a->count; i++)
        assert_memory_equal(a->frames[i].bytes, b->frames[i].bytes, TT_ALLOC_FRAME_112);
}

/* All of a valid stream came out, byte for byte. */
static void assert_decoded(const struct decoded *decoded, const struct stream *stream, size_t frame_size)
{
    assert_int_equal(decoded->error, 0);
    assert_int_equal(decoded->bad, 0);
    assert_int_equal(decoded->left, 0);
    assert_int_equal(decoded->count * frame_size, stream->size);
    for (size_t i = 0; i < decoded->count; i++) {
        uint8_t expected[TT_ALLOC_FRAME_112] = {0};
        size_t size = frame_size < TT_ALLOC_FRAME_112 ? frame_size : TT_ALLOC_FRAME_112;

        memcpy(expected, stream->bytes + i * frame_size, size);
        assert_memory_equal(decoded->frames[i].bytes, expected, sizeof(expected));
    }
}

static void assert_decodes(const struct stream *stream, size_t frame_size, const size_t *cuts, size_t cut_count)
{
    struct decoded *decoded = decode(stream, cuts, cut_count);

    assert_decoded(decoded, stream, frame_size);
    free(decoded);
}

/* ---- Whole frames ---- */

static void test_every_type_in_every_generation(void **state)
{
    static const struct {
        size_t frame_size;
        const uint8_t *types;
        size_t count;
        uint8_t first; /* a request that fixes the generation */
    } generations[] = {
        {72, types_72, sizeof(types_72), TT_ALLOC_ALLOC},
        {112, types_112, sizeof(types_112), TT_ALLOC_HELLO},
        {144, types_144, sizeof(types_144), TT_ALLOC_CB_ALLOC},
    };
    struct fixture_random random = {1};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (unsigned type = 0; type < 256; type++) {
            struct stream stream = {.size = 0};
            struct decoded *decoded;

            append(&stream, &random, generations[i].first, generations[i].frame_size);
            append(&stream, &random, (uint8_t)type, generations[i].frame_size);
            append(&stream, &random, TT_ALLOC_FREE, generations[i].frame_size);
            if (type == 0) /* a zero would make the first frame longer */
                stream.bytes[generations[i].frame_size] = 255;
            decoded = decode(&stream, NULL, 0);
            if (type && contains(generations[i].types, generations[i].count, type))
                assert_decoded(decoded, &stream, generations[i].frame_size);
            else {
                assert_int_equal(decoded->bad, 1);
                assert_int_equal(decoded->count, 2);
                assert_int_equal(decoded->error, 0);
                assert_int_equal(decoded->left, 0);
                assert_int_equal(decoded->frames[1].message.type, TT_ALLOC_FREE);
            }
            free(decoded);
        }
}

static void test_every_first_type(void **state)
{
    struct fixture_random random = {2};

    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        struct stream stream = {.size = 0};
        struct decoded *decoded;

        append(&stream, &random, (uint8_t)type, TT_ALLOC_FRAME_144);
        decoded = decode(&stream, NULL, 0);
        if (contains(types_144, sizeof(types_144), type))
            assert_decoded(decoded, &stream, TT_ALLOC_FRAME_144);
        else if (contains(types_112, sizeof(types_112), type)) {
            assert_int_equal(decoded->count, 1);
            assert_int_equal(decoded->decoder.frame_size, 112);
        } else {
            assert_int_equal(decoded->error, -EPROTO);
            assert_int_equal(decoded->count, 0);
        }
        free(decoded);
    }
}

static void test_a_first_byte_that_begins_nothing_is_refused_at_once(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        struct tt_alloc_decoder decoder = {0};
        struct tt_alloc_frame frame;
        uint8_t byte = (uint8_t)type;
        bool known = contains(types_112, sizeof(types_112), type);

        assert_int_equal(decode_strictly(&decoder, &byte, 1, &frame), known ? 0 : -EPROTO);
    }
}

/* ---- Cut and glued ---- */

static void test_112_cut_at_every_byte(void **state)
{
    struct fixture_random random = {3};

    (void)state;
    for (size_t first = 0; first < sizeof(first_types_112); first++) {
        struct stream stream = {.size = 0};

        append(&stream, &random, first_types_112[first], TT_ALLOC_FRAME_112);
        for (size_t i = 0; i < 6; i++)
            append(&stream, &random, types_112[(first + i) % sizeof(types_112)], TT_ALLOC_FRAME_112);
        for (size_t cut = 0; cut <= stream.size; cut++)
            assert_decodes(&stream, TT_ALLOC_FRAME_112, &cut, 1);
    }
}

static void test_112_types_8_to_12_after_hello_cut_at_every_byte(void **state)
{
    struct fixture_random random = {4};
    struct stream stream = {.size = 0};

    (void)state;
    append(&stream, &random, TT_ALLOC_HELLO, TT_ALLOC_FRAME_112);
    for (uint8_t type = TT_ALLOC_CB_ALLOC; type <= TT_ALLOC_DUMP_KERNELS; type++)
        append(&stream, &random, type, TT_ALLOC_FRAME_112);
    for (size_t cut = 0; cut <= stream.size; cut++)
        assert_decodes(&stream, TT_ALLOC_FRAME_112, &cut, 1);
}

static void test_112_byte_by_byte(void **state)
{
    struct fixture_random random = {5};

    (void)state;
    for (size_t first = 0; first < sizeof(first_types_112); first++) {
        struct stream stream = {.size = 0};
        size_t cuts[3 * TT_ALLOC_FRAME_112];

        append(&stream, &random, first_types_112[first], TT_ALLOC_FRAME_112);
        append(&stream, &random, TT_ALLOC_ALLOC, TT_ALLOC_FRAME_112);
        append(&stream, &random, TT_ALLOC_QUERY, TT_ALLOC_FRAME_112);
        for (size_t i = 0; i < stream.size; i++)
            cuts[i] = i + 1;
        assert_decodes(&stream, TT_ALLOC_FRAME_112, cuts, stream.size);
    }
}

/* The first frame in one piece, then a cut at every byte. */
static void assert_cut_behind_first(const uint8_t *types, size_t count, size_t frame_size)
{
    struct fixture_random random = {frame_size};

    for (size_t first = 0; first < count; first++) {
        struct stream stream = {.size = 0};

        for (size_t i = 0; i < 5; i++)
            append(&stream, &random, types[(first + i) % count], frame_size);
        for (size_t cut = frame_size; cut <= stream.size; cut++) {
            size_t cuts[] = {frame_size, cut};

            assert_decodes(&stream, frame_size, &cut, 1);
            assert_decodes(&stream, frame_size, cuts, 2);
        }
    }
}

static void test_72_cut_behind_the_first_frame(void **state)
{
    (void)state;
    assert_cut_behind_first(types_72, sizeof(types_72), TT_ALLOC_FRAME_72);
}

static void test_144_cut_behind_the_first_frame(void **state)
{
    (void)state;
    assert_cut_behind_first(types_144, sizeof(types_144), TT_ALLOC_FRAME_144);
}

/* 8..12 decide for 144 with their first byte, so even the first frame may be cut. */
static void test_144_that_begins_with_its_own_types_may_be_cut_anywhere(void **state)
{
    struct fixture_random random = {6};

    (void)state;
    for (uint8_t type = TT_ALLOC_CB_ALLOC; type <= TT_ALLOC_DUMP_KERNELS; type++) {
        struct stream stream = {.size = 0};

        append(&stream, &random, type, TT_ALLOC_FRAME_144);
        append(&stream, &random, TT_ALLOC_FREE, TT_ALLOC_FRAME_144);
        for (size_t cut = 0; cut <= stream.size; cut++)
            assert_decodes(&stream, TT_ALLOC_FRAME_144, &cut, 1);
    }
}

static void random_stream(struct fixture_random *random, struct stream *stream, size_t frame_size)
{
    size_t frames = 1 + fixture_below(random, FRAMES_MAX - 1);

    stream->size = 0;
    for (size_t i = 0; i < frames; i++) {
        uint8_t type;

        if (frame_size == TT_ALLOC_FRAME_72)
            type = types_72[fixture_below(random, sizeof(types_72))];
        else if (frame_size == TT_ALLOC_FRAME_144)
            type = types_144[fixture_below(random, sizeof(types_144))];
        else if (i == 0)
            type = first_types_112[fixture_below(random, sizeof(first_types_112))];
        else
            type = types_112[fixture_below(random, sizeof(types_112))];
        append(stream, random, type, frame_size);
    }
}

static void test_random_streams_in_random_pieces(void **state)
{
    static const size_t frame_sizes[] = {72, 112, 144};
    struct fixture_random random = {7};
    struct stream *stream = malloc(sizeof(*stream));

    (void)state;
    assert_non_null(stream);
    for (size_t round = 0; round < 1500; round++) {
        size_t frame_size = frame_sizes[round % 3];
        size_t cuts[200], count = 0, at;

        random_stream(&random, stream, frame_size);
        at = frame_size == TT_ALLOC_FRAME_112 ? fixture_below(&random, 150) : frame_size + fixture_below(&random, 150);
        for (; at < stream->size && count < 200; at += fixture_below(&random, 300))
            cuts[count++] = at;
        assert_decodes(stream, frame_size, NULL, 0);
        assert_decodes(stream, frame_size, cuts, count);
    }
    free(stream);
}

static void test_bursts(void **state)
{
    struct fixture_random random = {8};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        static const size_t frame_sizes[] = {72, 112, 144};
        struct stream stream = {.size = 0};

        for (size_t frame = 0; frame < FRAMES_MAX; frame++)
            append(&stream, &random, frame % 2 ? TT_ALLOC_FREE : TT_ALLOC_ALLOC, frame_sizes[i]);
        assert_decodes(&stream, frame_sizes[i], NULL, 0);
    }
}

/* ---- Head and tail ---- */

static void test_head_then_tail(void **state)
{
    static const size_t frame_sizes[] = {112, 144};
    struct fixture_random random = {9};

    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (size_t type = 0; type < sizeof(types_72); type++) {
            struct tt_alloc_decoder decoder = {0};
            struct tt_alloc_frame frame;
            struct stream stream = {.size = 0};
            size_t rest = frame_sizes[i] - TT_ALLOC_FRAME_72;

            append(&stream, &random, types_72[type], frame_sizes[i]);
            assert_int_equal(decode_strictly(&decoder, stream.bytes, 72, &frame), 72);
            assert_int_equal(frame.part, TT_ALLOC_PART_HEAD);
            assert_memory_equal(frame.bytes, stream.bytes, 72);
            assert_int_equal(decoder.frame_size, 0);
            assert_int_equal(decode_strictly(&decoder, stream.bytes + 72, 0, &frame), 0);
            assert_int_equal(decode_strictly(&decoder, stream.bytes + 72, 39, &frame), 0);
            assert_int_equal(decode_strictly(&decoder, stream.bytes + 72, rest, &frame), rest);
            assert_int_equal(frame.part, TT_ALLOC_PART_TAIL);
            assert_int_equal(decoder.frame_size, frame_sizes[i]);
        }
}

static void test_head_that_was_whole(void **state)
{
    struct fixture_random random = {10};
    struct tt_alloc_decoder decoder = {0};
    struct tt_alloc_frame frame;
    struct stream stream = {.size = 0};

    (void)state;
    append(&stream, &random, TT_ALLOC_QUERY, 72);
    append(&stream, &random, TT_ALLOC_QUERY, 72);
    assert_int_equal(decode_strictly(&decoder, stream.bytes, 72, &frame), 72);
    assert_int_equal(frame.part, TT_ALLOC_PART_HEAD);
    assert_int_equal(decode_strictly(&decoder, stream.bytes + 72, 1, &frame), 0);
    assert_int_equal(decoder.frame_size, 72);
    assert_int_equal(decode_strictly(&decoder, stream.bytes + 72, 72, &frame), 72);
    assert_int_equal(frame.part, TT_ALLOC_PART_WHOLE);
    assert_memory_equal(frame.bytes, stream.bytes + 72, 72);
}

static void test_zeros_behind_a_head_that_end_nowhere(void **state)
{
    struct fixture_random random = {11};

    (void)state;
    for (size_t zeros = 1; zeros < TT_ALLOC_FRAME_144 - TT_ALLOC_FRAME_72; zeros++) {
        struct tt_alloc_decoder decoder = {0};
        struct tt_alloc_frame frame;
        struct stream stream = {.size = 0};
        uint8_t behind[TT_ALLOC_FRAME_144] = {0};

        append(&stream, &random, TT_ALLOC_QUERY, 72);
        behind[zeros] = TT_ALLOC_QUERY;
        assert_int_equal(decode_strictly(&decoder, stream.bytes, 72, &frame), 72);
        assert_int_equal(decode_strictly(&decoder, behind, zeros + 1, &frame), zeros == 40 ? 40 : -EPROTO);
    }
}

/* A device info query does not exist in the 72-byte generation: its first 72 bytes are never a whole frame. */
static void test_device_info_query_has_no_head(void **state)
{
    struct fixture_random random = {12};
    struct tt_alloc_decoder decoder = {0};
    struct tt_alloc_frame frame;
    struct stream stream = {.size = 0};

    (void)state;
    append(&stream, &random, TT_ALLOC_DEVICE_INFO_QUERY, 112);
    assert_int_equal(decode_strictly(&decoder, stream.bytes, 72, &frame), 0);
    assert_int_equal(decode_strictly(&decoder, stream.bytes, 112, &frame), 112);
    assert_int_equal(frame.part, TT_ALLOC_PART_WHOLE);

    stream.bytes[72] = TT_ALLOC_QUERY;
    decoder = (struct tt_alloc_decoder){0};
    assert_int_equal(decode_strictly(&decoder, stream.bytes, 112, &frame), -EPROTO);
}

/* ---- Bad frames ---- */

/* Of a legacy first frame, bytes 72.. up to another one must be zero. */
static void test_a_first_frame_of_no_length(void **state)
{
    struct fixture_random random = {13};

    (void)state;
    for (size_t at = 73; at < TT_ALLOC_FRAME_144; at++) {
        struct tt_alloc_decoder decoder = {0};
        struct tt_alloc_frame frame;
        struct stream stream = {.size = 0};

        append(&stream, &random, TT_ALLOC_ALLOC, 144);
        stream.bytes[at] = 1;
        assert_int_equal(decode_strictly(&decoder, stream.bytes, 144, &frame), at == 112 ? 112 : -EPROTO);
    }
}

static void test_padding_must_be_zero(void **state)
{
    static const size_t padding[] = {1, 2, 3, 17, 18, 19};
    static const struct {
        uint8_t type;
        size_t frame_size;
    } firsts[] = {{TT_ALLOC_ALLOC, 72}, {TT_ALLOC_HELLO, 112}, {TT_ALLOC_KERNEL_LOAD, 144}};
    struct fixture_random random = {14};

    (void)state;
    for (size_t first = 0; first < 3; first++)
        for (size_t i = 0; i < 6; i++) {
            struct stream stream = {.size = 0};
            struct decoded *decoded;

            append(&stream, &random, firsts[first].type, firsts[first].frame_size);
            append(&stream, &random, TT_ALLOC_ALLOC, firsts[first].frame_size);
            append(&stream, &random, TT_ALLOC_FREE, firsts[first].frame_size);
            stream.bytes[firsts[first].frame_size + padding[i]] = 1;
            decoded = decode(&stream, NULL, 0);
            assert_int_equal(decoded->bad, 1);
            assert_int_equal(decoded->count, 2);
            assert_int_equal(decoded->frames[1].message.type, TT_ALLOC_FREE);
            free(decoded);
        }
}

/* Without a generation there is nothing to skip by; with one, the frame is skipped. */
static void test_padding_of_the_first_frame(void **state)
{
    struct fixture_random random = {15};
    struct stream stream = {.size = 0};
    struct tt_alloc_decoder decoder = {0};
    struct tt_alloc_frame frame;

    (void)state;
    append(&stream, &random, TT_ALLOC_ALLOC, 112);
    stream.bytes[1] = 1;
    assert_int_equal(decode_strictly(&decoder, stream.bytes, 112, &frame), -EPROTO);

    stream.bytes[0] = TT_ALLOC_LIST_FIGURES;
    decoder = (struct tt_alloc_decoder){0};
    assert_int_equal(decode_strictly(&decoder, stream.bytes, 111, &frame), 0);
    assert_int_equal(decode_strictly(&decoder, stream.bytes, 112, &frame), -EBADMSG);
    assert_int_equal(decoder.frame_size, 112);
}

/* Whatever the bytes are, the verdict does not depend on how they were cut once 144 of them came at once. */
static void test_garbage_means_the_same_in_pieces(void **state)
{
    struct fixture_random random = {16};
    struct stream *stream = malloc(sizeof(*stream));

    (void)state;
    assert_non_null(stream);
    for (size_t round = 0; round < 3000; round++) {
        static const size_t frame_sizes[] = {72, 112, 144};
        struct decoded *whole, *cut;
        size_t cuts[100], count = 0;

        random_stream(&random, stream, frame_sizes[round % 3]);
        for (size_t flips = fixture_below(&random, 6); flips > 0; flips--)
            stream->bytes[fixture_below(&random, stream->size)] = (uint8_t)fixture_random(&random);
        for (size_t at = TT_ALLOC_FRAME_144; at < stream->size && count < 100; at += 1 + fixture_below(&random, 200))
            cuts[count++] = at;
        whole = decode(stream, NULL, 0);
        cut = decode(stream, cuts, count);
        assert_same(whole, cut);
        free(whole);
        free(cut);
    }
    free(stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_every_type_in_every_generation),
        FIXTURE(test_every_first_type),
        FIXTURE(test_a_first_byte_that_begins_nothing_is_refused_at_once),
        FIXTURE(test_112_cut_at_every_byte),
        FIXTURE(test_112_types_8_to_12_after_hello_cut_at_every_byte),
        FIXTURE(test_112_byte_by_byte),
        FIXTURE(test_72_cut_behind_the_first_frame),
        FIXTURE(test_144_cut_behind_the_first_frame),
        FIXTURE(test_144_that_begins_with_its_own_types_may_be_cut_anywhere),
        FIXTURE(test_random_streams_in_random_pieces),
        FIXTURE(test_bursts),
        FIXTURE(test_head_then_tail),
        FIXTURE(test_head_that_was_whole),
        FIXTURE(test_zeros_behind_a_head_that_end_nowhere),
        FIXTURE(test_device_info_query_has_no_head),
        FIXTURE(test_a_first_frame_of_no_length),
        FIXTURE(test_padding_must_be_zero),
        FIXTURE(test_padding_of_the_first_frame),
        FIXTURE(test_garbage_means_the_same_in_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
