/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_smi_core */

/* The parts of `tt-smi run` that are functions of their arguments: values, suppressions, peaks, exit codes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smi/run/options.h"
#include "smi/run/verdict.h"
#include "smi/run/words.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)
#define MIB UINT64_C(1048576)

static void test_max_peak(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"dram=0", 0},
        {"dram=1", 1},
        {"dram=10G", 10737418240},
        {"dram=1.5k", 1536},
        {"dram=512MiB", 512 * MIB},
        {"dram=2T", MIB * MIB * 2},
        {"dram=0.5M", MIB / 2},
    };
    static const char *const bad[] = {"dram",     "dram=",    "=1",        "DRAM=1",         "l1_small=1", "dram=-1",
                                      "dram= 1",  "dram=1 ",  "dram=1.5",  "dram=10GB",      "dram=1P",    "dram=1..5G",
                                      "dram=.5G", "dram=1e3", "dram=0x10", "dram=99999999T", "dram=nan",   "dram=KiB"};
    struct run_options options = RUN_OPTIONS_DEFAULT;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(run_value_max_peak(&options, good[i].text), 0);
        assert_true(options.limits[TT_ALLOC_POOL_DRAM].given);
        assert_int_equal(options.limits[TT_ALLOC_POOL_DRAM].bytes, good[i].bytes);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(run_value_max_peak(&options, bad[i]), -EINVAL);
    assert_false(options.limits[TT_ALLOC_POOL_L1].given);
    assert_int_equal(run_value_max_peak(&options, "l1=7"), 0);
    assert_int_equal(options.limits[TT_ALLOC_POOL_L1].bytes, 7);
}

static void test_numbers(void **state)
{
    static const char *const bad[] = {"", "-1", "256", "1000", "0x1", " 1", "1 ", "x"};
    struct run_options options = RUN_OPTIONS_DEFAULT;

    (void)state;
    assert_int_equal(options.leak_exit_code, 23);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(run_value_leak_exit_code(&options, bad[i]), -EINVAL);
    assert_int_equal(run_value_leak_exit_code(&options, "255"), 0);
    assert_int_equal(options.leak_exit_code, 255);
    assert_int_equal(run_value_grace(&options, "0"), 0);
    assert_int_equal(options.grace, 0);
    assert_int_equal(run_value_grace(&options, "1.5"), 0);
    assert_int_equal(options.grace, 3 * SECOND / 2);
    assert_int_equal(run_value_grace(&options, ""), -EINVAL);
    assert_int_equal(run_value_grace(&options, "-1"), -EINVAL);
    assert_int_equal(run_value_grace(&options, "nan"), -EINVAL);
    assert_int_equal(run_value_grace(&options, "1e9"), -EINVAL);
}

static int read_rules(const char *text, struct suppressions *ret)
{
    char path[] = "/tmp/tt-alloc-test-XXXXXX";
    int fd = mkstemp(path), r;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    r = suppressions_read(path, ret);
    unlink(path);
    return r;
}

static void test_suppressions(void **state)
{
    struct suppressions rules;

    (void)state;
    assert_int_equal(read_rules("# all\n\n  leak:python* -m x:l1 \r\nleak:a:b\nleak:*:9:*\nleak:last:CB", &rules), 0);
    assert_int_equal(rules.count, 4);
    assert_true(suppressions_match(&rules, "python3 -m x", "python3", TT_ALLOC_L1));
    assert_false(suppressions_match(&rules, "python3 -m x", "python3", TT_ALLOC_DRAM));
    assert_false(suppressions_match(&rules, "/bin/python3 -m x", "python3", TT_ALLOC_L1));
    assert_true(suppressions_match(&rules, "a:b", "a", TT_ALLOC_DRAM));
    assert_true(suppressions_match(&rules, "a/b:9", "a", TT_ALLOC_KERNEL));
    assert_true(suppressions_match(&rules, "whatever --with x", "last", TT_ALLOC_CB));
    suppressions_clear(&rules);
    assert_int_equal(read_rules("", &rules), 0);
    assert_false(suppressions_match(&rules, "a", "a", TT_ALLOC_DRAM));
    suppressions_clear(&rules);
}

static void test_bad_suppressions(void **state)
{
    static const char *const bad[] = {"leak", "leak:", "leak::l1", "Leak:x", "x", "leak:a\nleak", ":l1"};
    struct suppressions rules;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(read_rules(bad[i], &rules), -EINVAL);
    assert_int_equal(suppressions_read("/nonexistent/rules", &rules), -EINVAL);
    assert_int_equal(suppressions_read("/", &rules), -EINVAL);
}

/* A process that held so many MiB of the dram pool of a device, from one second to another; end 0: it goes on. */
static struct run_process make_process(struct tt_alloc_usage *usage, int32_t device, uint64_t mib, uint64_t start,
                                       uint64_t end)
{
    *usage = (struct tt_alloc_usage){
        .device = device, .is_pool = true, .peak_bytes = mib * MIB, .since = start * SECOND, .until = end * SECOND};
    return (struct run_process){
        .facts = {.pid = (int32_t)start,
                  .start_time = 1,
                  .end_time = 1,
                  .comm = "x",
                  .command = "x",
                  .usage = usage,
                  .usage_count = 1},
        .has_ended = end != 0,
    };
}

