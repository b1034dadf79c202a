/* SPDX-License-Identifier: Apache-2.0 */

/* Of the pipes' ends each process keeps its own alone: one more copy, and a reader would wait for ever. */

#include "smi/demo/demo.h"
#include "smi/demo/director.h"
#include "smi/demo/story.h"
#include "smi/demo/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The server's end is in our hands alone. */
_Noreturn static void become_director(struct director *director, const struct run_server *server)
{
    close(server->life);
    close(server->log);
    director_run(director);
}

static int fork_director(struct demo *demo, const struct options *options, const int *life, const int *point)
{
    struct director director = {options->story, options->watch, demo->server.path, life[0], point[1]};

    fflush(NULL); /* what is buffered must not be written twice */
    demo->director = fork();
    if (demo->director == 0) {
        close(life[1]);
        close(point[0]);
        become_director(&director, &demo->server);
    }
    close(life[0]);
    close(point[1]);
    demo->life = life[1];
    return demo->director < 0 ? -errno : 0;
}

static int wait_for_point(int point)
{
    char byte;
    ssize_t length;

    while ((length = read(point, &byte, 1)) < 0 && errno == EINTR)
        ;
    return length == 1 ? 0 : -ECANCELED;
}

static int start_director(struct demo *demo, const struct options *options)
{
    int life[2], point[2], r;

    if (pipe2(life, O_CLOEXEC) < 0)
        return -errno;
    if (pipe2(point, O_CLOEXEC) < 0) {
        r = -errno;
        close(life[0]);
        close(life[1]);
        return r;
    }
    r = fork_director(demo, options, life, point);
    if (r == 0)
        r = wait_for_point(point[0]);
    close(point[0]);
    return r;
}

int demo_start(const struct options *options, struct demo *ret)
{
    struct demo demo = {.life = -1};
    int r = run_server_start(&demo.server);

    if (r == 0) {
        r = demo_tree_make(demo.server.directory);
        if (r < 0)
            demo.server.failed = RUN_SERVER_FILES;
    }
    if (r == 0)
        r = start_director(&demo, options);
    if (r < 0) {
        fputs("tt-smi: the demo could not be started: ", stderr);
        run_server_explain(&demo.server, r);
        demo_stop(&demo);
        return r;
    }
    *ret = demo;
    return 0;
}

struct options demo_options(const struct options *options, const struct demo *demo)
{
    struct options ours = *options;

    ours.socket = demo->server.path;
    ours.root = demo->server.directory;
    return ours;
}

const enum view *demo_more_views(const struct options *options)
{
    static const enum view views[STORIES][3] = {
        [STORY_LEAK] = {VIEW_LEAKS},
        [STORY_CRASH] = {VIEW_EXITED, VIEW_LEAKS},
    };
    static const enum view none = VIEW_TABLE;
    bool is_all = options->watch || options_want_data(options) || options->view != VIEW_TABLE;

    return is_all ? &none : views[options->story];
}

void demo_stop(struct demo *demo)
{
    if (demo->life >= 0)
        close(demo->life);
    if (demo->director > 0)
        waitpid(demo->director, NULL, 0);
    run_server_stop(&demo->server);
    *demo = (struct demo){.life = -1};
}
