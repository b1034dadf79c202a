/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Whatever happens, the terminal is left as it was found. Signals that end or stop the program are read from a
 * descriptor, where the loop can give the terminal back properly; those of a crash are caught, and what is needed then
 * is prepared beforehand.
 */

#include <signal.h>
#include <stdbool.h>

/* Blocks the signals for all threads to come, and notes the terminal's modes. Returns a descriptor of them, or
 * a negative errno. */
int guard_begin(int tty);

/* Undoes it. */
void guard_end(int fd);

/* The next signal, or 0. */
int guard_read(int fd);

/* Lets a signal do to this process what it usually does. Returns if it does not end it: it was stopped, and goes on. */
void guard_yield(int number);
