/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The life of a connection. A turn is: read what has arrived, decode and handle frame after frame until the bytes run
 * out or a request has to be answered at length, send what there is to send. What could not be decoded yet is kept
 * back.
 *
 * Two things end a process's session: the end of the stream and the death of the process. They are not the same: a
 * forked child that inherited the socket keeps the stream open after its parent's death.
 */

#include "server/session.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "server/clock.h"
#include "server/log.h"
#include "server/request.h"
#include "server/server.h"

#define SEARCHES_PER_TURN 32 /* a search through all device rows may take 30 us */

/* What all sessions together read in one turn of the loop before each gets only a little: a turn takes milliseconds
 * then, however many have something to say. */
#define READ_PER_TURN (1 << 20)
#define READ_LITTLE 5040 /* a multiple of all three frame sizes */

static void session_close(struct session *session, bool exited);

/* ---- Decoding ---- */

/* Whether the peer must take its answers before anything else of it is handled. */
static bool is_busy(const struct session *session)
{
    return session->answer.is_open || output_waiting(&session->output) >= OUTPUT_ENOUGH;
}

static enum verdict count_bad_frame(struct session *session)
{
    session->server->registry.figures.bad_frames++;
    return ++session->bad_frames >= SESSION_BAD_FRAMES ? VERDICT_CLOSE : VERDICT_GO_ON;
}

static enum verdict handle_frame(struct session *session, const struct tt_alloc_frame *frame)
{
    enum verdict verdict = request_handle(session, frame);

    if (verdict == VERDICT_BAD)
        return count_bad_frame(session);
    session->bad_frames = 0;
    return verdict;
}

/* Handles what can be handled. *ret_used: bytes that need not be seen again. */
static enum verdict handle_bytes(struct session *session, const uint8_t *bytes, size_t size, size_t *ret_used)
{
    const uint64_t *searches = &session->server->registry.row_searches;
    uint64_t stop = *searches + SEARCHES_PER_TURN;
    enum verdict verdict = VERDICT_GO_ON;
    size_t used = 0;

    while (verdict == VERDICT_GO_ON && !is_busy(session) && *searches < stop) {
        struct tt_alloc_frame frame;
        ssize_t consumed = tt_alloc_decode(&session->decoder, bytes + used, size - used, &frame);

        if (consumed == 0)
            break;
        if (consumed == -EBADMSG) {
            verdict = count_bad_frame(session);
            consumed = session->decoder.frame_size;
        } else if (consumed < 0) {
            session->server->registry.figures.bad_frames++;
            verdict = VERDICT_CLOSE;
            consumed = 0;
        } else
            verdict = handle_frame(session, &frame);
        used += (size_t)consumed;
    }
    session->is_interrupted = is_busy(session) || *searches >= stop;
    *ret_used = used;
    return verdict;
}

static enum verdict keep_back(struct session *session, const uint8_t *bytes, size_t size)
{
    uint8_t *backlog = NULL;

    if (size > 0) {
        backlog = malloc(size);
        if (!backlog)
            return VERDICT_CLOSE;
        memcpy(backlog, bytes, size);
    }
    free(session->backlog);
    session->backlog = backlog;
    session->backlog_size = size;
    return VERDICT_GO_ON;
}

/* Handles the backlog and the `size` new bytes that stand behind its place in the scratch space. */
static enum verdict handle_arrived(struct session *session, size_t size)
{
    uint8_t *scratch = session->server->scratch;
    size_t all = session->backlog_size + size;
    enum verdict verdict;
    size_t used;

    if (size == 0 && is_busy(session))
        return VERDICT_GO_ON;
    session->is_interrupted = false;
    if (all == 0)
        return VERDICT_GO_ON;
    if (session->backlog_size > 0)
        memcpy(scratch, session->backlog, session->backlog_size);
    session->now = clock_now();
    verdict = handle_bytes(session, scratch, all, &used);
    if (verdict != VERDICT_GO_ON)
        return verdict;
    return keep_back(session, scratch + used, all - used);
}

/* ---- Sending ---- */

static void stop_answering(struct session *session)
{
    session->is_deaf = true;
    session->answer.is_open = false;
    output_done(&session->output);
}

/* Sends, and makes more of an open answer while the peer takes it. A lost peer's reports still count. */
static enum verdict flush(struct session *session)
{
    struct server *server = session->server;
    int result;

    if (session->answer.is_open && output_waiting(&session->output) < OUTPUT_ENOUGH &&
        answer_continue(&session->answer, &server->registry, server->started, &session->output) < 0)
        return VERDICT_CLOSE;
    result = output_send(&session->output, session->fd);
    if (result < 0)
        stop_answering(session);
    else if (result > 0 || output_waiting(&session->output) == 0)
        ev_timer_again(server->loop, &session->patience);
    return VERDICT_GO_ON;
}

/* What is kept for a peer is charged to its uid; whoever makes the server keep too much loses the session that did. */
static enum verdict charge(struct session *session)
{
    size_t kept = session->output.capacity + session->backlog_size;

    session->user->kept += kept - session->charged;
    session->charged = kept;
    if (kept == 0 || session->user->is_privileged || session->user->kept <= USER_KEPT_MAX)
        return VERDICT_GO_ON;
    session->server->registry.figures.refused_answers++;
    return VERDICT_CLOSE;
}

