/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Who brings the applications of a demo on, waits for the story's point, and on a live screen brings those that ended
 * on again. It is a process of its own, so that tt-smi does nothing but show, as ever; it ends, and all that it started
 * with it, when the pipe that tt-smi holds closes, which it does however tt-smi ends.
 */

#include <stdbool.h>

struct director {
    unsigned story;
    bool is_live;
    const char *path; /* of the server's socket */
    int life;         /* its end is that of the demo */
    int point;        /* where a byte says that the story has come to its point */
};

/* Becomes the director, in a child. */
_Noreturn void director_run(const struct director *director);
