/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How every part of the benchmark fails: a measurement that went wrong half-way has no value, so the program says why
 * and ends. Its children end with it.
 */

/* Prints the text and what errno says, then exits with 1. */
__attribute__((noreturn, format(printf, 1, 2))) void give_up(const char *format, ...);
