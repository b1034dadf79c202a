/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Two watchers that run first and last in each turn of the loop.
 */

#include "server/pace.h"

#include "server/clock.h"
#include "server/server.h"

#define TRICKLE_TURNS 16            /* such turns in a row, before it is worth to wait for more */
#define PAUSE (NSEC_PER_SEC / 1000) /* who sends nothing for so long does not trickle */

static void on_woke_up(struct ev_loop *loop, ev_check *watcher, int events)
{
    struct pace *pace = &((struct server *)watcher->data)->pace;
    uint64_t now = clock_read(CLOCK_MONOTONIC);

    (void)loop;
    (void)events;
    if (now - pace->woken > PAUSE)
        pace->trickling = 0;
    pace->woken = now;
}

static void measure(const struct pace *pace, struct figures *figures)
{
    uint64_t turn = clock_read(CLOCK_MONOTONIC) - pace->woken;

    if (pace->woken > 0 && turn > figures->longest_turn_ns)
        figures->longest_turn_ns = turn;
}

/* However many came: reader and writer at one socket at the same time also slow each other down. */
static void count_trickling(struct pace *pace)
{
    uint64_t reports = pace->reports - pace->reports_before;

    if (reports == 0 || pace->questions != pace->questions_before)
        pace->trickling = 0;
    else if (pace->trickling < TRICKLE_TURNS)
        pace->trickling++;
    pace->reports_before = pace->reports;
    pace->questions_before = pace->questions;
}

static void on_going_to_sleep(struct ev_loop *loop, ev_prepare *watcher, int events)
{
    struct server *server = watcher->data;

    (void)events;
    count_trickling(&server->pace);
    ev_set_io_collect_interval(loop, server->pace.trickling < TRICKLE_TURNS ? 0. : PACE_COLLECT);
    measure(&server->pace, &server->registry.figures);
}

void pace_start(struct server *server)
{
    struct pace *pace = &server->pace;

    ev_check_init(&pace->woke_up, on_woke_up);
    ev_set_priority(&pace->woke_up, EV_MAXPRI);
    ev_prepare_init(&pace->going_to_sleep, on_going_to_sleep);
    ev_set_priority(&pace->going_to_sleep, EV_MINPRI);
    pace->woke_up.data = pace->going_to_sleep.data = server;
    ev_check_start(server->loop, &pace->woke_up);
    ev_prepare_start(server->loop, &pace->going_to_sleep);
}
