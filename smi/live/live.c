/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Begin and end of the live view. Everything is taken down in the reverse order, the terminal first of all, and a
 * signal that ended the view then does what it usually does.
 */

#include "smi/live/live.h"
#include "smi/live/curses.h"
#include "smi/live/guard.h"
#include "smi/live/loop.h"
#include "smi/sample/problem.h"
#include "smi/text/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

bool live_is_wanted(const struct options *options)
{
    const char *term = getenv("TERM");

    return options->view == VIEW_TABLE && !options_want_data(options) && terminal_is_stdout() && term && term[0] &&
           strcmp(term, "dumb") != 0;
}

static int open_keyboard(void)
{
    if (isatty(STDIN_FILENO))
        return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    return open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
}

static void prepare(struct loop *loop, const struct options *options)
{
    struct settings settings = settings_default();

    loop->options = options;
    loop->style = terminal_style(options);
    loop->settings_path = settings_path();
    if (loop->settings_path)
        settings_load(loop->settings_path, &settings);
    if (options->has_interval)
        settings.interval = options->interval;
    loop->view = view_new(&settings);
    loop->model = (struct live_model){
        .snapshot = &loop->snapshot,
        .filter = &options->filter,
        .history = &loop->history,
        .growth = &loop->growth,
        .events = &loop->events,
        .past = &loop->past,
    };
    for (size_t i = 0; i < SOURCES; i++)
        loop->fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
}

/* The thread of the sampler is made when the signals are blocked, so that it does not get them. */
static int open_all(struct loop *loop)
{
    int r;

    loop->fds[FROM_TTY].fd = open_keyboard();
    if (loop->fds[FROM_TTY].fd < 0)
        return -ENOTSUP;
    r = guard_begin(loop->fds[FROM_TTY].fd);
    if (r < 0)
        return -ENOTSUP;
    loop->fds[FROM_SIGNALS].fd = r;
    r = curses_open(loop->fds[FROM_TTY].fd, loop->style.color, !loop->options->no_mouse);
    if (r == 0)
        r = sampler_new(loop->options, &loop->sampler);
    if (r < 0)
        return r;
    loop->fds[FROM_SAMPLER].fd = sampler_fd(loop->sampler);
    loop->fds[FROM_TIMER].fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (loop->fds[FROM_TIMER].fd < 0)
        return -errno;
    loop_set_timer(loop);
    return 0;
}

static void close_all(struct loop *loop)
{
    curses_close();
    sampler_free(loop->sampler);
    if (loop->fds[FROM_TIMER].fd >= 0)
        close(loop->fds[FROM_TIMER].fd);
    if (loop->last_signal)
        guard_yield(loop->last_signal);
    if (loop->fds[FROM_SIGNALS].fd >= 0)
        guard_end(loop->fds[FROM_SIGNALS].fd);
    if (loop->fds[FROM_TTY].fd >= 0)
        close(loop->fds[FROM_TTY].fd);
    snapshot_clear(&loop->snapshot);
    history_clear(&loop->history);
    growth_clear(&loop->growth);
    events_clear(&loop->events);
    past_clear(&loop->past);
    free(loop->settings_path);
}

int live(const struct options *options)
{
    struct loop loop = {0};
    int r;

    prepare(&loop, options);
    r = open_all(&loop);
    if (r == 0)
        loop_ask(&loop);
    while (r == 0 && !loop.view.must_quit)
        r = loop_turn(&loop);
    close_all(&loop);
    if (r == -ENOTSUP)
        return r;
    if (r < 0)
        fprintf(stderr, "tt-smi: stopped: %s\n", strerror(-r));
    return r < 0 ? EXIT_USAGE : EXIT_FINE;
}
