/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Everything the server says goes through log_event(): to journald with fields when the server runs under it, else to
 * stderr as one plain line. Logging never waits for who reads it (a line that would block, or for which a disk has no
 * room, is counted and its loss is told with the next line that gets through), never fails towards the caller, and
 * leaves errno alone.
 *
 * Levels are those of <syslog.h>. Names that come from outside must pass log_escape() first.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <syslog.h>

/* Lines less important than `level` are left out. Call once before the first line. */
void log_open(int level);

/* "error", "warning", "info" or "debug" as a level; -EINVAL for anything else. */
int log_level_from_string(const char *text);

/* One line, without a newline. fields are "NAME=value" strings for the journal, ignored on stderr. */
void log_event(int level, const char *const *fields, size_t field_count, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#define log_line(level, ...) log_event(level, NULL, 0, __VA_ARGS__)

/* Lines that could not be written so far. */
uint64_t log_lines_lost(void);

/*
 * Writes text into out (size bytes, always terminated) so that it is one printable line of UTF-8: control characters,
 * backslashes and bytes that are not UTF-8 become \xNN. What does not fit is cut. Returns out.
 */
const char *log_escape(const char *text, char *out, size_t size);