struct span {
    int32_t device;
    uint64_t mib, start, end;
};

static void check_peak(const struct span *spans, size_t count, uint64_t least, uint64_t most, int32_t device)
{
    struct tt_alloc_usage usages[8];
    struct run_process processes[8];
    struct run_account account = {.processes = processes, .count = count};
    struct run_peak peaks[TT_ALLOC_POOLS];

    for (size_t i = 0; i < count; i++)
        processes[i] = make_process(&usages[i], spans[i].device, spans[i].mib, spans[i].start, spans[i].end);
    assert_int_equal(run_peaks_find(&account, peaks), 0);
    assert_true(peaks[TT_ALLOC_POOL_DRAM].used);
    assert_int_equal(peaks[TT_ALLOC_POOL_DRAM].least, least * MIB);
    assert_int_equal(peaks[TT_ALLOC_POOL_DRAM].most, most * MIB);
    assert_int_equal(peaks[TT_ALLOC_POOL_DRAM].device, device);
    assert_false(peaks[TT_ALLOC_POOL_L1].used);
}

static void test_peaks(void **state)
{
    (void)state;
    check_peak((struct span[]){{0, 5, 1, 2}}, 1, 5, 5, 0);
    check_peak((struct span[]){{0, 5, 1, 2}, {0, 7, 2, 3}, {0, 6, 3, 9}}, 3, 7, 7, 0);  /* one after the other */
    check_peak((struct span[]){{0, 5, 1, 4}, {0, 7, 2, 3}, {0, 6, 3, 9}}, 3, 7, 12, 0); /* the first beside both */
    check_peak((struct span[]){{0, 5, 1, 0}, {1, 7, 2, 0}, {0, 1, 3, 0}}, 3, 7, 7, 1);  /* devices apart */
    check_peak((struct span[]){{0, 1, 5, 0}, {0, 2, 1, 0}, {0, 4, 3, 0}}, 3, 4, 7, 0);  /* in any order */
    check_peak((struct span[]){{2, 0, 1, 2}}, 1, 0, 0, 2);
}

/* The sum beside each process, looked for among all of them. */
static uint64_t find_most(const struct run_process *processes, size_t count)
{
    uint64_t most = 0;

    for (size_t i = 0; i < count; i++) {
        const struct tt_alloc_usage *usage = processes[i].facts.usage;
        uint64_t sum = usage->peak_bytes;

        for (size_t j = 0; j < count; j++) {
            const struct tt_alloc_process *other = &processes[j].facts;

            if (j != i && other->usage[0].since <= usage->since &&
                (!processes[j].has_ended || other->usage[0].until > usage->since))
                sum += other->usage[0].peak_bytes;
        }
        most = sum > most ? sum : most;
    }
    return most;
}

