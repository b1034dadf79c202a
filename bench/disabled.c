/* SPDX-License-Identifier: Apache-2.0 */

#include "bench/disabled.h"

#include "bench/bench.h"
#include "bench/clock.h"
#include "bench/table.h"
#include "tt_alloc.h"

#define CALLS 100000000

/* The compiler must believe that the argument changes and that somebody looks. */
#define KEEP(value) __asm__ volatile("" : "+r"(value))

static double time_of_calls(uint64_t calls)
{
    uint64_t begin = clock_now();

    for (uint64_t i = 0; i < calls; i++) {
        KEEP(i);
        tt_alloc_report_allocation(0, 4096, TT_ALLOC_DRAM, i);
    }
    return (double)(clock_now() - begin) / (double)calls;
}

static double time_of_loop(uint64_t calls)
{
    uint64_t begin = clock_now();

    for (uint64_t i = 0; i < calls; i++)
        KEEP(i);
    return (double)(clock_now() - begin) / (double)calls;
}

void disabled_measure(struct bench *bench)
{
    uint64_t calls = bench->options.quick ? CALLS / 10 : CALLS;
    double loop;

    if (tt_alloc_is_enabled()) /* also decides it, which the first call would do */
        return;
    loop = time_of_loop(calls);
    book_add(&bench->book, time_of_calls(calls) - loop, "disabled.call_ns");
}

void disabled_print(const struct bench *bench)
{
    static const struct table_column columns[] = {
        {"/ getppid", "call_ns", TABLE_OVER_GETPPID, 1},
        {"ns", "call_ns", TABLE_PLAIN, 1},
        {"least", "call_ns", TABLE_LEAST, 1},
        {"most", "call_ns", TABLE_MOST, 1},
    };
    struct table table = {&bench->book, columns, sizeof(columns) / sizeof(columns[0])};

    table_title(&table, "Reporting not turned on");
    table_row(&table, "a call, the empty loop left out", "disabled.", NULL);
}
