/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Whether the helper thread is all that is left of its process.
 *
 * A program whose main thread ends in pthread_exit() ends with the last of its threads. Ours never ends by itself, so
 * it has to notice that it is the last one.
 */

#include <stdbool.h>

/* Has tell() called when the main thread, if that is the one that runs this, ends in pthread_exit(). The second call
 * does nothing. */
void tt_alloc_main_thread_watch(void (*tell)(void));

/* Whether there are no threads but the main one, which has ended, and the one that asks. */
bool tt_alloc_main_thread_left_nobody(void);
