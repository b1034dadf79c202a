/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a person sees: pure functions from a sample to lines of text. None is longer than style->width. The filter must
 * be the one the sample was selected with: it decides which figures are summed. All return 0 or -ENOMEM.
 */

#include "smi/sample/snapshot.h"
#include "smi/text/style.h"

#include <stdio.h>

/* Program, host, time, and how complete the picture is. Says so if the server cannot be asked. */
int print_header(FILE *out, const struct snapshot *snapshot, const struct style *style);

/* The whole default view: header, devices, processes, remarks. */
int print_overview(FILE *out, const struct snapshot *snapshot, const struct filter *filter, const struct style *style);

int print_devices(FILE *out, const struct snapshot *snapshot, const struct filter *filter, const struct style *style);
int print_processes(FILE *out, const struct snapshot *snapshot, const struct filter *filter, const struct style *style);

/* What the tables do not show, and what to do about it; nothing where all is well. */
int print_remarks(FILE *out, const struct snapshot *snapshot, const struct filter *filter, const struct style *style);

/* Ended processes that left buffers: a summary, then each. */
int print_leaks(FILE *out, const struct snapshot *snapshot, const struct filter *filter, const struct style *style);

/* All ended processes that the server remembers. */
int print_exited(FILE *out, const struct snapshot *snapshot, const struct filter *filter, const struct style *style);

/* The largest, oldest or each process's groups of live buffers, or single ones. */
int print_top(FILE *out, const struct snapshot *snapshot, const struct filter *filter, const struct style *style);
