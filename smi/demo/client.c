/* SPDX-License-Identifier: Apache-2.0 */

/*
 * It leaves by _exit() wherever it does: an application that crashes does not tidy up either, and what the parent's end
 * cuts short has nobody left to tell.
 */

#include "smi/demo/client.h"
#include "client/tt_alloc.h"
#include "smi/demo/script.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#define BEAT_MS 100
#define ASKING_MS 2
#define PATIENCE 10000 /* times ASKING_MS, until the server must know */

struct client {
    struct script script;
    enum client_pace pace;
};

bool client_is_wanted(void)
{
    return secure_getenv(CLIENT_VARIABLE) != NULL;
}

/* Ends the process if the demo is over. */
static void pause_for(int milliseconds)
{
    struct pollfd demo = {.fd = STDIN_FILENO, .events = POLLIN};

    if (poll(&demo, 1, milliseconds) > 0)
        _exit(0);
}

static bool is_known(struct tt_alloc_connection *connection, uint64_t live)
{
    struct tt_alloc_filter filter = {.pid = (int32_t)getpid()};
    struct tt_alloc_list *list = NULL;
    const struct tt_alloc_process *process;
    bool known;

    if (tt_alloc_list_processes(connection, &filter, &list) < 0)
        return false;
    process = tt_alloc_list_process(list, 0);
    known = process && process->buffers == live && !process->inexact;
    tt_alloc_list_free(list);
    return known;
}

/* The library tells the server in its own time, the more so when it has just been started. */
static int wait_until_known(uint64_t live)
{
    struct tt_alloc_connection *connection = NULL;
    int r = tt_alloc_connect(NULL, &connection);

    for (int n = 0; r == 0 && !is_known(connection, live); n++) {
        pause_for(ASKING_MS);
        r = n < PATIENCE ? 0 : -ETIMEDOUT;
    }
    tt_alloc_disconnect(connection);
    return r;
}

/* The server must know what was loaded before the beats begin: what it is told late, it is told as a sum, without the
 * peaks on the way. */
static int play_to_the_point(struct client *client)
{
    int r = script_load(&client->script);

    if (r == 0 && client->pace != PACE_SLOW)
        r = wait_until_known(client->script.live);
    for (unsigned beat = 0; r == 0 && beat < client->script.role->beats; beat++) {
        if (client->pace == PACE_SLOW)
            pause_for(BEAT_MS);
        r = script_beat(&client->script);
    }
    if (r < 0 || client->pace == PACE_SLOW)
        return r;
    r = wait_until_known(client->script.live);
    return r == 0 && write(STDOUT_FILENO, "", 1) != 1 ? -EPIPE : r;
}

static int play_on(struct client *client)
{
    int r = 0;

    while (client->pace == PACE_HOLD)
        pause_for(-1);
    while (r == 0) {
        pause_for(BEAT_MS);
        r = script_beat(&client->script);
    }
    return r;
}

static int play(struct client *client)
{
    int r = play_to_the_point(client);

    if (r < 0 || client->script.role->ending == ENDING_EXIT)
        return r;
    if (client->script.role->ending == ENDING_KILL)
        raise(SIGKILL);
    return play_on(client);
}

int client_run(void)
{
    struct client client;
    unsigned story, role, pace;

    if (sscanf(secure_getenv(CLIENT_VARIABLE), "%u %u %u", &story, &role, &pace) != 3 || story >= STORIES ||
        role >= stories[story].role_count) {
        fputs("tt-smi: " CLIENT_VARIABLE " is set, which is for tt-smi --demo alone: unset it\n", stderr);
        return 2;
    }
    client.pace = (enum client_pace)pace;
    prctl(PR_SET_NAME, stories[story].roles[role].words[0]);
    script_begin(&client.script, &stories[story], role);
    _exit(play(&client) < 0);
}
