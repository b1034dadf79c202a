/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Workflow commands: "::error title=TITLE::MESSAGE" at the beginning of a line. The runner reads stderr as well as
 * stdout. A message ends with its line, and percent signs begin escapes, so both are written as escapes.
 */

#include "smi/run/report.h"
#include "smi/run/words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void put_escaped(const char *text)
{
    for (; *text; text++) {
        if (*text == '%' || *text == '\r' || *text == '\n')
            fprintf(stderr, "%%%02X", (unsigned char)*text);
        else
            fputc(*text, stderr);
    }
}

/* The message is freed. */
static int annotate(const char *level, const char *title, char *message)
{
    if (!message)
        return -ENOMEM;
    fprintf(stderr, "::%s title=%s::", level, title);
    put_escaped(message);
    fputc('\n', stderr);
    free(message);
    return 0;
}

int run_report_github(const struct run_facts *facts, const struct run_verdict *verdict)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < verdict->leak_count; i++)
        r = annotate(verdict->has_leaks ? "error" : "warning", "Device memory leak",
                     run_words_leak(&verdict->leaks[i], true));
    for (unsigned pool = 0; r == 0 && pool < TT_ALLOC_POOLS; pool++) {
        if (verdict->limits[pool] == RUN_LIMIT_PASSED)
            r = annotate("error", "Device memory limit passed", run_words_limit(verdict, facts->options, pool));
    }
    if (r == 0 && !verdict->is_complete)
        r = annotate(facts->strict ? "error" : "warning", "Device memory not fully known",
                     run_words_gaps(facts, verdict, true));
    return r;
}
