/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A gate must not pass because it saw nothing: whatever may have been missed is counted, and a run of which nothing was
 * seen is not complete.
 */

#include "smi/run/verdict.h"
#include "smi/sample/model.h"
#include "smi/sample/problem.h"

#include <errno.h>
#include <stdlib.h>

/* Of a process that closed its connection and lived on it is not known what became of its buffers, until it is gone. */
static bool is_definite(const struct run_facts *facts, const struct run_process *process)
{
    const struct tree_process *seen = run_account_find(facts->account, &process->facts);

    return process->has_ended && (process->facts.reason == TT_ALLOC_REASON_EXITED || !seen || !seen->is_there);
}

static bool is_counted(const struct run_facts *facts, const struct run_process *process)
{
    if (facts->options->leaks == RUN_LEAKS_NONE)
        return false;
    return facts->options->leaks == RUN_LEAKS_ANY || is_definite(facts, process);
}

static int add_leak(const struct run_facts *facts, const struct run_process *process,
                    const struct tt_alloc_usage *usage, struct run_verdict *verdict)
{
    struct run_leak *leaks;

    if (suppressions_match(facts->suppressions, process->facts.command, process->facts.comm, usage->index)) {
        verdict->suppressed_buffers += usage->buffers;
        return 0;
    }
    leaks = reallocarray(verdict->leaks, verdict->leak_count + 1, sizeof(leaks[0]));
    if (!leaks)
        return -ENOMEM;
    verdict->leaks = leaks;
    leaks[verdict->leak_count++] =
        (struct run_leak){process, usage->device, usage->index, usage->bytes, usage->buffers};
    verdict->leaked_buffers += usage->buffers;
    return 0;
}

static int take_usage(const struct run_facts *facts, const struct run_process *process, struct run_verdict *verdict)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < process->facts.usage_count; i++) {
        const struct tt_alloc_usage *usage = &process->facts.usage[i];

        if (usage->is_pool || usage->index >= TT_ALLOC_REGIONS)
            continue;
        verdict->allocations = add_saturating(verdict->allocations, usage->allocations);
        verdict->frees = add_saturating(verdict->frees, usage->frees);
        if (usage->buffers > 0 && is_counted(facts, process))
            r = add_leak(facts, process, usage, verdict);
    }
    return r;
}

static int compare_leaks(const void *a, const void *b)
{
    const struct run_leak *left = a, *right = b;

    if (left->bytes != right->bytes)
        return left->bytes > right->bytes ? -1 : 1;
    return left->process->facts.pid - right->process->facts.pid;
}

static void look_at_tree(const struct run_facts *facts, struct run_coverage *coverage)
{
    for (size_t i = 0; i < facts->tree->count; i++) {
        const struct tree_process *process = &facts->tree->seen[i];

        if (process->is_there) {
            coverage->living++;
            coverage->living_one = process;
        }
        if (process->holds && !process->reports && coverage->untracked++ == 0)
            coverage->untracked_one = process;
    }
}

static void look_at_process(const struct run_facts *facts, const struct run_process *process,
                            struct run_coverage *coverage)
{
    const struct tree_process *seen = run_account_find(facts->account, &process->facts);

    coverage->inexact += process->facts.inexact;
    coverage->lost = add_saturating(coverage->lost, process->facts.lost);
    coverage->living += !process->has_ended && !(seen && seen->is_there);
    if (process->facts.usage_count > 0 || process->facts.accounted) /* it may well have nothing to report */
        coverage->reporting++;
    else if (coverage->silent++ == 0)
        coverage->silent_one = process;
}

static struct run_coverage make_coverage(const struct run_facts *facts)
{
    const struct run_account *account = facts->account;
    struct run_coverage coverage = {
        .error = account->error,
        .was_restarted = account->was_restarted,
        .has_dropped = account->has_dropped,
        .is_blind = facts->tree->is_blind,
        .holders_hidden = facts->holders->is_unknown,
        .unclear = account->unclear,
    };

    look_at_tree(facts, &coverage);
    for (size_t i = 0; i < account->count; i++)
        look_at_process(facts, &account->processes[i], &coverage);
    return coverage;
}

static bool is_complete(const struct run_coverage *coverage)
{
    return coverage->error == 0 && !coverage->was_restarted && !coverage->has_dropped && !coverage->is_blind &&
           !coverage->holders_hidden && coverage->untracked == 0 && coverage->living == 0 && coverage->inexact == 0 &&
           coverage->lost == 0 && coverage->unclear == 0 && coverage->silent == 0 && coverage->reporting > 0;
}

static enum run_limit_state compare_limit(const struct run_limit *limit, const struct run_peak *peak)
{
    if (!limit->given)
        return RUN_LIMIT_NONE;
    if (!peak->used)
        return RUN_LIMIT_KEPT;
    if (peak->least > limit->bytes)
        return RUN_LIMIT_PASSED;
    return peak->most > limit->bytes || peak->is_open ? RUN_LIMIT_UNCERTAIN : RUN_LIMIT_KEPT;
}

static void check_limits(const struct run_facts *facts, struct run_verdict *verdict)
{
    for (unsigned pool = 0; pool < TT_ALLOC_POOLS; pool++) {
        verdict->limits[pool] = compare_limit(&facts->options->limits[pool], &verdict->peaks[pool]);
        verdict->has_passed_limit = verdict->has_passed_limit || verdict->limits[pool] == RUN_LIMIT_PASSED;
        verdict->is_complete = verdict->is_complete && verdict->limits[pool] != RUN_LIMIT_UNCERTAIN;
    }
}

static int decide(const struct run_facts *facts, const struct run_verdict *verdict)
{
    if (verdict->command_code != 0)
        return verdict->command_code;
    if (verdict->has_leaks)
        return facts->options->leak_exit_code;
    if (verdict->has_passed_limit)
        return EXIT_FINDING;
    return facts->strict && !verdict->is_complete ? EXIT_INCOMPLETE : EXIT_FINE;
}

int run_judge(const struct run_facts *facts, struct run_verdict *ret)
{
    struct run_verdict verdict = {.command_code = run_command_code(facts->command)};
    int r = 0;

    for (size_t i = 0; r == 0 && i < facts->account->count; i++)
        r = take_usage(facts, &facts->account->processes[i], &verdict);
    if (r == 0)
        r = run_peaks_find(facts->account, verdict.peaks);
    if (r < 0) {
        run_verdict_clear(&verdict);
        return r;
    }
    if (verdict.leak_count > 0)
        qsort(verdict.leaks, verdict.leak_count, sizeof(verdict.leaks[0]), compare_leaks);
    verdict.has_leaks = verdict.leak_count > 0 && facts->options->leak_exit_code != 0;
    verdict.coverage = make_coverage(facts);
    verdict.is_complete = is_complete(&verdict.coverage);
    check_limits(facts, &verdict);
    verdict.code = decide(facts, &verdict);
    *ret = verdict;
    return 0;
}

void run_verdict_clear(struct run_verdict *verdict)
{
    free(verdict->leaks);
    *verdict = (struct run_verdict){0};
}
