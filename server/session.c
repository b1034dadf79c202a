/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The life of a connection. A turn is: read what has arrived, decode and handle frame after frame until the bytes run
 * out or a request has to be answered at length, send what there is to send. What could not be decoded yet is kept
 * back. session_end.c has the rest of it.
 */

#include "server/session.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/incoming.h"
#include "server/log.h"
#include "server/refusal.h"
#include "server/reporting.h"
#include "server/server.h"
#include "server/session_private.h"

/* What all sessions together read in one turn of the loop before each gets only a little: a turn takes milliseconds
 * then, however many have something to say. */
#define READ_PER_TURN (1 << 20)
#define READ_LITTLE 5040 /* a multiple of all three frame sizes */

#define GIVE_UP_TOLD_EVERY (10 * NSEC_PER_SEC)

enum verdict session_give_up(struct session *session)
{
    static uint64_t told;
    uint64_t now = clock_now();

    session->server->registry.figures.out_of_memory++;
    if (told && now - told < GIVE_UP_TOLD_EVERY)
        return VERDICT_CLOSE;
    told = now;
    log_line(LOG_WARNING, "Gave up the connection of process %d (uid %u): out of memory; others are only counted",
             (int)session->peer.pid, (unsigned)session->peer.uid);
    return VERDICT_CLOSE;
}

/* ---- Sending ---- */

bool session_has_turn(const struct session *session)
{
    return user_has_turn(session->user, ev_iteration(session->server->loop));
}

static int make_more(struct session *session)
{
    struct server *server = session->server;
    size_t before = output_waiting(&session->output);
    int result;

    if (!session->answer.is_open || before >= OUTPUT_ENOUGH || !session_has_turn(session))
        return 0;
    result = answer_continue(&session->answer, &server->registry, server->started, &session->output);
    user_answered(session->user, output_waiting(&session->output) - before);
    return result;
}

/* Sends, and makes more of an open answer while the peer takes it. A lost peer's reports still count. */
static enum verdict flush(struct session *session)
{
    struct server *server = session->server;
    int result;

    if (make_more(session) < 0)
        return session_give_up(session);
    result = output_send(&session->output, session->fd);
    if (result ==
        -ETOOMANYREFS) /* too many descriptors are on their way: who waits for a ring must not wait for ever */
        return VERDICT_CLOSE;
    if (result < 0)
        session_stop_answering(session);
    else if (result > 0 || output_waiting(&session->output) == 0)
        ev_timer_again(server->loop, &session->patience);
    return VERDICT_GO_ON;
}

void session_charge_rings(struct session *session)
{
    struct figures *figures = &session->server->registry.figures;
    size_t rings = feed_ring_count(&session->feed);
    size_t bytes = feed_ring_bytes(&session->feed);

    session->user->ring_bytes += bytes - session->charged_ring_bytes;
    figures->ring_bytes += bytes - session->charged_ring_bytes;
    figures->rings += rings - session->charged_rings;
    session->charged_ring_bytes = bytes;
    session->charged_rings = rings;
}

static void tell_of_greed(struct session *session)
{
    user_refused(session->user, LIMIT_ANSWER_BYTES);
    session->server->registry.figures.refused_answers++;
    if (user_is_worth_telling(session->user, LIMIT_ANSWER_BYTES, clock_now()))
        log_line(
            LOG_WARNING,
            "Dropped process %d (uid %u): its user leaves more unread than --max-answer-bytes allows; more are only "
            "counted",
            (int)session->peer.pid, (unsigned)session->peer.uid);
}

/* What is kept for a peer is charged to its uid; whoever makes the server keep too much loses the session that did. */
static enum verdict charge(struct session *session)
{
    size_t kept = session->output.capacity + session->backlog_size;

    session_charge_rings(session);
    session->user->kept += kept - session->charged;
    session->charged = kept;
    if (kept == 0 || user_may_keep(session->user))
        return VERDICT_GO_ON;
    tell_of_greed(session);
    return VERDICT_CLOSE;
}

/* What to wait for, after a turn: the peer taking its answers, or the peer saying more. */
static void set_watchers(struct session *session)
{
    struct ev_loop *loop = session->server->loop;
    bool has_output = session->answer.is_open || output_waiting(&session->output) > 0;

    if (session->is_asking && !has_output) {
        ev_io_stop(loop, &session->readable);
        ev_io_stop(loop, &session->writable);
        ev_timer_stop(loop, &session->patience);
    } else if (session->is_interrupted || has_output) {
        ev_io_stop(loop, &session->readable);
        ev_io_start(loop, &session->writable);
        if (!ev_is_active(&session->patience))
            ev_timer_again(loop, &session->patience);
    } else {
        ev_io_stop(loop, &session->writable);
        ev_timer_stop(loop, &session->patience);
        ev_io_start(loop, &session->readable);
    }
}

/* One turn. What an answer kept waiting is handled in a later one, so that nobody has the loop to himself. */
static enum verdict take_turn(struct session *session, size_t arrived)
{
    enum verdict verdict = session->is_asking ? VERDICT_GO_ON : incoming_handle(session, arrived);