static void test_peaks_of_many(void **state)
{
    enum { COUNT = 60, ROUNDS = 200 };
    struct tt_alloc_usage usages[COUNT];
    struct run_process processes[COUNT];
    struct run_account account = {.processes = processes, .count = COUNT};
    struct run_peak peaks[TT_ALLOC_POOLS];

    (void)state;
    srandom(1);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            processes[i] = make_process(&usages[i], 0, 1 + (uint64_t)random() % 9, 1, (uint64_t)random() % 8);
            usages[i].since = SECOND + (uint64_t)random() % 64 * (SECOND / 100);
            if (processes[i].has_ended)
                usages[i].until = usages[i].since + 1 + (uint64_t)random() % 16 * (SECOND / 100);
        }
        assert_int_equal(run_peaks_find(&account, peaks), 0);
        assert_int_equal(peaks[TT_ALLOC_POOL_DRAM].most, find_most(processes, COUNT));
    }
}

/* One device by two numbers: they add up, also in a process that a server says to have ended before it began. */
static void test_peaks_by_two_numbers(void **state)
{
    struct tt_alloc_usage usages[2] = {{.is_pool = true, .peak_bytes = 3, .since = UINT64_MAX, .until = 1},
                                       {.is_pool = true, .peak_bytes = 4, .since = UINT64_MAX, .until = 1}};
    struct run_process process = {.facts = {.usage = usages, .usage_count = 2}};
    struct run_account account = {.processes = &process, .count = 1};
    struct run_peak peaks[TT_ALLOC_POOLS];

    (void)state;
    for (int has_ended = 0; has_ended < 2; has_ended++) {
        process.has_ended = has_ended;
        assert_int_equal(run_peaks_find(&account, peaks), 0);
        assert_int_equal(peaks[0].least, 4);
        assert_int_equal(peaks[0].most, 7);
    }
    usages[0].peak_bytes = usages[1].peak_bytes = UINT64_MAX;
    assert_int_equal(run_peaks_find(&account, peaks), 0);
    assert_int_equal(peaks[0].most, UINT64_MAX);
}

/* No server that means well tells of such a time. */
static void test_peaks_at_the_end_of_time(void **state)
{
    struct tt_alloc_usage usages[2];
    struct run_process processes[] = {make_process(&usages[0], 0, 3, 5, 6), make_process(&usages[1], 0, 4, 1, 2)};
    struct run_tree tree = {0};
    struct run_account account = {.processes = processes, .count = 2, .tree = &tree};
    struct run_peak peaks[TT_ALLOC_POOLS];

    (void)state;
    usages[1].since = UINT64_MAX;
    assert_int_equal(run_peaks_find(&account, peaks), 0);
    assert_int_equal(peaks[0].least, 4 * MIB);
    assert_int_equal(peaks[0].most, 4 * MIB);
}

/* The code of a run that has what is asked for; buffers: left by its only process. */
static int judge(struct run_options options, bool strict, int status, uint64_t buffers, uint64_t lost)
{
    struct tt_alloc_usage usages[2] = {{.index = TT_ALLOC_DRAM, .buffers = buffers, .bytes = 9}};
    struct run_process process = make_process(&usages[1], 0, 2, 1, 2);
    struct run_tree tree = {0};
    struct run_account account = {.processes = &process, .count = 1, .tree = &tree};
    struct suppressions none = {0};
    struct run_holders holders = {0};
    struct run_command command = {.has_ended = true, .status = status};
    struct run_facts facts = {&options, strict, &none, &account, &tree, &holders, &command};
    struct run_verdict verdict;
    int code;

    process.facts.usage = usages;
    process.facts.usage_count = 2;
    process.facts.lost = lost;
    process.facts.reason = TT_ALLOC_REASON_EXITED;
    assert_int_equal(run_judge(&facts, &verdict), 0);
    code = verdict.code;
    run_verdict_clear(&verdict);
    return code;
}

