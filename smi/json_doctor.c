/* SPDX-License-Identifier: Apache-2.0 */

/* What doctor found, for programs. Names and statuses are stable; messages are for people and may change. */

#include "smi/json_doctor.h"
#include "smi/format.h"
#include "smi/json.h"
#include "smi/json_rows.h"

#include <errno.h>

static json_t *entry(const struct finding *finding)
{
    return json_pack("{s:s, s:s, s:o, s:o}", "name", finding->name, "status", finding_name(finding->status), "message",
                     json_text(finding->message), "next", json_text(finding->next));
}

json_t *json_findings(const struct report *report)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < report->count; i++) {
        if (json_array_append_new(list, entry(&report->list[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

int json_print_doctor(FILE *out, const struct snapshot *snapshot, const struct report *report, bool indented)
{
    json_t *document = json_pack("{s:i, s:{s:s, s:s}, s:s, s:o, s:o}", "schema", JSON_SCHEMA, "generator", "name",
                                 "tt-smi", "version", TT_ALLOC_VERSION, "time", format_iso(snapshot->time).text, "host",
                                 json_text(snapshot->name), "checks", json_findings(report));
    int r = document ? json_dumpf(document, out, indented ? JSON_INDENT(2) : JSON_COMPACT) : -1;

    json_decref(document);
    if (r < 0)
        return -ENOMEM;
    fputc('\n', out);
    return 0;
}