/* What to wait for, after a turn: the peer taking its answers, or the peer saying more. */
static void set_watchers(struct session *session)
{
    struct ev_loop *loop = session->server->loop;
    bool is_waiting = session->answer.is_open || session->is_interrupted || output_waiting(&session->output) > 0;

    if (is_waiting) {
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
    enum verdict verdict = handle_arrived(session, arrived);

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

/* Bytes read, 0 when there are none now, -ECONNRESET at the end of the stream. */
static ssize_t receive(struct session *session, size_t size)
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

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct session *session = watcher->data;
    ssize_t got = receive(session, read_size(session->server));

    (void)loop;
    (void)events;
    if (got > 0)
        session->server->read_in_turn += (size_t)got;
    if (got < 0 || take_turn(session, (size_t)got) == VERDICT_CLOSE)
        session_close(session, peer_has_exited(&session->peer));
}

static void on_writable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct session *session = watcher->data;

    (void)loop;
    (void)events;
    if (take_turn(session, 0) == VERDICT_CLOSE)
        session_close(session, peer_has_exited(&session->peer));
}

/* To the end, however dear it is: there is no later turn. */
static enum verdict handle_all(struct session *session, size_t size)
{
    enum verdict verdict = handle_arrived(session, size);

    while (verdict == VERDICT_GO_ON && session->is_interrupted)
        verdict = handle_arrived(session, 0);
    return verdict;
}

/* Takes in what had arrived by now and no more: a child of the peer may go on writing for ever. */
static void drain(struct session *session)
{
    enum verdict verdict = VERDICT_GO_ON;
    int pending = 0;

    stop_answering(session);
    ioctl(session->fd, SIOCINQ, &pending);
    verdict = handle_all(session, 0);
    while (pending > 0 && verdict == VERDICT_GO_ON) {
        ssize_t got = receive(session, SERVER_READ_SIZE);

        if (got <= 0)
            return;
        pending -= (int)got;
        verdict = handle_all(session, (size_t)got);
    }
}

static void on_exited(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct session *session = watcher->data;

    (void)loop;
    (void)events;
    drain(session);
    session_close(session, true);
}

static void on_impatience(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct session *session = timer->data;
    bool is_first_refusal;

    (void)loop;
    (void)events;
    session->server->registry.figures.stalled_peers++;
    if (user_may_log(session->user, 1, clock_now(), &is_first_refusal))
        log_line(LOG_WARNING, "Dropped process %d (uid %u): it asked and did not read the answer for %.0f s",
                 (int)session->peer.pid, (unsigned)session->peer.uid, SESSION_PATIENCE);
    drain(session);
    session_close(session, peer_has_exited(&session->peer));
}

/* ---- Beginning and end ---- */

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

/* A uid may have half of what there are descriptors for, and all together leave some to root and the server's user. */
static bool has_room_for(const struct server *server, const struct user *user)
{
    size_t sessions = server->fd_limit / 2;

    return user->is_privileged ||
           (user->sessions < sessions / 2 && server->registry.figures.sessions < sessions - sessions / 16);
}

/* Fills in a session whose fd is set. */
static int identify(struct session *session)
{
    int error = peer_from_socket(session->fd, &session->peer);

    if (error < 0)
        return error;
    error = users_get(&session->server->registry.users, session->peer.uid, &session->user);
    if (error < 0)
        return error;
    if (!has_room_for(session->server, session->user))
        return -EDQUOT;
    session->is_authorised = is_authorised(session);
    return 0;
}

int session_open(struct server *server, int fd)
{
    struct session *session = calloc(1, sizeof(*session));
    int error;

    if (!session) {
        close(fd);
        return -ENOMEM;
    }
    session->server = server;
    session->fd = fd;
    session->peer.pidfd = -1;
    error = identify(session);
    if (error < 0) {
        peer_done(&session->peer);
        close(fd);
        free(session);
        return error;
    }

    init_watchers(session);
    list_append(&server->sessions, &session->link);
    server->registry.figures.sessions++;
    session->user->sessions++;
    ev_io_start(server->loop, &session->readable);
    return 0;
}

void session_watch_exit(struct session *session)
{
    if (session->peer.pidfd >= 0)
        ev_io_start(session->server->loop, &session->exited);
    server_update_status(session->server);
}

static void session_free(struct session *session)
{
    struct server *server = session->server;

    ev_io_stop(server->loop, &session->readable);
    ev_io_stop(server->loop, &session->writable);
    ev_io_stop(server->loop, &session->exited);
    ev_timer_stop(server->loop, &session->patience);
    list_remove(&session->link);
    server->registry.figures.sessions--;
    session->user->sessions--;
    session->user->kept -= session->charged;
    output_done(&session->output);
    free(session->backlog);
    peer_done(&session->peer);
    close(session->fd);
    free(session);
}

static void session_close(struct session *session, bool exited)
{
    struct server *server = session->server;
    struct process *process = session->process;

    session_free(session);
    if (process) {
        registry_detach(&server->registry, process, exited);
        server_update_status(server);
    }
}

void session_finish(struct session *session)
{
    drain(session);
    if (peer_is_gone(&session->peer))
        session_close(session, true);
    else
        session_free(session);
}
