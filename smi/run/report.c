/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The summary: some lines behind whatever the command printed, each marked as ours.
 */

#include "smi/run/report.h"
#include "smi/run/words.h"
#include "smi/sample/model.h"
#include "smi/text/format.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define LEAK_LINES 5
#define PREFIX "tt-smi: "

static void put_peak(const struct run_facts *facts, const struct run_verdict *verdict, unsigned pool)
{
    const struct run_peak *peak = &verdict->peaks[pool];
    const struct run_limit *limit = &facts->options->limits[pool];

    if (!peak->used && !limit->given)
        return;
    fprintf(stderr, ", peak %s %s", pool_titles[pool], peak->used ? run_words_peak(peak).text : "-");
    if (limit->given)
        fprintf(stderr, " (limit %s)", format_size(limit->bytes).text);
}

static void put_sums(const struct run_facts *facts, const struct run_verdict *verdict)
{
    size_t reporting = verdict->coverage.reporting;

    fprintf(stderr, PREFIX "%zu %s reported", reporting, plural(reporting, "process", "processes"));
    if (reporting > 0)
        fprintf(stderr, ", %s %s, %s %s", format_count(verdict->allocations).text,
                plural(verdict->allocations, "allocation", "allocations"), format_count(verdict->frees).text,
                plural(verdict->frees, "free", "frees"));
    for (unsigned pool = 0; pool < TT_ALLOC_POOLS; pool++)
        put_peak(facts, verdict, pool);
    fputc('\n', stderr);
}

/* The text is freed. */
static int put_line(const char *kind, char *text)
{
    if (!text)
        return -ENOMEM;
    fprintf(stderr, PREFIX "%s%s\n", kind, text);
    free(text);
    return 0;
}

static int put_leaks(const struct run_verdict *verdict, bool utf8)
{
    size_t shown = verdict->leak_count < LEAK_LINES ? verdict->leak_count : LEAK_LINES;
    int r = 0;

    for (size_t i = 0; r == 0 && i < shown; i++)
        r = put_line("LEAK ", run_words_leak(&verdict->leaks[i], utf8));
    if (verdict->leak_count > shown)
        fprintf(stderr, PREFIX "LEAK ... and %zu more; %s buffers in all\n", verdict->leak_count - shown,
                format_count(verdict->leaked_buffers).text);
    if (verdict->suppressed_buffers > 0)
        fprintf(stderr, PREFIX "%s %s suppressed\n", format_count(verdict->suppressed_buffers).text,
                plural(verdict->suppressed_buffers, "buffer", "buffers"));
    return r;
}

static int put_limits(const struct run_facts *facts, const struct run_verdict *verdict)
{
    int r = 0;

    for (unsigned pool = 0; r == 0 && pool < TT_ALLOC_POOLS; pool++) {
        if (verdict->limits[pool] == RUN_LIMIT_PASSED)
            r = put_line("LIMIT passed: ", run_words_limit(verdict, facts->options, pool));
    }
    return r;
}

static int put_coverage(const struct run_facts *facts, const struct run_verdict *verdict, bool utf8)
{
    if (!verdict->is_complete)
        return put_line("coverage INCOMPLETE: ", run_words_gaps(facts, verdict, utf8));
    fputs(PREFIX "coverage complete: no untracked process used the devices, 0 reports lost\n", stderr);
    return 0;
}

int run_report(const struct run_facts *facts, const struct run_verdict *verdict, bool utf8)
{
    int r;

    put_sums(facts, verdict);
    r = put_leaks(verdict, utf8);
    if (r == 0)
        r = put_limits(facts, verdict);
    if (r == 0)
        r = put_coverage(facts, verdict, utf8);
    return r == 0 ? put_line("", run_words_conclusion(verdict, facts->strict)) : r;
}
