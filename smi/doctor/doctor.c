/* SPDX-License-Identifier: Apache-2.0 */

/* The table of checks, and what becomes of their findings: lines of text and an exit code. */

#include "smi/doctor/doctor.h"
#include "smi/text/format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct doctor_check {
    const char *name;
    void (*examine)(const struct doctor_facts *facts, struct report *report);
};

static const struct doctor_check checks[] = {
    {"driver", check_driver},
    {"devices", check_devices},
    {"holders", check_holders},
    {"server", check_server},
    {"protocol", check_protocol},
    {"server-figures", check_figures},
    {"permissions", check_permissions},
    {"client", check_client},
    {"totals", check_totals},
    {"coverage", check_coverage},
    {"disagreement", check_disagreement},
};

#define NAME_WIDTH 14                   /* of the longest */
#define MARGIN (4 + 2 + NAME_WIDTH + 2) /* of what follows the name */

static const struct {
    const char *word, *name;
    enum tint tint;
} statuses[] = {
    [FINDING_SKIPPED] = {"-", "skipped", TINT_NONE},
    [FINDING_OK] = {"ok", "ok", TINT_NONE},
    [FINDING_WARNING] = {"warn", "warning", TINT_YELLOW},
    [FINDING_FAILURE] = {"FAIL", "failure", TINT_RED},
};

const char *finding_name(enum finding_status status)
{
    return statuses[status].name;
}

int doctor_examine(const struct doctor_facts *facts, struct report *ret)
{
    struct report report = {0};

    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        report.name = checks[i].name;
        checks[i].examine(facts, &report);
    }
    if (report.failed) {
        report_clear(&report);
        return -ENOMEM;
    }
    *ret = report;
    return 0;
}

static struct finding *extend(struct report *report)
{
    struct finding *list = reallocarray(report->list, report->count + 1, sizeof(*list));

    if (!list)
        return NULL;
    report->list = list;
    list[report->count] = (struct finding){.name = report->name};
    return &list[report->count++];
}

void report_add(struct report *report, enum finding_status status, const char *next, const char *format, ...)
{
    struct finding *finding = extend(report);
    va_list arguments;

    if (!finding) {
        report->failed = true;
        return;
    }
    finding->status = status;
    va_start(arguments, format);
    if (vasprintf(&finding->message, format, arguments) < 0)
        finding->message = NULL;
    va_end(arguments);
    finding->next = next ? strdup(next) : NULL;
    report->failed = report->failed || !finding->message || (next && !finding->next);
}

bool report_has_any(const struct report *report)
{
    return report->count > 0 && report->list[report->count - 1].name == report->name;
}

void report_clear(struct report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        free(report->list[i].message);
        free(report->list[i].next);
    }
    free(report->list);
    *report = (struct report){0};
}

size_t report_count(const struct report *report, enum finding_status status)
{
    size_t count = 0;

    for (size_t i = 0; i < report->count; i++)
        count += report->list[i].status == status;
    return count;
}

int report_exit_code(const struct report *report)
{
    if (report_count(report, FINDING_FAILURE) > 0)
        return 2;
    return report_count(report, FINDING_WARNING) > 0 ? 1 : 0;
}

static bool fits(const struct style *style, const char *message, const char *next)
{
    return style->width == 0 || MARGIN + strlen(message) + 3 + strlen(next) <= style->width;
}

/* What to do stands on a line of its own where both do not fit on one. */
static int print_finding(FILE *out, const struct finding *finding, const struct style *style)
{
    const char *word = statuses[finding->status].word, *next = finding->next ? finding->next : "";
    enum tint tint = statuses[finding->status].tint;
    bool is_one_line = fits(style, finding->message, next);
    int r = style_fold(out, style, tint, MARGIN, "%-4s  %-*s  %s%s%s", word, NAME_WIDTH, finding->name,
                       finding->message, *next && is_one_line ? "   " : "", is_one_line ? next : "");

    if (r == 0 && !is_one_line && *next)
        r = style_fold(out, style, tint, MARGIN, "%*s%s", MARGIN, "", next);
    return r;
}

/* What to do first: about a failure, else about a warning. */
static const char *find_next(const struct report *report, enum finding_status status)
{
    for (size_t i = 0; i < report->count; i++) {
        if (report->list[i].status == status && report->list[i].next)
            return report->list[i].next;
    }
    return NULL;
}

static int print_sum(FILE *out, const struct report *report, const struct style *style)
{
    size_t warnings = report_count(report, FINDING_WARNING), failures = report_count(report, FINDING_FAILURE);
    const char *next = find_next(report, failures > 0 ? FINDING_FAILURE : FINDING_WARNING);

    if (warnings + failures == 0)
        return style_line(out, style, TINT_GREEN, "all is well");
    return style_fold(out, style, TINT_BOLD, 2, "%zu %s, %zu %s%s%s", warnings, plural(warnings, "warning", "warnings"),
                      failures, plural(failures, "failure", "failures"), next ? "     next: " : "", next ? next : "");
}

int report_print(FILE *out, const struct report *report, const struct style *style)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < report->count; i++)
        r = print_finding(out, &report->list[i], style);
    return r == 0 ? print_sum(out, report, style) : r;
}
