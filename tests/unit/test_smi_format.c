/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_smi_core */

/* Sizes, ages and bars; and what becomes of text that a hostile process chose. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smi/cli/suggest.h"
#include "smi/text/format.h"
#include "smi/text/text.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_sizes(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0"},
        {1, "1B"},
        {812, "812B"},
        {1023, "1023B"},
        {1024, "1.0K"},
        {102348, "99.9K"},
        {102400, "100K"},
        {1023 * 1024 + 511, "1023K"},
        {1023 * 1024 + 512, "1.0M"},
        {38168166, "36.4M"},
        {UINT64_C(641728512), "612M"},
        {UINT64_C(9019431322), "8.4G"},
        {UINT64_C(1) << 40, "1.0T"},
        {UINT64_MAX, "16.0E"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(format_size(cases[i].bytes).text, cases[i].text);
}

static void test_sizes_have_five_characters_at_most(void **state)
{
    (void)state;
    for (unsigned shift = 0; shift < 64; shift++) {
        for (int nudge = -2; nudge <= 2; nudge++) {
            uint64_t bytes = (UINT64_C(1) << shift) + (uint64_t)(int64_t)nudge;

            assert_in_range(strlen(format_size(bytes).text), 1, 5);
            assert_in_range(strlen(format_size(bytes / 10 * 9).text), 1, 5);
        }
    }
}

static void test_shares(void **state)
{
    (void)state;
    assert_string_equal(format_share(UINT64_C(9019431322), UINT64_C(12240656794)).text, "8.4/11.4G");
    assert_string_equal(format_share(UINT64_C(200) << 20, UINT64_C(576) << 20).text, "200/576M");
    assert_string_equal(format_share(UINT64_C(612) << 20, UINT64_C(12) << 30).text, "612M/12.0G");
    assert_string_equal(format_share(0, UINT64_C(12) << 30).text, "0/12.0G");
    assert_string_equal(format_share(5, 0).text, "5B/0");
}

static void test_counts(void **state)
{
    (void)state;
    assert_string_equal(format_count(0).text, "0");
    assert_string_equal(format_count(999).text, "999");
    assert_string_equal(format_count(2914).text, "2,914");
    assert_string_equal(format_count(1000000).text, "1,000,000");
    assert_string_equal(format_count(UINT64_MAX).text, "18,446,744,073,709,551,615");
}

static void test_ages(void **state)
{
    (void)state;
    assert_string_equal(format_age(0).text, "0s");
    assert_string_equal(format_age(60 * SECOND - 1).text, "59s");
    assert_string_equal(format_age(303 * SECOND).text, "5m03s");
    assert_string_equal(format_age(3599 * SECOND).text, "59m59s");
    assert_string_equal(format_age(4320 * SECOND).text, "1h12m");
    assert_string_equal(format_age(274320 * SECOND).text, "3d04h");
    assert_string_equal(format_age(UINT64_C(123) * 86400 * SECOND).text, "123d");
    assert_string_equal(format_age(UINT64_MAX).text, "213503d");
}

static void test_moments(void **state)
{
    uint64_t moment = UINT64_C(1795356191) * SECOND + 482999999;

    (void)state;
    assert_string_equal(format_iso(moment).text, "2026-11-22T14:03:11.482Z");
    assert_string_equal(format_clock(moment, moment + 60 * SECOND).text, "14:03:11");
    assert_string_equal(format_clock(moment, moment + 86400 * SECOND).text, "11-22 14:03");
}

static void test_pci(void **state)
{
    (void)state;
    assert_string_equal(format_pci(0x0900).text, "0000:09:00.0");
    assert_string_equal(format_pci(0x0001u << 16 | 0xc1 << 8 | 0x1f << 3 | 7).text, "0001:c1:1f.7");
}

static void test_bars(void **state)
{
    (void)state;
    assert_string_equal(format_bar(0, 100, 10, false).text, "----------");
    assert_string_equal(format_bar(4, 100, 10, false).text, "----------");
    assert_string_equal(format_bar(5, 100, 10, false).text, "#---------");
    assert_string_equal(format_bar(74, 100, 10, false).text, "#######---");
    assert_string_equal(format_bar(250, 100, 10, false).text, "##########");
    assert_string_equal(format_bar(5, 0, 5, false).text, "-----");
    assert_string_equal(format_bar(40, 100, 5, true).text, "██░░░");
    assert_int_equal(strlen(format_bar(1, 1, BAR_CELLS_MAX, true).text), 3 * BAR_CELLS_MAX);
}

static void check_escape(const char *text, bool utf8, const char *expected)
{
    char *escaped = text_escape(text, utf8);

    assert_non_null(escaped);
    assert_string_equal(escaped, expected);
    free(escaped);
}

static void test_escaping(void **state)
{
    (void)state;
    check_escape("python serve.py", true, "python serve.py");
    check_escape("a\nb\tc\r\033[2J\x7f", true, "a\\nb\\tc\\x0d\\x1b[2J\\x7f");
    check_escape("caf\u00e9 \u4e2d", true, "caf\u00e9 \u4e2d");
    check_escape("caf\u00e9 \u4e2d", false, "caf\\u00e9 \\u4e2d");
    check_escape("\xc2\x9b"
                 "31m",
                 true, "\\u009b31m");                         /* a control sequence begins in one character */
    check_escape("a\u202eb\u200b", true, "a\\u202eb\\u200b"); /* would turn the line around, would hide */
    check_escape("\U0001f600", false, "\\U0001f600");
    check_escape("\xff\xc0\x80\xed\xa0\x80\xf5\x80\x80\x80", true,
                 "\\xff\\xc0\\x80\\xed\\xa0\\x80\\xf5\\x80\\x80\\x80");
    check_escape("cut \xe4\xb8", true, "cut \\xe4\\xb8");
}

