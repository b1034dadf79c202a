/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * An application of a demo: this program once more, under the command line of the role that it plays, so that the
 * kernel, and by it the server and the tables, know it by no other. What it has to do stands in an environment variable
 * for this reason. Its standard input ends when the demo does; on its standard output it says with one byte that the
 * server knows of all it holds.
 */

#include <stdbool.h>
#include <stddef.h>

#define CLIENT_VARIABLE "TT_SMI_DEMO_CLIENT" /* "STORY ROLE PACE", numbers */

enum client_pace {
    PACE_HOLD, /* at once to the story's point, and there it stays */
    PACE_LIVE, /* at once to the story's point, and from there on beat by beat */
    PACE_SLOW, /* beat by beat from the start */
};

/* Whether this process is one. */
bool client_is_wanted(void);

int client_run(void);
