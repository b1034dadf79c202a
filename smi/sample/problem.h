/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What went wrong with the server: for the user a line that says what, where and why and a second one with what to try,
 * for scripts an exit code and for JSON a word.
 */

enum exit_code {
    EXIT_FINE = 0,
    EXIT_FINDING = 1,
    EXIT_USAGE = 2, /* and what goes wrong on our own side: memory, a full disk behind stdout */
    EXIT_NO_SERVER = 3,
    EXIT_NOT_FOUND = 4,
    EXIT_NOT_PERMITTED = 5,
    EXIT_PROTOCOL = 6,
    EXIT_INCOMPLETE = 7, /* with --strict */
    EXIT_LEAKS = 23,     /* of run; LeakSanitizer's */
    EXIT_NOT_EXECUTABLE = 126,
    EXIT_NO_COMMAND = 127,
};

/* error is a negative errno of a tt_alloc_* call. The name lives forever, the reason until the next call. */
int problem_exit_code(int error);
const char *problem_name(int error);   /* "server_unreachable", ... */
const char *problem_reason(int error); /* "nothing listens there" */

/* What to try next, for a server at that path. NULL when out of memory; free() it. */
char *problem_advice(int error, const char *path);

/* Both lines on stderr. */
void problem_report(int error, const char *path);
