/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What --help, -h and --version print. No line is longer than 80 columns. */

#include "smi/cli/options.h"

#include <stdio.h>

extern const char version_text[];

/* A verb with what goes with it; VIEW_TABLE: everything. */
void help_print(FILE *out, enum view verb);

/* Fits on one screen of 24 lines. */
void help_print_short(FILE *out);