    if (verdict == VERDICT_GO_ON && arrived > 0)
        drain_session(&session->server->drain, session);
    if (verdict == VERDICT_GO_ON)
        verdict = flush(session);
    if (verdict == VERDICT_GO_ON)
        verdict = charge(session);
    if (verdict == VERDICT_GO_ON)
        set_watchers(session);
    return verdict;
}

/* ---- Events ---- */

static size_t read_size(struct server *server)
{
    unsigned turn = ev_iteration(server->loop);

    if (server->turn != turn) {
        server->turn = turn;
        server->read_in_turn = 0;
    }
    return server->read_in_turn < READ_PER_TURN ? SERVER_READ_SIZE : READ_LITTLE;
}

ssize_t session_receive(struct session *session, size_t size)
{
    ssize_t got;

    assert(session->backlog_size < TT_ALLOC_FRAME_MAX);
    do
        got = recv(session->fd, session->server->scratch + session->backlog_size, size, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == EAGAIN ? 0 : -ECONNRESET;
    return got > 0 ? got : -ECONNRESET;
}

/* The kernel had no memory to watch the connection with, and libev has given the watcher up. */
static void end_unwatched(struct session *session)
{
    session_read_the_rest(session);
    session_give_up(session);
    session_end(session, false);
}

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct session *session = watcher->data;
    ssize_t got;

    (void)loop;
    if (events & EV_ERROR) {
        end_unwatched(session);
        return;
    }
    got = session_receive(session, read_size(session->server));
    if (got > 0)
        session->server->read_in_turn += (size_t)got;
    if (got < 0 || take_turn(session, (size_t)got) == VERDICT_CLOSE)
        session_end(session, false);
}

static void on_writable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct session *session = watcher->data;

    (void)loop;
    (void)events;
    if (output_waiting(&session->output) == 0 && !session_has_turn(session)) {
        ev_timer_again(loop, &session->patience); /* it is not the peer that keeps us waiting */
        return;
    }
    if (take_turn(session, 0) == VERDICT_CLOSE)
        session_end(session, false);
}

void session_resume(struct session *session)
{
    session->is_asking = false;
    session->is_answering = true;
    if (take_turn(session, 0) == VERDICT_CLOSE)
        session_end(session, false);
}

static void on_exited(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct session *session = watcher->data;

    (void)loop;
    if (events & EV_ERROR) {
        session->server->registry.figures.out_of_memory++; /* it is the end of the stream that will tell */
        return;
    }
    session_read_the_rest(session);
    session_end(session, true);
}

static void on_impatience(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct session *session = timer->data;

    (void)loop;
    (void)events;
    session->server->registry.figures.stalled_peers++;
    if (user_is_worth_telling(session->user, TOLD_STALL, clock_now()))
        log_line(LOG_WARNING,
                 "Dropped process %d (uid %u): it asked and did not read the answer for %.0f s; more are only "
                 "counted",
                 (int)session->peer.pid, (unsigned)session->peer.uid, SESSION_PATIENCE);
    session_read_the_rest(session);
    session_end(session, false);
}

/* ---- Beginning ---- */

static void init_watchers(struct session *session)
{
    ev_io_init(&session->readable, on_readable, session->fd, EV_READ);
    ev_io_init(&session->writable, on_writable, session->fd, EV_WRITE);
    ev_io_init(&session->exited, on_exited, session->peer.pidfd, EV_READ);
    ev_timer_init(&session->patience, on_impatience, 0., SESSION_PATIENCE);
    session->readable.data = session->writable.data = session->exited.data = session->patience.data = session;
}

static bool is_authorised(const struct session *session)
{
    gid_t group = session->server->group;

    return session->user->is_privileged || (group != (gid_t)-1 && peer_is_in_group(session->fd, &session->peer, group));
}

/* Fills in a session whose fd is set. */
static int identify(struct session *session)
{
    int error = peer_from_socket(session->fd, &session->peer);
    enum place place;

    if (error < 0)
        return error;
    error = users_get(&session->server->registry.users, session->peer.uid, &session->user);
    if (error < 0)
        return error;
    place = places_look(&session->server->places, session->user);
    if (place != PLACE_FREE)
        return place == PLACE_OVER_LIMIT ? -EDQUOT : -EUSERS;
    session->is_authorised = is_authorised(session);
    return 0;
}

int session_open(struct server *server, int fd)
{
    struct session *session = calloc(1, sizeof(*session));
    int error;

    if (!session) {
        refusal_note(server, fd, -ENOMEM);
        close(fd);
        return -ENOMEM;
    }
    session->server = server;
    session->fd = fd;
    session->peer.pidfd = -1;
    error = identify(session);
    if (error < 0) {
        refusal_note(server, fd, error);
        peer_done(&session->peer);
        close(fd);
        free(session);
        return error;
    }

    init_watchers(session);
    intake_init(&session->intake);
    list_init(&session->reporter_link);
    list_append(&server->sessions, &session->link);
    server->registry.figures.sessions++;
    places_take(&server->places, session->user);
    server_watch(server, &session->readable);
    return 0;
}

void session_watch_exit(struct session *session)
{
    if (session->peer.pidfd >= 0)
        ev_io_start(session->server->loop, &session->exited);
    server_update_status(session->server);
}
