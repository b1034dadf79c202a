/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Accepting. A listening socket stays readable while somebody waits in its queue, so whatever keeps the server from
 * accepting him must take him out of the queue or stop the watching; otherwise the loop would spin.
 */

#include "server/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "protocol/tt_alloc_protocol.h"
#include "server/clock.h"
#include "server/log.h"
#include "server/mounts.h"
#include "server/refusal.h"
#include "server/server.h"
#include "server/session.h"

#define ACCEPTS_PER_TURN 16     /* each is some 20 us, and as much again for its first frame */
#define ACCEPTS_WHILE_CLOSING 4 /* or sessions would begin faster than they can end */
#define PAUSE 0.5               /* seconds */
#define PAUSE_SILENCE (60 * NSEC_PER_SEC)

static int cannot_listen(int error)
{
    log_line(LOG_ERR, "Cannot listen: %s", strerror(-error));
    return error;
}

static int open_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Nobody waits longer than the pause, unless it is followed by another. */
static void pause_accepting(struct listener *listener, int error)
{
    struct server *server = listener->server;
    uint64_t now = clock_now();

    server->registry.figures.accept_pauses++;
    if (!listener->told_pause || now - listener->told_pause > PAUSE_SILENCE) {
        log_line(LOG_WARNING, "Nobody can connect for now: %s; connections wait", strerror(error));
        listener->told_pause = now;
    }
    ev_io_stop(listener->server->loop, &listener->acceptable);
    ev_timer_again(listener->server->loop, &listener->pause);
}

static void on_pause_over(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct listener *listener = timer->data;

    (void)events;
    if (listener->server->listeners.spare_fd < 0)
        listener->server->listeners.spare_fd = open_spare();
    ev_timer_stop(loop, timer);
    server_watch(listener->server, &listener->acceptable);
}

/* Descriptors have run out: gives the spare one up, takes the connection with it, and closes both. There need not be
 * one: the kernel looks for a descriptor before it looks for a connection. */
static void turn_one_away(struct listener *listener, int error)
{
    struct listeners *listeners = &listener->server->listeners;
    int fd;

    if (listeners->spare_fd < 0) {
        pause_accepting(listener, -error);
        return;
    }
    close(listeners->spare_fd);
    fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        refusal_note(listener->server, fd, error);
        close(fd);
    } else if (errno == EMFILE || errno == ENFILE)
        pause_accepting(listener, errno);
    listeners->spare_fd = open_spare();
}

/* Whether to try the next one at once. */
static bool accept_one(struct listener *listener)
{
    struct server *server = listener->server;
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int error;

    if (fd < 0) {
        error = errno;
        if (error == EMFILE || error == ENFILE)
            turn_one_away(listener, -error);
        else if (error == ENOBUFS || error == ENOMEM)
            pause_accepting(listener, error);
        return error == EINTR || error == ECONNABORTED;
    }
    if (session_open(server, fd) == 0)
        server->registry.figures.sessions_accepted++;
    return true;
}

static void on_acceptable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct listener *listener = watcher->data;
    int most = drain_is_closing(&listener->server->drain) ? ACCEPTS_WHILE_CLOSING : ACCEPTS_PER_TURN;

    (void)loop;
    if (events & EV_ERROR) { /* the kernel had no memory to watch it with, and libev has given the watcher up */
        pause_accepting(listener, ENOMEM);
        return;
    }
    for (int i = 0; i < most && accept_one(listener); i++)
        ;
}

static struct listener *listener_new(struct listeners *listeners, struct server *server)
{
    struct listener **items = reallocarray(listeners->items, listeners->count + 1, sizeof(items[0]));
    struct listener *listener = items ? calloc(1, sizeof(*listener)) : NULL;

    if (items)
        listeners->items = items;
    if (!listener)
        return NULL;
    listener->server = server;
    listener->fd = -1;
    items[listeners->count++] = listener;
    return listener;
}

static void listener_start(struct listener *listener, int fd)
{
    listener->fd = fd;
    ev_io_init(&listener->acceptable, on_acceptable, fd, EV_READ);
    ev_timer_init(&listener->pause, on_pause_over, 0., PAUSE);
    listener->acceptable.data = listener->pause.data = listener;
    server_watch(listener->server, &listener->acceptable);
}

