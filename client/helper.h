/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The thread that connects, resyncs and watches the server, so that no reporting thread has to. It is started at the
 * first report of a process and lives as long as that. While all is well it sleeps without a time limit.
 *
 * All functions but the first and tt_alloc_helper_enter() are called with the recorder's lock held.
 */

#include <stdbool.h>

/* Reads the environment. Called once. */
void tt_alloc_helper_prepare(void);

bool tt_alloc_helper_is_started(void);

/* Tries to; if there can be no thread now, a later report tries again. */
void tt_alloc_helper_start(void);

/* There is something to be done: the recorder's state has changed. Only while there is a connection, or when it was
 * just lost. */
void tt_alloc_helper_kick(void);

/* In a new process, which has no such thread yet. */
void tt_alloc_helper_forget(void);

/* ---- For what runs in the thread ---- */

/* Takes the recorder's lock, or returns false: the thread of this number was replaced, or is all that is left of the
 * process, and must touch nothing. */
bool tt_alloc_helper_enter(unsigned number);

/* Whether what there is to tell may yet be told: a process that ends waits for that. */
void tt_alloc_helper_set_busy(bool is_busy);

bool tt_alloc_helper_is_busy(void);

/* ms; -1: without a limit. */
int tt_alloc_helper_longest_wait(void);

/* Becomes readable when the thread is kicked. */
int tt_alloc_helper_sleeper(void);
/* Makes it unreadable. -EBADF: somebody closed it. */
int tt_alloc_helper_take_kick(void);
