/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How a verdict is told. All of them only write what words.h says; stdout is the command's. -ENOMEM, or what went
 * wrong with a file. */

#include "smi/run/verdict.h"

/* The summary on stderr. */
int run_report(const struct run_facts *facts, const struct run_verdict *verdict, bool utf8);

/* Annotations as GitHub's runner reads them from what a step prints. */
int run_report_github(const struct run_facts *facts, const struct run_verdict *verdict);

/* Whether JUnit XML can be written there: better known now than after an hour of tests. */
int run_report_try_junit(const char *path);

/* JUnit XML, in one piece or not at all. What is there and is no file is written in place. */
int run_report_junit(const char *path, const struct run_facts *facts, const struct run_verdict *verdict,
                     uint64_t duration);
