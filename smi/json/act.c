/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What was asked for, step by step, and what became of it. What names one of something is null where all were meant.
 * Without an answer of the server there are no steps, and the list is null.
 */

#include "smi/json/act.h"
#include "smi/json/json.h"
#include "smi/json/values.h"

#include <errno.h>

static const char *result_name(const struct act_step *step)
{
    switch (step->error) {
    case 0:
        return "done";
    case -ESRCH:
    case -ENODEV:
        return "not_found";
    case -EPERM:
        return "not_permitted";
    case -EOPNOTSUPP:
        return "not_supported";
    default:
        return "failed";
    }
}

static json_t *reset(const struct act_step *step)
{
    return json_pack("{s:o, s:o, s:s}", "device", step->all_devices ? json_null() : json_device_name(step->device),
                     "pid", json_count_if(step->pid > 0, (uint64_t)step->pid), "result", result_name(step));
}

static json_t *forgotten(const struct act_step *step)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:s}", "pid", json_count_if(step->pid > 0, (uint64_t)step->pid), "serial",
                     step->serial ? json_identifier(step->serial) : json_null(), "leaks",
                     json_count_if(step->error == 0, step->forgotten), "left_standing",
                     json_count_if(step->error == 0, step->others), "result", result_name(step));
}

static json_t *steps(const struct act *act)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < act->step_count; i++)
        list = json_append(list, act->view == VIEW_RESET_PEAKS ? reset(&act->steps[i]) : forgotten(&act->steps[i]));
    return list;
}

int json_print_act(FILE *out, const struct act *act, bool indented)
{
    const struct filter all = {.region = -1};
    json_t *document = json_document(&act->snapshot, &all, act->view);
    const char *key = act->view == VIEW_RESET_PEAKS ? "peaks_reset" : "forgotten";

    document = json_merge(document, json_pack("{s:o}", key, act->steps ? steps(act) : json_null()));
    return json_write(out, document, indented);
}
