/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_host */

/*
 * What cards have, by the texts that drivers call them.
 */

#include "tests/unit/fixture.h"

#include <string.h>

#include "host/host.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define WORMHOLE_DRAM UINT64_C(12884901888)
#define BLACKHOLE_DRAM UINT64_C(34225520640)

static void test_what_each_card_has(void **state)
{
    static const struct host_card cards[] = {
        {"n150", "wormhole_b0", 1, 72, 1499136, 107937792, 12, WORMHOLE_DRAM},
        {"n300", "wormhole_b0", 2, 64, 1499136, 95944704, 12, WORMHOLE_DRAM},
        {"galaxy-wormhole", "wormhole_b0", 32, 80, 1499136, 119930880, 12, WORMHOLE_DRAM},
        {"p100", "blackhole", 1, 120, 1572864, 188743680, 7, UINT64_C(29947330560)},
        {"p150", "blackhole", 1, 120, 1572864, 188743680, 8, BLACKHOLE_DRAM},
        {"p300", "blackhole", 2, 120, 1572864, 188743680, 8, BLACKHOLE_DRAM},
        {"galaxy-blackhole", "blackhole", 32, 130, 1572864, 204472320, 8, BLACKHOLE_DRAM},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cards); i++) {
        const struct host_card *card = host_card_by_type(cards[i].type);

        assert_non_null(card);
        assert_string_equal(card->type, cards[i].type);
        assert_string_equal(card->arch, cards[i].arch);
        assert_int_equal(card->chips, cards[i].chips);
        assert_int_equal(card->cores, cards[i].cores);
        assert_int_equal(card->l1_per_core, cards[i].l1_per_core);
        assert_int_equal(card->l1_size, cards[i].l1_size);
        assert_int_equal(card->dram_channels, cards[i].dram_channels);
        assert_int_equal(card->dram_size, cards[i].dram_size);
    }
}

static void test_other_texts_for_them(void **state)
{
    static const struct {
        const char *text, *type;
    } texts[] = {
        {"N300", "n300"},
        {"n300 L", "n300"},
        {"n300_r", "n300"},
        {"n300-l", "n300"},
        {"n150d", "n150"},
        {"p100a", "p100"},
        {"P100A", "p100"},
        {"p150a", "p150"},
        {"p150b", "p150"},
        {"p150c", "p150"},
        {"p300a", "p300"},
        {"p300b", "p300"},
        {"p300c", "p300"},
        {"p300a R", "p300"},
        {"tt-n300", "n300"},
        {"tt-galaxy-wh", "galaxy-wormhole"},
        {"Galaxy-Wormhole", "galaxy-wormhole"},
        {"tt-galaxy-bh", "galaxy-blackhole"},
        {"TT-GALAXY-BH", "galaxy-blackhole"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        const struct host_card *card = host_card_by_type(texts[i].text);

        if (!card)
            fail_msg("unknown: %s", texts[i].text);
        else
            assert_string_equal(card->type, texts[i].type);
    }
}

static void test_texts_that_are_no_card_of_ours(void **state)
{
    static const char *const texts[] = {
        "",       " ",       "n",      "n3",       "n30",      "n3000",   "n1500",   "p1500",
        "p150ab", "p150 ",   "p150a ", "p150a  L", "p150aLR",  "e150",    "tt-",     "tt-tt-n300",
        "galaxy", "unknown", "xn300",  " n300",    "n300\xff", "p150a-1", "galaxy-", "p150\x01",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        if (host_card_by_type(texts[i]))
            fail_msg("known: \"%s\"", texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_what_each_card_has),
        FIXTURE(test_other_texts_for_them),
        FIXTURE(test_texts_that_are_no_card_of_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
