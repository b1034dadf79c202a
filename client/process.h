/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Whether this is still the process that the library's state belongs to.
 *
 * fork() runs handlers, but raw clone() and _Fork() do not, and asking for the process id costs a system call. So the
 * answer stands in a page that the kernel hands to every child filled with zeros.
 */

#include <stdbool.h>
#include <stdint.h>

#define TT_ALLOC_PROCESS_OURS 1

extern uint32_t *tt_alloc_process_mark;

static inline bool tt_alloc_process_is_new(void)
{
    return __builtin_expect(__atomic_load_n(tt_alloc_process_mark, __ATOMIC_ACQUIRE) != TT_ALLOC_PROCESS_OURS, 0);
}

/* Called once, in the first process. */
void tt_alloc_process_start(void);

/* In a fork handler of the child: whether tt_alloc_process_take_over() was called in it before. */
bool tt_alloc_process_was_taken_over(void);

/* There too. */
void tt_alloc_process_is_ours(void);

/* In a process that turned out to be new: start_afresh() runs once, and no thread returns before it is done. */
void tt_alloc_process_take_over(void (*start_afresh)(void));