/* Whoever cannot look does not know that nobody is there. */
static void test_a_tree_that_cannot_be_read(void **state)
{
    struct rlimit former, none;
    struct run_tree tree;

    (void)state;
    run_tree_init(&tree);
    assert_int_equal(run_tree_look(&tree, 0), 0);
    assert_false(tree.is_blind);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &former), 0);
    none = (struct rlimit){0, former.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(run_tree_look(&tree, 0), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &former), 0);
    assert_true(tree.is_blind);
    run_tree_clear(&tree);
}

/* Nor does he know who it is that has ended; one that is not there any more is no secret. */
static void test_a_process_that_cannot_be_read(void **state)
{
    struct rlimit former, none;
    struct run_tree tree;

    (void)state;
    run_tree_init(&tree);
    assert_int_equal(run_tree_note(&tree, INT32_MAX), 0);
    assert_false(tree.is_blind);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &former), 0);
    none = (struct rlimit){0, former.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(run_tree_note(&tree, getppid()), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &former), 0);
    assert_true(tree.is_blind);
    assert_int_equal(tree.count, 0);
    run_tree_clear(&tree);
}

static void test_codes(void **state)
{
    struct run_options plain = RUN_OPTIONS_DEFAULT, limited = plain, none = plain, silent;

    (void)state;
    limited.limits[TT_ALLOC_POOL_DRAM] = (struct run_limit){true, 2 * MIB - 1};
    none.leaks = RUN_LEAKS_NONE;
    silent = limited;
    silent.leak_exit_code = 0;
    assert_int_equal(judge(plain, true, 0, 0, 0), 0);
    assert_int_equal(judge(plain, true, 0, 1, 0), 23);
    assert_int_equal(judge(plain, true, 5 << 8, 1, 1), 5);
    assert_int_equal(judge(plain, true, SIGKILL, 1, 1), 137);
    assert_int_equal(judge(limited, true, 0, 1, 1), 23);
    assert_int_equal(judge(limited, true, 0, 0, 1), 1);
    assert_int_equal(judge(plain, true, 0, 0, 1), 7);
    assert_int_equal(judge(plain, false, 0, 0, 1), 0);
    assert_int_equal(judge(none, true, 0, 1, 0), 0);
    assert_int_equal(judge(silent, true, 0, 1, 0), 1);
}

/* A server of the run's own knows no more either once it was restarted, but nobody shares it. */
static void test_why_a_limit_is_uncertain(void **state)
{
    struct run_account account = {.is_private = true};
    struct run_facts facts = {.account = &account};
    struct run_verdict verdict = {.coverage.reporting = 1, .limits = {RUN_LIMIT_UNCERTAIN}};
    char *words;

    (void)state;
    for (unsigned pool = 1; pool < TT_ALLOC_POOLS; pool++)
        verdict.limits[pool] = RUN_LIMIT_NONE;
    words = run_words_gaps(&facts, &verdict, false);
    assert_non_null(strstr(words, ", because only the peaks of single processes are known"));
    free(words);
    account.is_private = false;
    words = run_words_gaps(&facts, &verdict, false);
    assert_non_null(strstr(words, ", because of a shared server only the peaks of single processes are known"));
    free(words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_max_peak),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_suppressions),
        cmocka_unit_test(test_bad_suppressions),
        cmocka_unit_test(test_peaks),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_why_a_limit_is_uncertain),
        cmocka_unit_test(test_a_tree_that_cannot_be_read),
        cmocka_unit_test(test_a_process_that_cannot_be_read),
        cmocka_unit_test(test_peaks_of_many),
        cmocka_unit_test(test_peaks_by_two_numbers),
        cmocka_unit_test(test_peaks_at_the_end_of_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
