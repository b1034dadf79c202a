/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_protocol */

/*
 * The three layouts of a reply. Expected bytes are written at the offsets of PROTOCOL.md, not with the structs.
 */

#include "tests/unit/fixture.h"

#include <string.h>

#include "protocol/reply.h"

static const struct tt_alloc_message_144 reply = {
    .head = {.type = TT_ALLOC_RESPONSE,
             .device_id = 0x01020304,
             .dram_allocated = 0x1111111111111111,
             .l1_allocated = 0x2222222222222222,
             .l1_small_allocated = 0x3333333333333333,
             .trace_allocated = 0x4444444444444444},
    .cb_allocated = 0x5555555555555555,
    .kernel_allocated = 0x6666666666666666,
    .info = {.total_dram_size = 0x7777777777777777,
             .total_l1_size = 0x0888888888888888,
             .arch_type = 9,
             .num_dram_channels = 10,
             .dram_size_per_channel = 11,
             .l1_size_per_core = 12,
             .is_available = 13,
             .num_devices = 14},
};

static void put(uint8_t *bytes, size_t at, uint64_t value, size_t width)
{
    memcpy(bytes + at, &value, width); /* host byte order, as on the wire; little-endian hosts only */
}

static void put_head(uint8_t *bytes)
{
    put(bytes, 0, TT_ALLOC_RESPONSE, 1);
    put(bytes, 4, 0x01020304, 4);
    put(bytes, 40, 0x1111111111111111, 8);
    put(bytes, 48, 0x2222222222222222, 8);
    put(bytes, 56, 0x3333333333333333, 8);
    put(bytes, 64, 0x4444444444444444, 8);
}

static void put_info(uint8_t *bytes, size_t at)
{
    put(bytes, at, 0x7777777777777777, 8);
    put(bytes, at + 8, 0x0888888888888888, 8);
    for (size_t i = 0; i < 6; i++)
        put(bytes, at + 16 + 4 * i, 9 + i, 4);
}

/* Lays the reply out and compares; the byte behind it must stay. */
static void assert_layout(size_t frame_size, const uint8_t *expected)
{
    uint8_t bytes[TT_ALLOC_FRAME_MAX + 1];

    memset(bytes, 0xa5, sizeof(bytes));
    assert_int_equal(tt_alloc_lay_out_reply(&reply, frame_size, bytes), frame_size);
    assert_memory_equal(bytes, expected, frame_size);
    assert_int_equal(bytes[frame_size], 0xa5);
}

static void test_72(void **state)
{
    uint8_t expected[72] = {0};

    (void)state;
    put_head(expected);
    assert_layout(72, expected);
}

static void test_112(void **state)
{
    uint8_t expected[112] = {0};

    (void)state;
    put_head(expected);
    put_info(expected, 72);
    assert_layout(112, expected);
}

static void test_144(void **state)
{
    uint8_t expected[144] = {0};

    (void)state;
    put_head(expected);
    put(expected, 72, 0x5555555555555555, 8);
    put(expected, 80, 0x6666666666666666, 8);
    put_info(expected, 88);
    assert_layout(144, expected);
}

/* What was sent as the head of a longer reply can be completed. */
static void test_heads_are_alike(void **state)
{
    uint8_t a[TT_ALLOC_FRAME_MAX], b[TT_ALLOC_FRAME_MAX], c[TT_ALLOC_FRAME_MAX];

    (void)state;
    tt_alloc_lay_out_reply(&reply, 72, a);
    tt_alloc_lay_out_reply(&reply, 112, b);
    tt_alloc_lay_out_reply(&reply, 144, c);
    assert_memory_equal(a, b, 72);
    assert_memory_equal(a, c, 72);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_72),
        FIXTURE(test_112),
        FIXTURE(test_144),
        FIXTURE(test_heads_are_alike),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
