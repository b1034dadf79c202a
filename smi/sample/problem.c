/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One table for all that can be wrong with a server, so that text, JSON and exit code cannot disagree.
 */

#include "smi/sample/problem.h"
#include "smi/text/text.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct problem {
    int error;
    int exit_code;
    const char *name;
    const char *reason; /* NULL: what strerror() says */
    const char *advice; /* %s: the path */
};

#define START                                                                                                          \
    "start it: sudo systemctl start tt-allocation-server.socket   for you alone: tt-allocation-server --socket %s"
#define VERSIONS "compare: tt-smi --version   tt-allocation-server --version"

static const struct problem problems[] = {
    {-ENOENT, EXIT_NO_SERVER, "server_unreachable", "there is no such socket", START},
    {-ECONNREFUSED, EXIT_NO_SERVER, "server_unreachable", "nothing listens there", START},
    {-ECONNRESET, EXIT_NO_SERVER, "server_unreachable", "it went away in the middle of an answer",
     "look: systemctl status tt-allocation-server   and try again"},
    {-ETIMEDOUT, EXIT_NO_SERVER, "server_unreachable", "it does not answer in time",
     "look: systemctl status tt-allocation-server"},
    {-ENAMETOOLONG, EXIT_NO_SERVER, "server_unreachable", "the path is too long for a socket",
     "give a shorter one: tt-smi --socket PATH"},
    {-EACCES, EXIT_NOT_PERMITTED, "not_permitted", "it is closed to you, or its owner is not trusted",
     "look: ls -l %s   trust its owner: TT_ALLOC_SERVER_USER=NAME tt-smi"},
    {-EPERM, EXIT_NOT_PERMITTED, "not_permitted", "it does not show this to you", "ask for the group tt-alloc"},
    {-EPROTO, EXIT_PROTOCOL, "protocol", "what listens there does not speak our protocol", VERSIONS},
    {-EPROTONOSUPPORT, EXIT_PROTOCOL, "protocol", "it speaks another version of the protocol", VERSIONS},
    {-ENOMEM, EXIT_USAGE, "no_memory", "out of memory here", "free memory on this host and try again"},
};

/* Whatever else happens to a connection means that the server could not be asked. */
static const struct problem other = {0, EXIT_NO_SERVER, "server_unreachable", NULL, START};

static const struct problem *find(int error)
{
    for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++) {
        if (problems[i].error == error)
            return &problems[i];
    }
    return &other;
}

int problem_exit_code(int error)
{
    return find(error)->exit_code;
}

const char *problem_name(int error)
{
    return find(error)->name;
}

const char *problem_reason(int error)
{
    const char *reason = find(error)->reason;

    return reason ? reason : strerror(-error);
}

char *problem_advice(int error, const char *path)
{
    const char *advice = find(error)->advice, *place = strstr(advice, "%s");
    char *text;
    int length = place ? asprintf(&text, "%.*s%s%s", (int)(place - advice), advice, path, place + 2)
                       : asprintf(&text, "%s", advice);

    return length < 0 ? NULL : text;
}

void problem_report(int error, const char *path)
{
    char *shown_path = text_escape(path, false), *advice = problem_advice(error, shown_path ? shown_path : "?");

    fprintf(stderr, "tt-smi: no answer from an allocation server at %s: %s\n", shown_path ? shown_path : "?",
            problem_reason(error));
    if (advice)
        fprintf(stderr, "  %s\n", advice);
    free(advice);
    free(shown_path);
}
