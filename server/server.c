/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Putting the parts together and taking them apart again. Nothing here runs while nobody does anything: no timers but
 * the one that feeds systemd's watchdog, and only where systemd asked for it.
 */

#include "server/server.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <systemd/sd-daemon.h>

#include "server/clock.h"
#include "server/journal.h"
#include "server/log.h"
#include "server/loop_memory.h"
#include "server/reserve.h"
#include "server/session.h"

#define FD_LIMIT_MAX (1 << 18)

/* Fed from the loop and nowhere else: a loop that does not turn must be noticed. */
static void on_watchdog(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events;
    manager_notify("WATCHDOG=1");
}

static void on_no_wait(struct ev_loop *loop, ev_idle *watcher, int events)
{
    (void)events;
    ev_idle_stop(loop, watcher);
}

static void tell_status(const struct server *server)
{
    uint64_t count = server->registry.processes.count;
    char state[64];

    snprintf(state, sizeof(state), "STATUS=%" PRIu64 " process%s reporting", count, count == 1 ? "" : "es");
    manager_notify(state);
}

static void on_status(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    tell_status(timer->data);
}

static void on_remains(struct remains remains, void *userdata)
{
    struct server *server = userdata;

    reporter_add_remains(&server->reporter, remains);
}

/* Some hosts allow a thousand million; there is nobody to use them. */
static size_t raise_fd_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1024;
    limit.rlim_cur = limit.rlim_max < FD_LIMIT_MAX ? limit.rlim_max : FD_LIMIT_MAX;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return getrlimit(RLIMIT_NOFILE, &limit) < 0 ? 1024 : limit.rlim_cur;
}

/* Not the one that whoever is hidden seems to be in. */
static gid_t find_group(const struct uid_view *view)
{
    const struct group *group = getgrnam(SERVER_GROUP);

    if (!group || (uid_view_hides(view) && group->gr_gid == view->overflow))
        return (gid_t)-1;
    return group->gr_gid;
}

/* Who is who: before anybody connects. */
static int learn_users(struct server *server, const struct limits *limits)
{
    struct users *users = &server->registry.users;

    server->uid_view = uid_view_read();
    server->group = find_group(&server->uid_view);
    users->limits = *limits;
    if (uid_view_hides(&server->uid_view))
        users->hidden = server->uid_view.overflow;
    return uid_view_check(&server->uid_view);
}

static void start_watchdog(struct server *server)
{
    uint64_t period;

    if (sd_watchdog_enabled(0, &period) <= 0)
        return;
    ev_timer_init(&server->watchdog, on_watchdog, 0., (double)period / 2e6);
    ev_timer_start(server->loop, &server->watchdog);
}

static void ignore_signals(void)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
}

/* The pieces of large ledgers are mapped one by one, so that they go back to the system when their process is gone. */
static void tune_malloc(void)
{
    mallopt(M_MMAP_THRESHOLD, 65536);
    mallopt(M_MMAP_MAX, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 20);
}

int server_init(struct server *server, const struct server_options *options)
{
    size_t descriptors = raise_fd_limit();
    int error;

    *server = (struct server){.started = clock_now(),
                              .start_time = clock_wall(),
                              .listeners.spare_fd = -1,
                              .socket_watch.fd = -1,
                              .termination.fd = -1};
    list_init(&server->sessions);
    tune_malloc();
    reserve_init();
    places_init(&server->places, descriptors);
    registry_init(&server->registry, on_remains, server);

    server->loop = loop_memory_init(descriptors) < 0 ? NULL : ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    server->scratch = malloc(SERVER_READ_SIZE + TT_ALLOC_FRAME_MAX);
    if (!server->loop || !server->scratch) {
        log_line(LOG_ERR, "Cannot start: no event loop or no memory");
        return -ENOMEM;
    }
    ev_timer_init(&server->status, on_status, 1., 0.);
    server->status.data = server;
    reporter_init(&server->reporter, server->loop, &server->registry, options->leak_lines);
    drain_init(&server->drain, server);
    ignore_signals();
    error = termination_init(&server->termination, server);
    if (error == 0)
        error = learn_users(server, &options->limits);
    if (error == 0)
        error = hardware_init(&server->hardware, server->loop, &server->registry, options->root);
    if (error < 0)
        return error;
    error = listeners_init(&server->listeners, server, options->paths, options->path_count);
    if (error == 0)
        socket_watch_init(&server->socket_watch, server);
    return error;
}

/* libev asks the kernel when it begins to wait, and calls a watcher that was refused when that wait is over. */
void server_watch(struct server *server, ev_io *watcher)
{
    ev_io_start(server->loop, watcher);
    if (ev_is_active(&server->no_wait))
        return;
    ev_idle_init(&server->no_wait, on_no_wait);
    ev_idle_start(server->loop, &server->no_wait);
}

/* Once a second at most: processes that come and go must not keep systemd busy, nor make us wait for it. */
void server_update_status(struct server *server)
{
    if (!getenv("NOTIFY_SOCKET") || ev_is_active(&server->status))
        return;
    ev_timer_set(&server->status, 1., 0.);
    ev_timer_start(server->loop, &server->status);
}

int server_run(struct server *server)
{
    start_watchdog(server);
    pace_start(server);
    tell_status(server);
    ev_run(server->loop, EVRUN_NOWAIT); /* whether the kernel watches what it must is known then */
    if (!server->termination.has_come) {
        sd_notify(0, "READY=1");
        ev_run(server->loop, 0);
    }
    manager_notify("STOPPING=1");
    return server->termination.error;
}

void server_done(struct server *server)
{
    while (!list_is_empty(&server->sessions)) /* one may take others along */
        session_finish(LIST_ENTRY(server->sessions.next, struct session, link));
    drain_done(&server->drain);
    hardware_done(&server->hardware);
    socket_watch_done(&server->socket_watch);
    listeners_done(&server->listeners);
    termination_done(&server->termination, server);
    if (server->reporter.loop)
        reporter_done(&server->reporter);
    registry_done(&server->registry);
    free(server->scratch);
    if (server->loop)
        ev_loop_destroy(server->loop);
    loop_memory_done();
}