static int listen_on_path(struct listeners *listeners, struct server *server, const char *path)
{
    struct listener *listener = listener_new(listeners, server);
    char *copy = strdup(path);
    struct socket_file file;
    int error;

    if (!listener || !copy) {
        free(copy);
        return cannot_listen(-ENOMEM);
    }
    error = uid_view_check_socket(&server->uid_view, path);
    if (error == 0)
        error = socket_file_make(path, &file);
    if (error < 0) {
        free(copy);
        return error;
    }
    listener->path = copy;
    listener->file = file;
    listener_start(listener, file.fd);
    log_line(LOG_INFO, "Listening on %s", path);
    if (mounts_hide(path))
        log_line(LOG_WARNING,
                 "Nobody else may see %s, because this process has a private view of its directory (PrivateTmp=?); use "
                 "tt-allocation-server.socket, or --socket with a path that all see",
                 path);
    return 0;
}

void listener_move(struct listener *listener, int former_fd)
{
    struct ev_loop *loop = listener->server->loop;

    on_acceptable(loop, &listener->acceptable, EV_READ);
    ev_io_stop(loop, &listener->acceptable);
    close(former_fd);
    listener->fd = listener->file.fd;
    ev_io_set(&listener->acceptable, listener->fd, EV_READ);
    if (!ev_is_active(&listener->pause))
        server_watch(listener->server, &listener->acceptable);
}

/* A passed socket's path; empty where it has none. */
static int find_path(int fd, struct sockaddr_un *ret)
{
    struct sockaddr_un address = {0};
    socklen_t length = sizeof(address) - 1; /* a path that fills it has no zero behind it */

    if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        return -errno;
    *ret = address;
    return 0;
}

/* Where it stands, if that can be seen from here. */
static void note_path(struct listener *listener, const char *path)
{
    struct socket_file file = {.fd = -1, .lock_fd = -1};

    if (path[0] != '/' || socket_file_find(path, &file) < 0)
        return;
    listener->path = strdup(path);
    listener->file = file;
}

static int listen_on_passed(struct listeners *listeners, struct server *server, int fd)
{
    struct sockaddr_un address;
    struct listener *listener;
    int flags = fcntl(fd, F_GETFL), error;

    if (sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) <= 0) {
        log_line(LOG_ERR, "Descriptor %d passed by systemd is not a listening Unix stream socket; see the .socket unit",
                 fd);
        return -EINVAL;
    }
    error = find_path(fd, &address);
    if (error < 0)
        return cannot_listen(error);
    error = uid_view_check_socket(&server->uid_view, address.sun_path[0] ? address.sun_path : NULL);
    if (error < 0)
        return error;
    listener = listener_new(listeners, server);
    if (!listener)
        return cannot_listen(-ENOMEM);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return cannot_listen(-errno);
    socket_file_refuse_descriptors(fd);
    listener_start(listener, fd);
    listener->passed = true;
    note_path(listener, address.sun_path);
    return 0;
}

int listeners_init(struct listeners *listeners, struct server *server, const char *const *paths, size_t count)
{
    static const char *const default_path = TT_ALLOC_SOCKET_PATH;
    int passed = sd_listen_fds(1);
    int error = passed < 0 ? cannot_listen(passed) : 0;

    listeners->spare_fd = open_spare();
    for (int i = 0; i < passed && error == 0; i++)
        error = listen_on_passed(listeners, server, SD_LISTEN_FDS_START + i);
    if (passed > 0 && error == 0)
        log_line(LOG_INFO, "Listening on %d socket%s passed by systemd", passed, passed == 1 ? "" : "s");
    if (passed == 0 && count == 0) {
        paths = &default_path;
        count = 1;
    }
    for (size_t i = 0; i < count && error == 0; i++)
        error = listen_on_path(listeners, server, paths[i]);
    return error;
}

static void listener_free(struct listener *listener)
{
    if (listener->fd >= 0) {
        ev_io_stop(listener->server->loop, &listener->acceptable);
        ev_timer_stop(listener->server->loop, &listener->pause);
    }
    if (listener->path && !listener->passed)
        socket_file_remove(listener->path, &listener->file);
    else if (listener->fd >= 0)
        close(listener->fd);
    free(listener->path);
    free(listener);
}

void listeners_done(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++)
        listener_free(listeners->items[i]);
    free(listeners->items);
    if (listeners->spare_fd >= 0)
        close(listeners->spare_fd);
    *listeners = (struct listeners){.spare_fd = -1};
}
