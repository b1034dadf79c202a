/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "smi/doctor/doctor.h"

#include <jansson.h>

/* The findings: name, status, message and next. NULL when out of memory. */
json_t *json_findings(const struct report *report);

/* The whole document of tt-smi doctor --json: one line, or indented over several. -ENOMEM. */
int json_print_doctor(FILE *out, const struct snapshot *snapshot, const struct report *report, bool indented);
