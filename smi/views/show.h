/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Turns a sample into the output that the options ask for. */

#include "smi/cli/options.h"
#include "smi/sample/snapshot.h"
#include "smi/text/style.h"

#include <stdio.h>

/* 0 or -ENOMEM. A sample without a server is shown as such. */
int show(FILE *out, const struct snapshot *snapshot, const struct options *options, const struct style *style);

/* What tt-smi doctor finds, and its exit code. -ENOMEM. */
int show_doctor(FILE *out, const struct snapshot *snapshot, const struct options *options, const struct style *style,
                int *ret_code);
