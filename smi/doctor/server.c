/* SPDX-License-Identifier: Apache-2.0 */

/* Checks of the server: whether it answers, in which language, and what it counts of itself. */

#include "smi/doctor/doctor.h"
#include "smi/sample/problem.h"
#include "smi/text/format.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LOOK "journalctl -u tt-allocation-server"
#define EDIT "systemctl edit tt-allocation-server"

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
    {"refused_limit", "reports were refused: too many live buffers or devices", LOOK},
    {"refused_memory", "reports were refused: the server had no memory", LOOK},
    {"out_of_memory", "times the server had no memory for an answer, a ring or an entry of its lists", LOOK},
    {"refused_announced", "buffers were refused while a process told all of its own", LOOK},
    {"sessions_refused_places", "connections were refused: too few places were left", "raise LimitNOFILE=: " EDIT},
    {"sessions_refused_system", "connections were refused: the server had no descriptors or no memory", LOOK},
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

/* What a user may have; the server tells the limit, how often it was in the way, and of whom last. */
static const struct limit {
    const char *figure, *meaning, *next;
} limits[] = {
    {"max_sessions", "connections were refused", "--max-sessions raises it: " EDIT},
    {"max_buffers", "buffers were not taken in", "--max-buffers raises it: " EDIT},
    {"max_ring_bytes", "requests for rings were refused", "--max-ring-bytes raises it: " EDIT},
    {"max_answer_bytes", "connections were closed for unread answers", "--max-answer-bytes raises it: " EDIT},
    {"max_log_lines", "times something was not logged", "--max-log-lines raises it: " EDIT},
};

static uint64_t figure_of_limit(const struct doctor_facts *facts, const char *limit, const char *suffix)
{
    char name[64];

    snprintf(name, sizeof(name), "%s%s", limit, suffix);
    return figure(facts, name);
}

static void check_limits(const struct doctor_facts *facts, struct report *report)
{
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        const struct limit *limit = &limits[i];
        uint64_t count = figure_of_limit(facts, limit->figure, "_refused");

        if (count > 0)
            report_add(report, FINDING_WARNING, limit->next,
                       "%s: %s %s since its start, because a user had %s: uid %" PRIu64 " was the last", limit->figure,
                       format_count(count).text, limit->meaning,
                       format_count(figure_of_limit(facts, limit->figure, "")).text,
                       figure_of_limit(facts, limit->figure, "_uid"));
    }
}

/* Where it is known which user it was, that is said instead. */
static bool is_told_by_limit(const struct doctor_facts *facts, const char *name)
{
    return strcmp(name, "refused_limit") == 0 && figure(facts, "max_buffers_refused") > 0;
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

        if (count > 0 && !is_told_by_limit(facts, troubles[i].figure))
            report_add(report, FINDING_WARNING, troubles[i].next, "%s: %s %s since its start", troubles[i].figure,
                       format_count(count).text, troubles[i].meaning);
    }
    check_limits(facts, report);
    if (snapshot->coverage.inexact > 0)
        report_add(report, FINDING_WARNING, "tt-smi marks them with ~", "the figures of %zu %s may be off",
                   snapshot->coverage.inexact, plural(snapshot->coverage.inexact, "process", "processes"));
    if (!report_has_any(report))
        report_add(report, FINDING_OK, NULL, "%s reports taken in, none lost, none refused",
                   format_count(figure(facts, "reports")).text);
}
