/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What other people chose, commands and names, is escaped with the sentence it stands in.
 */

#include "smi/run/words.h"
#include "smi/sample/model.h"
#include "smi/sample/problem.h"
#include "smi/text/format.h"
#include "smi/text/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

__attribute__((format(printf, 2, 3))) static char *compose(bool utf8, const char *format, ...)
{
    char *raw, *text;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vasprintf(&raw, format, arguments);
    va_end(arguments);
    if (length < 0)
        return NULL;
    text = text_escape(raw, utf8);
    free(raw);
    return text;
}

char *run_words_leak(const struct run_leak *leak, bool utf8)
{
    const struct tt_alloc_process *facts = &leak->process->facts;
    char pid[16] = "?";

    if (facts->pid > 0)
        snprintf(pid, sizeof(pid), "%d", facts->pid);
    return compose(utf8, "%s%s %s, %s %s, device %s, pid %s, %s%s", facts->inexact ? "at most " : "",
                   format_count(leak->buffers).text, plural(leak->buffers, "buffer", "buffers"),
                   format_size(leak->bytes).text, regions[leak->region].title, device_label(leak->device).text, pid,
                   facts->command, leak->process->has_ended ? "" : " (still live)");
}

struct formatted run_words_peak(const struct run_peak *peak)
{
    struct formatted text;

    if (peak->is_open)
        snprintf(text.text, sizeof(text.text), "at least %.20s", format_size(peak->least).text);
    else if (peak->least < peak->most)
        snprintf(text.text, sizeof(text.text), "%.20s to %.20s", format_size(peak->least).text,
                 format_size(peak->most).text);
    else
        text = format_size(peak->most);
    return text;
}

char *run_words_limit(const struct run_verdict *verdict, const struct run_options *options, unsigned pool)
{
    const struct run_peak *peak = &verdict->peaks[pool];

    return compose(false, "peak %s %s on device %s, limit %s", pool_titles[pool], run_words_peak(peak).text,
                   device_label(peak->device).text, format_size(options->limits[pool].bytes).text);
}

/* Sentences with "; " between. */
struct list {
    FILE *out;
    bool has_begun;
};

__attribute__((format(printf, 2, 3))) static void add(struct list *list, const char *format, ...)
{
    va_list arguments;

    fputs(list->has_begun ? "; " : "", list->out);
    list->has_begun = true;
    va_start(arguments, format);
    vfprintf(list->out, format, arguments);
    va_end(arguments);
}

static void add_server(struct list *list, const struct run_facts *facts, const struct run_coverage *coverage)
{
    if (coverage->error != 0)
        add(list, "no answer from the server at %s: %s", facts->account->path, problem_reason(coverage->error));
    if (coverage->was_restarted)
        add(list, "the server was restarted, and forgot who had ended");
    if (coverage->has_dropped)
        add(list, "more processes ended than the server remembers");
}

static void add_unheard(struct list *list, const struct run_coverage *coverage)
{
    if (coverage->untracked > 0)
        add(list, "%zu %s had a device open and did not report, such as pid %d, %s, device %s", coverage->untracked,
            plural(coverage->untracked, "process", "processes"), (int)coverage->untracked_one->pid,
            coverage->untracked_one->comm, device_label(coverage->untracked_one->device).text);
    if (coverage->silent > 0)
        add(list, "%zu %s not heard of again, such as pid %d, %s", coverage->silent,
            plural(coverage->silent, "process connected and was", "processes connected and were"),
            (int)coverage->silent_one->facts.pid, coverage->silent_one->facts.comm);
    if (coverage->unclear > 0)
        add(list, "%zu %s and went without a job, and may be of this run", coverage->unclear,
            plural(coverage->unclear, "process came", "processes came"));
    if (coverage->error == 0 && coverage->reporting + coverage->silent == 0)
        add(list, "no process reported anything");
}

static void add_processes(struct list *list, const struct run_coverage *coverage)
{
    if (coverage->living_one)
        add(list, "%zu %s on, such as pid %d, %s", coverage->living,
            plural(coverage->living, "process goes", "processes go"), (int)coverage->living_one->pid,
            coverage->living_one->comm);
    else if (coverage->living > 0)
        add(list, "%zu %s on outside of the tree", coverage->living,
            plural(coverage->living, "process goes", "processes go"));
    if (coverage->inexact > 0)
        add(list, "%zu %s inexact", coverage->inexact, plural(coverage->inexact, "process is", "processes are"));
    if (coverage->lost > 0)
        add(list, "%s %s lost", format_count(coverage->lost).text,
            plural(coverage->lost, "report was", "reports were"));
}

static void add_sources(struct list *list, const struct run_coverage *coverage)
{
    if (coverage->is_blind)
        add(list, "it could not be seen at all times whose children processes are");
    if (coverage->holders_hidden)
        add(list, "it is not known who had a device open");
}

static const char *why_uncertain(const struct run_facts *facts, const struct run_peak *peak)
{
    if (peak->is_open)
        return "peaks were reset";
    return facts->account->is_private ? "only the peaks of single processes are known"
                                      : "of a shared server only the peaks of single processes are known";
}

static void add_limits(struct list *list, const struct run_facts *facts, const struct run_verdict *verdict)
{
    for (unsigned pool = 0; pool < TT_ALLOC_POOLS; pool++) {
        if (verdict->limits[pool] == RUN_LIMIT_UNCERTAIN)
            add(list, "whether the limit of %s was passed is not known, because %s", pool_titles[pool],
                why_uncertain(facts, &verdict->peaks[pool]));
    }
}

char *run_words_gaps(const struct run_facts *facts, const struct run_verdict *verdict, bool utf8)
{
    char *raw = NULL, *text = NULL;
    size_t size;
    struct list list = {.out = open_memstream(&raw, &size)};

    if (!list.out)
        return NULL;
    add_server(&list, facts, &verdict->coverage);
    add_unheard(&list, &verdict->coverage);
    add_processes(&list, &verdict->coverage);
    add_sources(&list, &verdict->coverage);
    add_limits(&list, facts, verdict);
    if (fclose(list.out) == 0)
        text = text_escape(raw, utf8);
    free(raw);
    return text;
}

static const char *name_gate(const struct run_verdict *verdict, bool strict)
{
    bool cannot_tell = strict && !verdict->is_complete;

    if (verdict->has_leaks && verdict->has_passed_limit)
        return "leak and limit gates FAILED";
    if (verdict->has_leaks)
        return "leak gate FAILED";
    if (verdict->has_passed_limit)
        return "limit gate FAILED";
    return cannot_tell ? "gate CANNOT TELL" : "gate passed";
}

char *run_words_conclusion(const struct run_verdict *verdict, bool strict)
{
    if (verdict->command_code == 0)
        return compose(false, "command passed, %s", name_gate(verdict, strict));
    return compose(false, "command FAILED with %d, %s", verdict->command_code, name_gate(verdict, strict));
}
