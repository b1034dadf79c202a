/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The sentences of a verdict, once for all places where they are told. Each is one line, escaped, without an end of the
 * line. NULL when out of memory; free() them.
 */

#include "smi/run/verdict.h"

/* "3 buffers, 24.0M DRAM, device 1, pid 4711, python3 -m pytest" */
char *run_words_leak(const struct run_leak *leak, bool utf8);

/* "1.0M to 2.0M", "at least 1.0M" */
struct formatted run_words_peak(const struct run_peak *peak);

/* "peak DRAM 12.0G on device 0, limit 10.0G" */
char *run_words_limit(const struct run_verdict *verdict, const struct run_options *options, unsigned pool);

/* What is missing, with "; " between; "" if nothing is. */
char *run_words_gaps(const struct run_facts *facts, const struct run_verdict *verdict, bool utf8);

/* "command passed, leak gate FAILED" */
char *run_words_conclusion(const struct run_verdict *verdict, bool strict);
