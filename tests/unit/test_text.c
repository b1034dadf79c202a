/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_server_core */

/*
 * Sizes, ages and names as the log shows them.
 */

#include "tests/unit/fixture.h"

#include <string.h>

#include "server/text.h"

#define KIB UINT64_C(1024)
#define SECOND UINT64_C(1000000000)

static void test_sizes(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {1, "1 B"},
        {812, "812 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1536, "1.5 KiB"},
        {10 * KIB, "10 KiB"},
        {768 * KIB, "768 KiB"},
        {1023 * KIB, "1023 KiB"},
        {1024 * KIB - 1, "1.0 MiB"},
        {4 * KIB * KIB, "4.0 MiB"},
        {10188 * KIB, "9.9 MiB"},
        {10200 * KIB, "10 MiB"},
        {12 * KIB * KIB * KIB, "12 GiB"},
        {KIB * KIB * KIB * KIB, "1.0 TiB"},
        {KIB * KIB * KIB * KIB * KIB, "1.0 PiB"},
        {INT64_MAX, "8.0 EiB"},
        {UINT64_MAX, "16 EiB"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[TEXT_SIZE];

        assert_ptr_equal(text_size(cases[i].bytes, out), out);
        assert_string_equal(out, cases[i].text);
    }
}

static void test_ages(void **state)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        {0, "0s"},
        {SECOND - 1, "0s"},
        {15 * SECOND, "15s"},
        {60 * SECOND - 1, "59s"},
        {60 * SECOND, "1m00s"},
        {303 * SECOND, "5m03s"},
        {3599 * SECOND, "59m59s"},
        {3600 * SECOND, "1h00m"},
        {72 * 60 * SECOND, "1h12m"},
        {86400 * SECOND, "1d00h"},
        {(3 * 24 + 4) * 3600 * SECOND, "3d04h"},
        {UINT64_MAX, "213503d23h"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[TEXT_SIZE];

        assert_ptr_equal(text_age(cases[i].ns, out), out);
        assert_string_equal(out, cases[i].text);
    }
}

/* No size is too long, none has a fourth digit but those just below the next unit. */
static void test_any_size_fits(void **state)
{
    struct fixture_random random = {1};

    (void)state;
    for (size_t i = 0; i < 100000; i++) {
        char out[TEXT_SIZE];

        text_size(fixture_random(&random) >> fixture_below(&random, 64), out);
        assert_true(strlen(out) <= strlen("1023 KiB"));
        text_age(fixture_random(&random) >> fixture_below(&random, 64), out);
        assert_true(strlen(out) <= strlen("213503d23h"));
    }
}

static void test_regions(void **state)
{
    static const char *const names[] = {"DRAM", "L1", "SYSTEM_MEMORY", "L1_SMALL", "TRACE", "CB", "KERNEL"};

    (void)state;
    for (uint8_t region = 0; region < 7; region++)
        assert_string_equal(text_region(region), names[region]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_sizes),
        FIXTURE(test_ages),
        FIXTURE(test_any_size_fits),
        FIXTURE(test_regions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
