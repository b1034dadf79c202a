/* SPDX-License-Identifier: Apache-2.0 */

/* Checks of the server: whether it answers, in which language, and what it counts of itself. */

#include "smi/doctor/doctor.h"
#include "smi/sample/problem.h"
#include "smi/text/format.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LOOK "journalctl -u tt-allocation-server"

static bool is_of_protocol(const struct snapshot *snapshot)
{
    return snapshot->error != 0 && problem_exit_code(snapshot->error) == EXIT_PROTOCOL;
}

static void report_problem(const struct snapshot *snapshot, struct report *report)
{
    char *advice = problem_advice(snapshot->error, snapshot->path);

    report_add(report, FINDING_FAILURE, advice, "no answer at %s: %s", snapshot->path, problem_reason(snapshot->error));
    free(advice);
}

/* The client library refuses servers of users that are not trusted, so one that told anything is. */
void check_server(const struct doctor_facts *facts, struct report *report)
{
    const struct snapshot *snapshot = facts->snapshot;

    if (!snapshot->path)
        report_add(report, FINDING_SKIPPED, NULL, "not asked, since --root is another host; --socket names one");
    else if (is_of_protocol(snapshot))
        report_add(report, FINDING_WARNING, LOOK, "something listens at %s", snapshot->path);
    else if (snapshot->error != 0)
        report_problem(snapshot, report);
    else
        report_add(report, FINDING_OK, NULL, "%s at %s, up %s, of a trusted user", snapshot->details.server_name,
                   snapshot->path, format_age(snapshot->uptime).text);
}

void check_protocol(const struct doctor_facts *facts, struct report *report)
{
    const struct snapshot *snapshot = facts->snapshot;

    if (is_of_protocol(snapshot))
        report_problem(snapshot, report);
    else if (!snapshot_is_told(snapshot))
        report_add(report, FINDING_SKIPPED, NULL, "no server to speak with");
    else
        report_add(report, FINDING_OK, NULL, "version %" PRIu32, snapshot->protocol_version);
}

/* ---- What the server counts of itself ---- */

static const struct trouble {
    const char *figure;
    const char *meaning;
    const char *next;
} troubles[] = {
    {"lost_reports", "reports did not arrive, because the server was too slow",
     "TT_ALLOC_FULL_WAIT_MS=100 waits longer"},
    {"refused_device", "reports were refused: impossible devices, or too many", LOOK},
    {"refused_size", "reports were refused: impossible sizes", LOOK},
    {"refused_region", "reports were refused: unknown regions", LOOK},
    {"refused_limit", "reports were refused: a user has too many live buffers", LOOK},
    {"refused_memory", "reports were refused: the server had no memory", LOOK},
    {"out_of_memory", "times the server had no memory for an answer, a ring or an entry of its lists", LOOK},
    {"refused_announced", "buffers were refused while a process told all of its own", LOOK},
    {"sessions_refused", "connections were refused", LOOK},
    {"bad_frames", "frames were none of our protocol", LOOK},
    {"cut_off", "connections were cut off for writing nonsense", LOOK},
    {"stalled_peers", "connections were dropped for not reading their answers", LOOK},
    {"resync_mismatch", "times a process and the server disagreed on its buffers", LOOK},
    {"log_lines_lost", "lines of its log were not written", LOOK},
};

static uint64_t figure(const struct doctor_facts *facts, const char *name)
{
    for (size_t i = 0; i < facts->figure_count; i++) {
        if (strcmp(facts->figures[i].name, name) == 0)
            return facts->figures[i].value;
    }
    return 0;
}

void check_figures(const struct doctor_facts *facts, struct report *report)
{
    const struct snapshot *snapshot = facts->snapshot;

    if (!snapshot_is_told(snapshot) || facts->figure_count == 0) {
        report_add(report, FINDING_SKIPPED, NULL, "the server told none");
        return;
    }
    for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
        uint64_t count = figure(facts, troubles[i].figure);

        if (count > 0)
            report_add(report, FINDING_WARNING, troubles[i].next, "%s: %s %s since its start", troubles[i].figure,
                       format_count(count).text, troubles[i].meaning);
    }
    if (snapshot->coverage.inexact > 0)
        report_add(report, FINDING_WARNING, "tt-smi marks them with ~", "the figures of %zu %s may be off",
                   snapshot->coverage.inexact, plural(snapshot->coverage.inexact, "process", "processes"));
    if (!report_has_any(report))
        report_add(report, FINDING_OK, NULL, "%s reports taken in, none lost, none refused",
                   format_count(figure(facts, "reports")).text);
}
