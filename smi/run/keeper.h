/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The keeper of a private server: server.h says what it is for. */

#include <stdbool.h>

struct keeper {
    int listener;          /* the server's socket */
    int life;              /* its end is that of the server */
    int log;               /* where the server's words go */
    const char *directory; /* to be removed, with the socket in it */
    const char *path;
};

/* Becomes the keeper, in a child that has all signals blocked. */
_Noreturn void keeper_run(const struct keeper *keeper);

/* Whether these are the words of one that had no server to become. */
bool keeper_found_no_program(const char *words);
