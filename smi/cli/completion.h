/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Scripts that let a shell complete the words of a command line, made of the tables of options and verbs. They need
 * nothing but the shell, and ask nobody: devices are the names in /dev/tenstorrent, which is listed and never opened.
 */

#include "smi/cli/option_table.h"

void completion_print(FILE *out, enum shell shell);

void completion_print_bash(FILE *out);
void completion_print_zsh(FILE *out);
void completion_print_fish(FILE *out);

#define COMPLETION_VERBS ((1u << VIEWS) - 1 - (1u << VIEW_TABLE)) /* those that are words */

/* The names of verbs with the separator between them; having no verb is called "none". */
void completion_put_verbs(FILE *out, unsigned verbs, const char *separator);
