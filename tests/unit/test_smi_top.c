/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_smi_core */

/* Groups of buffers: what belongs together, what comes first, and what is written about it. */

#include "tests/unit/fixture.h"

#include "smi/json/top.h"
#include "smi/sample/users.h"
#include "smi/text/text.h"
#include "smi/views/views.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/test_smi_sample.h"

#define SERVE 1 /* the sample's serials: pid 41772, 51203 and one that it does not know */
#define TESTS 2
#define NEW 9

#define BUFFER(owner, where, what, id, bytes, seconds)                                                                 \
    {                                                                                                                  \
        .serial = (owner),                                                                                             \
        .pid = (owner) == SERVE   ? 41772                                                                              \
               : (owner) == TESTS ? 51203                                                                              \
                                  : 60000,                                                                             \
        .device = (where), .region = (what), .buffer_id = (id), .size = (bytes), .age = (seconds)*SECOND,              \
        .references = 1                                                                                                \
    }

static const struct tt_alloc_buffer some[] = {
    BUFFER(SERVE, 0, TT_ALLOC_DRAM, 0x1000, 64 * MIB, 50),
    BUFFER(TESTS, 1, TT_ALLOC_L1, 0x10, 4096, 240),
    BUFFER(SERVE, 0, TT_ALLOC_DRAM, 0x2000, 64 * MIB, 90),
    BUFFER(SERVE, 1, TT_ALLOC_DRAM, 0x3000, 64 * MIB, 10),
    BUFFER(SERVE, 0, TT_ALLOC_DRAM, 0x4000, 32 * MIB, 20),
    BUFFER(TESTS, 1, TT_ALLOC_DRAM, 0x10, 256 * MIB, 5),
    BUFFER(SERVE, 0, TT_ALLOC_TRACE, 0x5000, 64 * MIB, 60),
    BUFFER(SERVE, 0, TT_ALLOC_L1, 0x1000, 64 * MIB, 70),
    BUFFER(NEW, 0, TT_ALLOC_KERNEL, 7, 1024, 1),
};

static struct top make_top(const struct tt_alloc_buffer *buffers, size_t count, bool each, enum top_order by,
                           size_t most)
{
    struct top top = {
        .buffers = calloc(count + 1, sizeof(*top.buffers)), .buffer_count = count, .each = each, .by = by};

    assert_non_null(top.buffers);
    for (size_t i = 0; i < count; i++)
        top.buffers[i] = &buffers[i];
    assert_int_equal(top_arrange(&top, most), 0);
    return top;
}

static void check_group(const struct top *top, size_t index, uint64_t serial, size_t count, uint64_t bytes,
                        uint64_t seconds)
{
    const struct buffer_group *group = &top->groups[index];

    assert_int_equal(group->buffers[0]->serial, serial);
    assert_int_equal(group->count, count);
    assert_int_equal(group->bytes, bytes);
    assert_int_equal(group->oldest, seconds * SECOND);
}

/* One process, device, region and size: anything else is another group. */
static void test_groups(void **state)
{
    struct top top = make_top(some, SAMPLE_COUNT(some), false, TOP_BY_SIZE, 3);

    (void)state;
    assert_int_equal(top.group_count, 8);
    assert_int_equal(top.shown, 3);
    check_group(&top, 0, TESTS, 1, 256 * MIB, 5);
    check_group(&top, 1, SERVE, 2, 128 * MIB, 90);
    check_group(&top, 2, SERVE, 1, 64 * MIB, 70); /* equals by device and region */
    assert_int_equal(top.groups[2].buffers[0]->region, TT_ALLOC_L1);
    assert_int_equal(top.groups[3].buffers[0]->region, TT_ALLOC_TRACE);
    assert_int_equal(top.groups[4].buffers[0]->device, 1);
    check_group(&top, 7, NEW, 1, 1024, 1);
    top_clear(&top);
}

static void test_by_age(void **state)
{
    struct top top = make_top(some, SAMPLE_COUNT(some), false, TOP_BY_AGE, 20);

    (void)state;
    assert_int_equal(top.shown, 8);
    check_group(&top, 0, TESTS, 1, 4096, 240);
    check_group(&top, 1, SERVE, 2, 128 * MIB, 90);
    check_group(&top, 7, NEW, 1, 1024, 1);
    top_clear(&top);
}

