/* SPDX-License-Identifier: Apache-2.0 */

/* What doctor found, for programs. Names and statuses are stable; messages are for people and may change. */

#include "smi/json/doctor.h"
#include "smi/json/json.h"
#include "smi/json/rows.h"

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
    const struct filter all = {.region = -1};
    json_t *document = json_document(snapshot, &all, VIEW_DOCTOR);

    if (document && json_object_set_new(document, "checks", json_findings(report)) < 0) {
        json_decref(document);
        document = NULL;
    }
    return json_write(out, document, indented);
}
