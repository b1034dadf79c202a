/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Applications come on one after the other, each when the server knows what the one before holds: so devices have the
 * same numbers in every demo. All of them end with the director, whose end closes their standard input.
 */

#include "smi/demo/director.h"
#include "client/tt_alloc.h"
#include "smi/demo/client.h"
#include "smi/demo/story.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROLES_MAX 8
#define LOOKING_MS 500
#define REST 6 /* times LOOKING_MS, until one who ended comes on again */
#define ASKING_MS 2
#define PATIENCE 10000 /* times ASKING_MS, until the server must know */

struct actor {
    pid_t pid; /* 0: it has ended */
    unsigned rest;
};

struct stage {
    const struct director *director;
    const struct story *story;
    int input[2]; /* of all applications */
    struct actor actors[ROLES_MAX];
};

/* Whether the demo is over. */
static bool is_over(const struct stage *stage, int milliseconds)
{
    struct pollfd life = {.fd = stage->director->life, .events = POLLIN};

    return poll(&life, 1, milliseconds) > 0;
}

/* The pipes are close-on-exec: no application keeps another's open. */
static int set_up_descriptors(posix_spawn_file_actions_t *actions, int input, int output)
{
    int error = posix_spawn_file_actions_adddup2(actions, input, STDIN_FILENO);

    if (error == 0 && output >= 0)
        error = posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
    else if (error == 0)
        error = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (error == 0) /* when the server goes first, the library says so, which is no news here */
        error = posix_spawn_file_actions_addopen(actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    return -error;
}

static int start(struct stage *stage, size_t role, enum client_pace pace, int output)
{
    posix_spawn_file_actions_t actions;
    char task[48];
    pid_t pid;
    int r = -posix_spawn_file_actions_init(&actions);

    if (r < 0)
        return r;
    snprintf(task, sizeof(task), "%u %zu %u", stage->director->story, role, (unsigned)pace);
    r = setenv(CLIENT_VARIABLE, task, 1) < 0 ? -errno : set_up_descriptors(&actions, stage->input[0], output);
    if (r == 0)
        r = -posix_spawn(&pid, "/proc/self/exe", &actions, NULL, (char *const *)stage->story->roles[role].words,
                         environ);
    if (r == 0)
        stage->actors[role].pid = pid;
    posix_spawn_file_actions_destroy(&actions);
    return r;
}

/* Its byte; if it fails it closes its output without one. */
static int wait_for_word(const struct stage *stage, int output)
{
    struct pollfd watched[] = {{.fd = output, .events = POLLIN}, {.fd = stage->director->life, .events = POLLIN}};
    char byte;

    while (poll(watched, 2, -1) < 0 && errno == EINTR)
        ;
    return watched[1].revents == 0 && read(output, &byte, 1) == 1 ? 0 : -ECANCELED;
}

static bool has_ended(struct tt_alloc_connection *connection, pid_t pid)
{
    struct tt_alloc_filter filter = {.pid = (int32_t)pid};
    struct tt_alloc_list *list = NULL;
    bool ended = tt_alloc_list_ended(connection, &filter, &list) == 0 && tt_alloc_list_count(list) > 0;

    tt_alloc_list_free(list);
    return ended;
}

static int wait_for_end(struct stage *stage, struct actor *actor)
{
    struct tt_alloc_connection *connection = NULL;
    int r = waitpid(actor->pid, NULL, 0) < 0 ? -errno : tt_alloc_connect(NULL, &connection);

    for (int n = 0; r == 0 && !has_ended(connection, actor->pid); n++)
        r = is_over(stage, ASKING_MS) || n == PATIENCE ? -ECANCELED : 0;
    tt_alloc_disconnect(connection);
    actor->pid = 0;
    return r;
}

static int bring_on(struct stage *stage, size_t role)
{
    int output[2], r;

    if (pipe2(output, O_CLOEXEC) < 0)
        return -errno;
    r = start(stage, role, stage->director->is_live ? PACE_LIVE : PACE_HOLD, output[1]);
    close(output[1]);
    if (r == 0)
        r = wait_for_word(stage, output[0]);
    close(output[0]);
    if (r == 0 && stage->story->roles[role].ending != ENDING_NONE)
        r = wait_for_end(stage, &stage->actors[role]);
    return r;
}

static int come_to_the_point(struct stage *stage)
{
    int r = 0;

    for (size_t role = 0; r == 0 && role < stage->story->role_count; role++)
        r = bring_on(stage, role);
    return r == 0 && write(stage->director->point, "", 1) != 1 ? -errno : r;
}

static void look_after(struct stage *stage, size_t role)
{
    struct actor *actor = &stage->actors[role];

    if (actor->pid > 0 && waitpid(actor->pid, NULL, WNOHANG) == actor->pid)
        *actor = (struct actor){0};
    else if (actor->pid == 0 && ++actor->rest == REST)
        start(stage, role, PACE_SLOW, -1);
}

static void go_on(struct stage *stage)
{
    while (!is_over(stage, stage->director->is_live ? LOOKING_MS : -1)) {
        for (size_t role = 0; role < stage->story->role_count; role++)
            look_after(stage, role);
    }
}

static void clear_stage(struct stage *stage)
{
    close(stage->input[1]);
    for (size_t role = 0; role < stage->story->role_count; role++) {
        if (stage->actors[role].pid > 0)
            waitpid(stage->actors[role].pid, NULL, 0);
    }
}

_Noreturn void director_run(const struct director *director)
{
    struct stage stage = {.director = director, .story = &stories[director->story], .input = {-1, -1}};
    int r = pipe2(stage.input, O_CLOEXEC) < 0 ? -errno : 0;

    setsid(); /* the terminal's Ctrl-C is for tt-smi, which then ends all in order */
    if (r == 0 && (setenv("TT_ALLOC_SOCKET", director->path, 1) < 0 || setenv("TT_ALLOC_TRACKING_ENABLED", "1", 1) < 0))
        r = -errno;
    if (r == 0)
        r = come_to_the_point(&stage);
    close(director->point);
    if (r == 0)
        go_on(&stage);
    clear_stage(&stage);
    _exit(r < 0);
}