/* A process's bytes of one pool, never of two; and its lines stand together. */
static void test_by_owner(void **state)
{
    struct top top = make_top(some, SAMPLE_COUNT(some), false, TOP_BY_OWNER, 20);

    (void)state;
    assert_int_equal(top.group_count, 5);
    check_group(&top, 0, SERVE, 5, 288 * MIB, 90);
    check_group(&top, 1, SERVE, 1, 64 * MIB, 70);
    check_group(&top, 2, TESTS, 1, 256 * MIB, 5);
    check_group(&top, 3, TESTS, 1, 4096, 240);
    check_group(&top, 4, NEW, 1, 1024, 1);
    top_clear(&top);
}

static void test_each(void **state)
{
    struct top top = make_top(some, SAMPLE_COUNT(some), true, TOP_BY_SIZE, 20);

    (void)state;
    assert_int_equal(top.group_count, SAMPLE_COUNT(some));
    check_group(&top, 0, TESTS, 1, 256 * MIB, 5);
    check_group(&top, 1, SERVE, 1, 64 * MIB, 50); /* equals by address */
    check_group(&top, 2, SERVE, 1, 64 * MIB, 90);
    top_clear(&top);
    top = make_top(some, SAMPLE_COUNT(some), true, TOP_BY_OWNER, 20);
    check_group(&top, 0, TESTS, 1, 256 * MIB, 5);
    check_group(&top, 1, TESTS, 1, 4096, 240);
    check_group(&top, 2, SERVE, 1, 64 * MIB, 50);
    top_clear(&top);
}

static void test_places(void **state)
{
    struct top top = make_top(some, SAMPLE_COUNT(some), false, TOP_BY_SIZE, 1);
    struct place *places;
    size_t count;

    (void)state;
    assert_int_equal(top_places(&top, &places, &count), 0); /* of all, not of the one that is shown */
    assert_int_equal(count, 6);
    assert_int_equal(places[0].device, 0);
    assert_int_equal(places[0].region, TT_ALLOC_DRAM);
    assert_int_equal(places[0].bytes, 160 * MIB);
    assert_int_equal(places[0].buffers, 3);
    assert_int_equal(places[4].device, 1);
    assert_int_equal(places[4].bytes, 320 * MIB);
    free(places);
    top_clear(&top);
}

static void test_saturates(void **state)
{
    const struct tt_alloc_buffer huge[] = {BUFFER(SERVE, 0, TT_ALLOC_DRAM, 1, UINT64_MAX - 5, 1),
                                           BUFFER(SERVE, 0, TT_ALLOC_DRAM, 2, UINT64_MAX - 5, 1)};
    struct top top = make_top(huge, 2, false, TOP_BY_SIZE, 1);

    (void)state;
    check_group(&top, 0, SERVE, 2, UINT64_MAX, 1);
    top_clear(&top);
}

/* Within the fixture's time limit only if no step is quadratic. */
static void test_million(void **state)
{
    const size_t count = 1000000;
    struct tt_alloc_buffer *buffers = calloc(count, sizeof(*buffers));
    struct top top;

    (void)state;
    assert_non_null(buffers);
    for (size_t i = 0; i < count; i++)
        buffers[i] = (struct tt_alloc_buffer){.serial = i % 7, .device = (int32_t)(i % 32), .buffer_id = i, .size = i};
    top = make_top(buffers, count, false, TOP_BY_SIZE, 20);
    assert_int_equal(top.group_count, count);
    assert_int_equal(top.groups[0].bytes, count - 1);
    assert_int_equal(top.groups[count - 1].bytes, 0);
    top_clear(&top);
    free(buffers);
}

/* ---- What is written ---- */

static struct snapshot make_sample(const struct filter *filter, bool each, enum top_order by, size_t most)
{
    struct snapshot sample = sample_make(filter);

    sample.details.top = make_top(some, SAMPLE_COUNT(some), each, by, most);
    return sample;
}

