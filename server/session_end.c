/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How a connection ends: by itself, by the death of its process, because another one takes its place, because its ring
 * is corrupt, or with the server. In all cases what was reported through it is taken in before anything is judged.
 *
 * The end of the stream and the death of the process are not the same: a forked child that inherited the socket keeps
 * the stream open after its parent's death.
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "server/clock.h"
#include "server/incoming.h"
#include "server/log.h"
#include "server/server.h"
#include "server/session_private.h"

void session_stop_answering(struct session *session)
{
    session->is_deaf = true;
    session->answer.is_open = false;
    output_done(&session->output);
}

void session_read_the_rest(struct session *session)
{
    enum verdict verdict = VERDICT_GO_ON;
    int pending = 0;

    session->is_ending = true;
    session_stop_answering(session);
    ioctl(session->fd, SIOCINQ, &pending);
    verdict = incoming_handle_all(session, 0);
    while (pending > 0 && verdict == VERDICT_GO_ON) {
        ssize_t got = session_receive(session, SERVER_READ_SIZE);

        if (got <= 0)
            return;
        pending -= (int)got;
        verdict = incoming_handle_all(session, (size_t)got);
    }
}

static void stop_watchers(struct session *session)
{
    struct ev_loop *loop = session->server->loop;

    ev_io_stop(loop, &session->readable);
    ev_io_stop(loop, &session->writable);
    ev_io_stop(loop, &session->exited);
    ev_timer_stop(loop, &session->patience);
}

static void note_books(struct session *session)
{
    if (session->process && (!session->feed.is_known || session->intake.is_corrupt))
        session->process->is_unaccounted = true;
}

static void session_free(struct session *session)
{
    struct server *server = session->server;

    stop_watchers(session);
    note_books(session);
    drain_forget(&server->drain, session);
    list_remove(&session->link);
    list_remove(&session->reporter_link);
    server->registry.figures.sessions--;
    places_give_back(&server->places, session->user);
    session->user->kept -= session->charged;
    feed_done(&session->feed, session->process);
    session_charge_rings(session);
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

void session_end(struct session *session, bool exited)
{
    stop_watchers(session);
    session_stop_answering(session);
    list_remove(&session->intake.asking_link);
    session->is_ending = true;
    session->has_exited = exited;
    if (drain_at_end(&session->server->drain, session))
        session_drained(session);
}

/* Only now it is looked whether the process is on its way out, too: that is too dear for the turn in which thousands
 * hang up. */
static bool has_exited(const struct session *session)
{
    return session->has_exited || (session->process && peer_has_exited(&session->peer));
}

void session_drained(struct session *session)
{
    if (session->is_ending)
        session_close(session, has_exited(session));
}

void session_cut_off(struct session *session)
{
    bool exited = has_exited(session);

    session->server->registry.figures.cut_off++;
    if (user_may_log(session->user, 1, clock_now()))
        log_line(LOG_WARNING, "Cut off process %d (uid %u): there is in its ring what no client writes",
                 (int)session->peer.pid, (unsigned)session->peer.uid);
    session_close(session, exited);
}

/* ---- Succession ---- */

static struct session *find_former(const struct session *session, const struct process *process, uint64_t instance)
{
    if (!process || instance == 0)
        return NULL;
    session->server->registry.row_searches++;
    list_for_each (link, &process->reporters) {
        struct session *other = LIST_ENTRY(link, struct session, reporter_link);

        if (other != session && other->instance == instance)
            return other;
    }
    return NULL;
}

bool session_has_former(const struct session *session, uint64_t instance)
{
    const struct processes *processes = &session->server->registry.processes;
    const struct process *process = session->process;

    if (!process)
        process = processes_find_pid(processes, session->peer.pid);
    return find_former(session, process, instance);
}

void session_supersede(struct session *session)
{
    struct session *former;

    while ((former = find_former(session, session->process, session->instance))) {
        drain_wholly(former);
        if (!former->intake.is_corrupt)
            feed_continue(&session->feed, &former->feed);
        session_close(former, false);
    }
}

/* ---- The server's end ---- */

void session_finish(struct session *session)
{
    bool is_gone;

    session_read_the_rest(session);
    is_gone = peer_is_gone(&session->peer);
    if (is_gone)
        drain_wholly(session);
    if (is_gone)
        session_close(session, true);
    else
        session_free(session);
}
