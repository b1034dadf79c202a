/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "smi/act/act.h"

/* What reset-peaks and forget did, as keys of the document. -ENOMEM. */
int json_print_act(FILE *out, const struct act *act, bool indented);
