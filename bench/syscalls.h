/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How many system calls a client makes for a million reports, the helper thread's and the question at the end included:
 * counted by tracing it. Where tracing is not allowed the row is missing.
 */

struct bench;

void syscalls_measure(struct bench *bench);
void syscalls_print(const struct bench *bench);