/* free() it. */
static char *print(const struct snapshot *sample, const struct filter *filter, size_t width)
{
    const struct style style = {.width = width};
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_int_equal(print_top(out, sample, filter, &style), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void check_text(bool each, enum top_order by, size_t most, uint64_t hidden, const char *expected)
{
    const struct filter all = {.region = -1};
    struct snapshot sample = make_sample(&all, each, by, most);
    char *text;

    sample.details.top.hidden = hidden;
    text = print(&sample, &all, 0);
    assert_string_equal(text, expected);
    free(text);
    snapshot_clear(&sample);
    users_clear();
}

#define HEADING                                                                                                        \
    "device 0  DRAM 160M in 3 buffers, L1 64.0M in 1 buffer, TRACE 64.0M in 1 buffer, KERNEL 1.0K in 1 buffer\n"       \
    "device 1  DRAM 320M in 2 buffers, L1 4.0K in 1 buffer\n"                                                          \
    "\n"

/* clang-format off */
static void test_text(void **state)
{
    (void)state;
    check_text(false, TOP_BY_SIZE, 2, 1204, HEADING
        "BYTES  BUFS   EACH  OLDEST  DEV  REGION    PID  USER        COMMAND\n"
        " 256M     1   256M      5s    1  DRAM    51203  root        ~ pytest tests/ops -k conv\n"
        " 128M     2  64.0M   1m30s    0  DRAM    41772  4000000000  /opt/python/bin/python serve.py --model llama-70b\n"
        "and 6 more lines   tt-smi top -k 8\n"
        "1,204 buffers of other users are not shown   ask for the group tt-alloc\n");
    check_text(false, TOP_BY_OWNER, 20, 0, HEADING
        "BYTES  BUFS  OLDEST  DEV  POOL      PID  USER        COMMAND\n"
        " 288M     5   1m30s  0,1  DRAM    41772  4000000000  /opt/python/bin/python serve.py --model llama-70b\n"
        "64.0M     1   1m10s  0    L1      41772  4000000000  /opt/python/bin/python serve.py --model llama-70b\n"
        " 256M     1      5s  1    DRAM    51203  root        ~ pytest tests/ops -k conv\n"
        " 4.0K     1   4m00s  1    L1      51203  root        ~ pytest tests/ops -k conv\n"
        " 1.0K     1      1s  0    KERNEL  60000  root        ?\n");
    check_text(true, TOP_BY_AGE, 2, 1, HEADING
        "BYTES    AGE  DEV  REGION  ADDRESS    PID  USER        COMMAND\n"
        " 4.0K  4m00s    1  L1         0x10  51203  root        ~ pytest tests/ops -k conv\n"
        "64.0M  1m30s    0  DRAM     0x2000  41772  4000000000  /opt/python/bin/python serve.py --model llama-70b\n"
        "and 7 more buffers   tt-smi top --each -k 9\n"
        "1 buffer of other users is not shown   ask for the group tt-alloc\n");
}
/* clang-format on */

static void test_nothing(void **state)
{
    const struct filter all = {.region = -1}, one = {.region = TT_ALLOC_DRAM};
    struct snapshot sample = sample_make(&all);
    char *text;

    (void)state;
    text = print(&sample, &all, 0);
    assert_string_equal(text, "No live buffer is known.\n");
    free(text);
    sample.details.top.hidden = 3;
    text = print(&sample, &one, 0);
    assert_string_equal(text, "No live buffer is among these.\n"
                              "3 buffers of other users are not shown   ask for the group tt-alloc\n");
    free(text);
    snapshot_clear(&sample);
}

static void test_no_line_is_longer(void **state)
{
    const struct filter all = {.region = -1};
    struct snapshot sample = make_sample(&all, false, TOP_BY_SIZE, 20);

    (void)state;
    for (size_t width = 40; width <= 140; width++) {
        char *text = print(&sample, &all, width), *rest = text;

        for (char *line; (line = strsep(&rest, "\n"));)
            assert_true(text_width(line) <= width);
        free(text);
    }
    snapshot_clear(&sample);
    users_clear();
}

/* What a group has not is null: a size of its own, where it is of one owner. */
static void test_json(void **state)
{
    const struct filter all = {.region = -1};
    struct snapshot sample = make_sample(&all, false, TOP_BY_OWNER, 1);
    json_t *list = json_top(&sample), *entry = json_array_get(list, 0);

    (void)state;
    assert_string_equal(json_top_key(&sample), "top");
    assert_int_equal(json_array_size(list), 1);
    assert_int_equal(json_array_size(json_object_get(entry, "devices")), 2);
    assert_int_equal(json_integer_value(json_object_get(entry, "bytes")), 288 * MIB);
    assert_string_equal(json_string_value(json_object_get(entry, "pool")), "dram");
    assert_true(json_is_null(json_object_get(entry, "region")));
    assert_true(json_is_null(json_object_get(entry, "each_bytes")));
    json_decref(list);
    snapshot_clear(&sample);
    sample = make_sample(&all, true, TOP_BY_SIZE, 1);
    list = json_top(&sample);
    assert_string_equal(json_top_key(&sample), "buffers");
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "address")), "0x10");
    json_decref(list);
    snapshot_clear(&sample);
    users_clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_groups),  FIXTURE(test_by_age),  FIXTURE(test_by_owner),          FIXTURE(test_each),
        FIXTURE(test_places),  FIXTURE(test_million), FIXTURE(test_saturates),         FIXTURE(test_text),
        FIXTURE(test_nothing), FIXTURE(test_json),    FIXTURE(test_no_line_is_longer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