static void test_repair(void **state)
{
    char *repaired = text_repair("a\xff\u00e9\n\xe4\xb8");

    (void)state;
    assert_non_null(repaired);
    assert_string_equal(repaired, "a\ufffd\u00e9\n\ufffd\ufffd");
    free(repaired);
}

static void test_width(void **state)
{
    (void)state;
    assert_int_equal(text_width(""), 0);
    assert_int_equal(text_width("caf\u00e9"), 4);
    assert_int_equal(text_width("\u4e2d\u6587"), 4);
    assert_int_equal(text_fit("abc", 2), 2);
    assert_int_equal(text_fit("abc", 9), 3);
    assert_int_equal(text_fit("\u4e2d\u6587", 3), 3); /* half a character does not fit */
    assert_int_equal(text_fit("e\u0301x", 1), 3);     /* an accent belongs to what it stands on */
}

static void test_every_byte_sequence_decodes_or_not(void **state)
{
    (void)state;
    for (uint32_t bytes = 0; bytes < UINT32_C(1) << 24; bytes += 7) {
        char text[] = {(char)(bytes >> 16), (char)(bytes >> 8), (char)bytes};
        uint32_t character = UINT32_MAX;
        size_t size = utf8_decode(text, sizeof(text), &character);

        assert_in_range(size, 0, 3);
        assert_true(size == 0 ? character == UINT32_MAX : character < 0xd800 || character > 0xdfff);
    }
}

static void test_suggestions(void **state)
{
    static const char *const words[] = {"leaks", "exited", "json"};

    (void)state;
    assert_string_equal(suggest("leeks", words, COUNT(words)), "leaks");
    assert_string_equal(suggest("jsno", words, COUNT(words)), "json");
    assert_null(suggest("banana", words, COUNT(words)));
    assert_null(suggest("a-word-much-longer-than-any-option-that-there-is", words, COUNT(words)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),       cmocka_unit_test(test_sizes_have_five_characters_at_most),
        cmocka_unit_test(test_shares),      cmocka_unit_test(test_counts),
        cmocka_unit_test(test_ages),        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_pci),         cmocka_unit_test(test_bars),
        cmocka_unit_test(test_escaping),    cmocka_unit_test(test_repair),
        cmocka_unit_test(test_width),       cmocka_unit_test(test_every_byte_sequence_decodes_or_not),
        cmocka_unit_test(test_suggestions),
    };

    setenv("TZ", "UTC", 1);
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
