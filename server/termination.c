/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The signals stay blocked: what comes before the loop turns waits in the descriptor, and what comes a second time,
 * while the server leaves, changes nothing.
 */

#include "server/termination.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "server/log.h"
#include "server/server.h"

static int cannot_start(int error)
{
    log_line(LOG_ERR, "Cannot start, because nothing could stop it: %s", strerror(-error));
    return error;
}

/* Nothing is read: who comes here is about to leave. */
static void on_arrived(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct termination *termination = watcher->data;

    if (events & EV_ERROR)
        termination->error = cannot_start(-ENOMEM);
    termination->has_come = true;
    ev_io_stop(loop, watcher);
    ev_break(loop, EVBREAK_ALL);
}

int termination_init(struct termination *termination, struct server *server)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    termination->fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (termination->fd < 0)
        return cannot_start(-errno);
    ev_io_init(&termination->arrived, on_arrived, termination->fd, EV_READ);
    termination->arrived.data = termination;
    server_watch(server, &termination->arrived);
    return 0;
}

void termination_done(struct termination *termination, struct server *server)
{
    if (termination->fd < 0)
        return;
    ev_io_stop(server->loop, &termination->arrived);
    close(termination->fd);
}
