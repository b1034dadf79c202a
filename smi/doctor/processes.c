/* SPDX-License-Identifier: Apache-2.0 */

/* Checks of the processes: whether each tells of its memory, and whether those that tell twice say the same. */

#include "smi/doctor/doctor.h"
#include "smi/sample/users.h"
#include "smi/text/format.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 4 /* that a line tells */

static void write_process(FILE *out, const struct process_row *row)
{
    const char *user = row->has_uid ? user_name(row->facts.uid) : NULL;

    fprintf(out, "pid %" PRId32, row->facts.pid);
    if (row->facts.comm[0])
        fprintf(out, " (%s%s%s)", row->facts.comm, user ? ", " : "", user ? user : "");
}

static bool is_untracked(const struct process_row *row)
{
    return row->tracking == TRACKING_UNTRACKED;
}

/* "pid 4811 (python3, mira) and 2 more"; NULL when out of memory. */
static char *name_untracked(const struct snapshot *snapshot)
{
    char *text = NULL;
    size_t size, told = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    for (size_t i = 0; i < snapshot->process_count && told < NAMES_MAX; i++) {
        if (!is_untracked(snapshot->processes[i]))
            continue;
        fputs(told++ > 0 ? ", " : "", out);
        write_process(out, snapshot->processes[i]);
    }
    if (snapshot->coverage.untracked > told)
        fprintf(out, " and %zu more", snapshot->coverage.untracked - told);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static bool is_holding_told(const struct host *host)
{
    for (size_t i = 0; i < host->device_count; i++) {
        if (host->devices[i].holders_error == 0)
            return true;
    }
    return false;
}

static void check_untracked(const struct snapshot *snapshot, struct report *report)
{
    char *names = name_untracked(snapshot);

    if (names)
        report_add(report, FINDING_WARNING, "start with TT_ALLOC_TRACKING_ENABLED=1",
                   "%zu untracked, with a device open and nothing told of the memory: %s", snapshot->coverage.untracked,
                   names);
    else
        report->failed = true;
    free(names);
}

void check_coverage(const struct doctor_facts *facts, struct report *report)
{
    const struct snapshot *snapshot = facts->snapshot;
    const struct coverage *coverage = &snapshot->coverage;

    if (coverage->untracked > 0)
        check_untracked(snapshot, report);
    else if (!is_holding_told(&snapshot->host))
        report_add(report, FINDING_SKIPPED, NULL,
                   "%zu %s, %zu in tt-metal's totals only; who else uses a device is not known", coverage->reporting,
                   plural(coverage->reporting, "process reports", "processes report"), coverage->shm_only);
    else
        report_add(report, FINDING_OK, NULL, "%zu %s, %zu in tt-metal's totals only, none untracked",
                   coverage->reporting, plural(coverage->reporting, "process reports", "processes report"),
                   coverage->shm_only);
}

/* ---- The server against tt-metal's totals ---- */

static void check_process(const struct process_row *row, struct report *report)
{
    int64_t bytes = process_disagreement(row);
    uint64_t size = bytes < 0 ? -(uint64_t)bytes : (uint64_t)bytes;

    report_add(report, FINDING_WARNING, "tt-smi marks it; look again, since the two are not read at one moment",
               "pid %" PRId32 " (%s): tt-metal counts %s %s than the server", row->facts.pid, row->facts.comm,
               format_size(size).text, bytes > 0 ? "more" : "less");
}

static bool is_compared(const struct process_row *row)
{
    for (enum host_memory memory = 0; memory < HOST_MEMORIES; memory++) {
        if (process_difference(row, memory).known)
            return true;
    }
    return false;
}

void check_disagreement(const struct doctor_facts *facts, struct report *report)
{
    const struct snapshot *snapshot = facts->snapshot;
    size_t compared = 0;

    for (size_t i = 0; i < snapshot->process_count; i++) {
        compared += is_compared(snapshot->processes[i]);
        if (process_disagreement(snapshot->processes[i]) != 0)
            check_process(snapshot->processes[i], report);
    }
    if (report_has_any(report))
        return;
    if (compared == 0)
        report_add(report, FINDING_SKIPPED, NULL, "no process is known to both the server and tt-metal's totals");
    else
        report_add(report, FINDING_OK, NULL, "server and tt-metal's totals agree on %zu %s", compared,
                   plural(compared, "process", "processes"));
}
