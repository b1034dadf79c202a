/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What comes: keys, signals, a timer that asks for samples, and the samples. After any of it the whole picture is drawn
 * anew; ncurses sends what has changed.
 */

#include "smi/live/loop.h"
#include "smi/live/curses.h"
#include "smi/live/draw.h"
#include "smi/live/guard.h"
#include "smi/live/pages.h"
#include "smi/sample/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

void loop_set_timer(struct loop *loop)
{
    uint64_t interval = loop->view.settings.interval;
    struct timespec length = {.tv_sec = (time_t)(interval / 1000000000), .tv_nsec = (long)(interval % 1000000000)};
    struct itimerspec times = {.it_interval = length, .it_value = length};

    timerfd_settime(loop->fds[FROM_TIMER].fd, 0, &times, NULL);
}

void loop_ask(struct loop *loop)
{
    struct sampler_wish wish = {.interval = loop->view.settings.interval};

    if (loop->has_snapshot)
        wish.wants_buffers = page_wants_buffers(&loop->model, &loop->view, &wish.pid);
    if (!wish.wants_buffers)
        wish.pid = 0;
    sampler_ask(loop->sampler, wish);
}

static int draw(struct loop *loop)
{
    struct screen screen;
    size_t width, height;
    int r;

    if (!loop->has_snapshot)
        return 0;
    curses_size(&width, &height);
    r = screen_init(&screen, width, height, loop->style.utf8);
    if (r < 0)
        return r;
    loop->model.now = clock_read(CLOCK_REALTIME);
    r = draw_frame(&screen, &loop->model, &loop->view);
    if (r == 0)
        curses_show(&screen);
    screen_clear(&screen);
    return r;
}

/* ---- Samples ---- */

static int take_in(struct loop *loop, const struct sample *fresh)
{
    int r = history_note(&loop->history, &fresh->snapshot);

    if (r == 0 && fresh->history)
        r = history_take(&loop->history, fresh->history);
    return r == 0 ? growth_note(&loop->growth, &fresh->snapshot) : r;
}

/* The last picture of a server that is gone stays; what the host alone tells would hide more than it shows. */
static int receive(struct loop *loop, struct sample *fresh)
{
    bool is_told = snapshot_is_told(&fresh->snapshot), is_lost = loop->was_told && !is_told;
    int r = events_note(&loop->events, &fresh->snapshot, &loop->options->filter);

    loop->model.error = fresh->snapshot.error;
    if (is_lost) {
        history_advance(&loop->history, fresh->snapshot.time / 1000000000);
        return r;
    }
    if (r == 0)
        r = take_in(loop, fresh);
    if (r == 0 && loop->has_snapshot)
        r = past_note(&loop->past, &loop->snapshot, &fresh->snapshot);
    snapshot_clear(&loop->snapshot);
    loop->snapshot = fresh->snapshot;
    fresh->snapshot = (struct snapshot){0};
    loop->has_snapshot = true;
    loop->was_told = is_told;
    loop->model.lost_since = is_told ? clock_read(CLOCK_REALTIME) : 0;
    return r;
}

static int on_sample(struct loop *loop)
{
    struct sample fresh;
    int r = sampler_take(loop->sampler, &fresh);

    if (r == -EAGAIN)
        return 0;
    if (r < 0)
        return r;
    if (!loop->view.is_frozen || !loop->has_snapshot)
        r = receive(loop, &fresh);
    sample_clear(&fresh);
    return r;
}

/* ---- What else comes ---- */

static void on_timer(struct loop *loop)
{
    uint64_t times;

    if (read(loop->fds[FROM_TIMER].fd, &times, sizeof(times)) > 0 && !loop->view.is_frozen)
        loop_ask(loop);
}

static void save_settings(struct loop *loop)
{
    struct live_view *view = &loop->view;
    int r = loop->settings_path ? settings_save(loop->settings_path, &view->settings) : -ENOENT;

    if (r < 0)
        snprintf(view->message, sizeof(view->message), "The settings are not saved in %s: %s",
                 loop->settings_path ? loop->settings_path : "$HOME, which is not set", strerror(-r));
    else
        snprintf(view->message, sizeof(view->message), "The settings are saved in %s", loop->settings_path);
    view->must_save = false;
}

/* Several may come at once; the selected line is the one that those before have brought there. */
static int take_keys(struct loop *loop)
{
    bool is_drawn = true;
    struct input input;
    int r = 0;

    while (r == 0 && !loop->view.must_quit && curses_read(&input)) {
        if (!is_drawn && view_goes_by_line(&input))
            r = draw(loop);
        view_take(&loop->view, &input);
        is_drawn = false;
    }
    return r;
}

/* A page with buffers should not have to wait for the next turn. */
static int on_keys(struct loop *loop)
{
    enum page before = loop->view.page;
    uint64_t interval = loop->view.settings.interval;
    int r = take_keys(loop);

    if (loop->view.must_redraw)
        curses_forget();
    loop->view.must_redraw = false;
    if (loop->view.must_save)
        save_settings(loop);
    if (loop->view.settings.interval != interval)
        loop_set_timer(loop);
    if (loop->view.page != before && !loop->view.is_frozen)
        loop_ask(loop);
    return r;
}

static void on_signal(struct loop *loop, int number)
{
    switch (number) {
    case SIGWINCH:
        curses_resize();
        break;
    case SIGTSTP:
        curses_suspend();
        guard_yield(number);
        curses_resume();
        break;
    case SIGCONT:
        curses_resume();
        break;
    default:
        loop->last_signal = number;
        loop->view.must_quit = true;
    }
}

static void on_signals(struct loop *loop)
{
    for (int number; (number = guard_read(loop->fds[FROM_SIGNALS].fd)) != 0;)
        on_signal(loop, number);
}

/* A terminal that is gone says so before its SIGHUP comes, or instead of it. */
static bool is_hung_up(const struct loop *loop)
{
    return loop->fds[FROM_TTY].revents & (POLLHUP | POLLERR | POLLNVAL);
}

int loop_turn(struct loop *loop)
{
    int r = 0;

    if (poll(loop->fds, SOURCES, -1) < 0)
        return errno == EINTR ? 0 : -errno;
    if (loop->fds[FROM_SIGNALS].revents)
        on_signals(loop);
    if (is_hung_up(loop))
        on_signal(loop, SIGHUP);
    else if (loop->fds[FROM_TTY].revents)
        r = on_keys(loop);
    if (loop->fds[FROM_TIMER].revents)
        on_timer(loop);
    if (r == 0 && loop->fds[FROM_SAMPLER].revents)
        r = on_sample(loop);
    return r == 0 && !loop->view.must_quit ? draw(loop) : r;
}
