/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The one place that knows which view goes with which option.
 */

#include "smi/views/show.h"
#include "smi/doctor/doctor.h"
#include "smi/json/doctor.h"
#include "smi/json/json.h"
#include "smi/query/query.h"
#include "smi/text/terminal.h"
#include "smi/views/views.h"

/* In a loop every document is one line, whatever stdout is. */
static int show_json(FILE *out, const struct snapshot *snapshot, const struct options *options)
{
    return json_print(out, snapshot, &options->filter, options->view, !options->watch && terminal_is_stdout());
}

static int show_verb(FILE *out, const struct snapshot *snapshot, const struct options *options,
                     const struct style *style)
{
    int r = 0;

    if (options->watch) {
        r = print_header(out, snapshot, style);
        fputc('\n', out);
    }
    if (r < 0)
        return r;
    if (options->view == VIEW_TOP)
        return print_top(out, snapshot, &options->filter, style);
    return options->view == VIEW_LEAKS ? print_leaks(out, snapshot, &options->filter, style)
                                       : print_exited(out, snapshot, &options->filter, style);
}

int show(FILE *out, const struct snapshot *snapshot, const struct options *options, const struct style *style)
{
    if (options->json)
        return show_json(out, snapshot, options);
    if (options->csv)
        return query_print(out, snapshot, options);
    if (!snapshot_is_told(snapshot) || options->view == VIEW_TABLE)
        return print_overview(out, snapshot, &options->filter, style);
    return show_verb(out, snapshot, options, style);
}

int show_doctor(FILE *out, const struct snapshot *snapshot, const struct options *options, const struct style *style,
                int *ret_code)
{
    struct doctor_facts facts;
    struct report report;
    int r = doctor_facts_collect(snapshot, options->root, &facts);

    if (r < 0)
        return r;
    r = doctor_examine(&facts, &report);
    doctor_facts_clear(&facts);
    if (r < 0)
        return r;
    r = options->json ? json_print_doctor(out, snapshot, &report, terminal_is_stdout())
                      : report_print(out, &report, style);
    if (r == 0)
        *ret_code = report_exit_code(&report);
    report_clear(&report);
    return r;
}
