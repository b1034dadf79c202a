/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Text that other people chose: command lines, user names, board names. A process may call itself anything, so what it
 * says is never trusted to be UTF-8, to be one line, or to leave the terminal alone.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the UTF-8 character at text, of which length bytes may be read; 0 if it is not one (cut, overlong,
 * surrogate). length must be at least 1. */
size_t utf8_decode(const char *text, size_t length, uint32_t *ret_character);

/* A copy fit for one line of a terminal: control characters, invisible ones and broken UTF-8 are spelled out (\n, \x1b,
 * \u202e); without utf8 everything beyond ASCII is. NULL when out of memory; free() it. */
char *text_escape(const char *text, bool utf8);

/* A copy that is valid UTF-8 with U+FFFD in place of what was not. NULL when out of memory; free() it. */
char *text_repair(const char *text);

/* Terminal columns of escaped text. */
size_t text_width(const char *text);

/* How many bytes at the start of escaped text fit into that many columns. */
size_t text_fit(const char *text, size_t columns);
