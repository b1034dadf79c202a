/* SPDX-License-Identifier: Apache-2.0 */

/*
 * It is the socket's inode that is watched, not its directory: in /tmp others make and remove files all the time, and
 * each of these would wake the server up. Losing its name changes an inode's count of links, and that is told. Anybody
 * could change that count by making links of his own, so news is answered by one look a second later, however much of
 * it there is.
 */

#include "server/socket_watch.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "server/log.h"
#include "server/server.h"

#define PAUSE_FIRST 1.
#define PAUSE_LONGEST 600.

static void watch_listener(struct socket_watch *watch, const struct listener *listener)
{
    if (listener->path && inotify_add_watch(watch->fd, listener->path, IN_ATTRIB | IN_MOVE_SELF | IN_DONT_FOLLOW) < 0)
        log_line(LOG_WARNING, "Cannot watch %s, so it will not be noticed if it is removed: %s", listener->path,
                 strerror(errno));
}

static void tell_passed(struct listener *listener)
{
    if (!listener->told)
        log_line(LOG_WARNING,
                 "The socket %s, passed by systemd, was removed, and who starts now finds no server there; to make it "
                 "again: systemctl restart tt-allocation-server.socket",
                 listener->path);
    listener->told = true;
}

static int make_again(struct socket_watch *watch, struct listener *listener)
{
    int former_fd, error;

    if (!listener->told)
        log_line(LOG_WARNING, "The socket %s was removed; making it again", listener->path);
    listener->told = true;
    error = socket_file_make_again(listener->path, &listener->file, &former_fd);
    if (error < 0)
        return error;
    listener->told = false;
    listener_move(listener, former_fd);
    watch_listener(watch, listener);
    log_line(LOG_INFO, "Listening on %s", listener->path);
    return 0;
}

static int look_after(struct socket_watch *watch, struct listener *listener)
{
    if (!listener->path || socket_file_stands(listener->path, &listener->file))
        return 0;
    if (!listener->passed)
        return make_again(watch, listener);
    tell_passed(listener);
    return 0;
}

static void look_again_in(struct socket_watch *watch, double seconds)
{
    watch->pause = seconds < PAUSE_LONGEST ? seconds : PAUSE_LONGEST;
    ev_timer_set(&watch->look, watch->pause, 0.);
    ev_timer_start(watch->server->loop, &watch->look);
}

static void forget_news(struct socket_watch *watch)
{
    char news[4096];

    while (read(watch->fd, news, sizeof(news)) > 0)
        ;
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct socket_watch *watch = timer->data;
    const struct listeners *listeners = &watch->server->listeners;
    int error = 0;

    (void)events;
    forget_news(watch);
    for (size_t i = 0; i < listeners->count; i++)
        if (look_after(watch, listeners->items[i]) < 0)
            error = -EAGAIN;
    if (error < 0)
        look_again_in(watch, watch->pause * 2);
    else
        ev_io_start(loop, &watch->news);
}

static void on_news(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)events;
    ev_io_stop(loop, watcher);
    look_again_in(watcher->data, PAUSE_FIRST);
}

void socket_watch_init(struct socket_watch *watch, struct server *server)
{
    const struct listeners *listeners = &server->listeners;

    *watch = (struct socket_watch){.server = server, .fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
    if (watch->fd < 0) {
        log_line(LOG_WARNING, "Cannot watch the sockets, so it will not be noticed if they are removed: %s",
                 strerror(errno));
        return;
    }
    ev_timer_init(&watch->look, on_look, PAUSE_FIRST, 0.);
    ev_io_init(&watch->news, on_news, watch->fd, EV_READ);
    watch->look.data = watch->news.data = watch;
    ev_io_start(server->loop, &watch->news);
    for (size_t i = 0; i < listeners->count; i++)
        watch_listener(watch, listeners->items[i]);
}

void socket_watch_done(struct socket_watch *watch)
{
    if (watch->fd < 0)
        return;
    ev_io_stop(watch->server->loop, &watch->news);
    ev_timer_stop(watch->server->loop, &watch->look);
    close(watch->fd);
}
