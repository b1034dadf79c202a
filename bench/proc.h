/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the kernel says of a process that is being measured, from outside and without its help.
 */

#include <stdint.h>
#include <sys/types.h>

#define PROC_ANY_CORE (-1)

/* The calling thread, and what it starts later, runs on that core only. */
void proc_pin(int core);

/* CPU time of all its threads, those that ended included. */
uint64_t proc_cpu_ns(pid_t pid);

uint64_t proc_rss_bytes(pid_t pid);

/* How often its threads went to sleep, which is how often they were woken. */
uint64_t proc_sleeps(pid_t pid);
