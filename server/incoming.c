/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Frame after frame is decoded and handled until the bytes run out, or until a request has to be answered at length or
 * has to wait. What could not be handled is kept back.
 */

#include "server/incoming.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/clock.h"
#include "server/log.h"
#include "server/request.h"
#include "server/server.h"

#define QUESTION_PRICE 512   /* as if an answer had so many bytes more */
#define SEARCHES_PER_TURN 32 /* a search through all device rows may take 30 us */

/* Whether the peer must take its answers before anything else of it is handled. */
static bool is_busy(const struct session *session)
{
    return session->answer.is_open || output_waiting(&session->output) >= OUTPUT_ENOUGH;
}

/* Who does this can come back at once, with another PID too, so it is his uid that is told of once in a while. */
static enum verdict close_for_garbage(const struct session *session)
{
    if (user_is_worth_telling(session->user, TOLD_FAULT, session->now))
        log_line(LOG_WARNING, "Closed a connection of process %d (uid %u): it sends what no client sends",
                 (int)session->peer.pid, (unsigned)session->peer.uid);
    return VERDICT_CLOSE;
}

static enum verdict count_bad_frame(struct session *session)
{
    session->server->registry.figures.bad_frames++;
    return ++session->bad_frames >= SESSION_BAD_FRAMES ? close_for_garbage(session) : VERDICT_GO_ON;
}

static enum verdict handle_frame(struct session *session, const struct tt_alloc_frame *frame)
{
    enum verdict verdict = request_handle(session, frame);

    if (verdict == VERDICT_BAD)
        return count_bad_frame(session);
    session->bad_frames = 0;
    return verdict;
}

/* Whether what was reported before must have been taken in first: for an answer, and before a reporter goes on in a new
 * session. Who has come to his end has no time to wait. */
static bool comes_after_reports(const struct session *session, const struct tt_alloc_frame *frame)
{
    if (session->is_ending)
        return false;
    if (frame->part != TT_ALLOC_PART_TAIL && frame->message.type == TT_ALLOC_HELLO)
        return session_has_former(session, frame->hello.instance);
    return !session->is_deaf && request_is_question(frame);
}

static bool must_wait_for_reports(struct session *session)
{
    if (session->is_answering)
        return false;
    session->is_answering = drain_for_question(&session->server->drain, session);
    hardware_attend(&session->server->hardware);
    session->is_asking = !session->is_answering;
    return session->is_asking;
}

/* It waits if that cannot be done at once, or if its user was answered enough for now. */
static bool must_wait(struct session *session, const struct tt_alloc_frame *frame)
{
    if (!comes_after_reports(session, frame))
        return false;
    session->is_out_of_turn = !session_has_turn(session);
    if (session->is_out_of_turn)
        return true;
    session->server->pace.questions++;
    if (must_wait_for_reports(session))
        return true;
    user_answered(session->user, QUESTION_PRICE);
    return false;
}

/* Decodes one frame and handles it: bytes consumed, 0 when there is nothing to be done now. */
static ssize_t handle_next(struct session *session, const uint8_t *bytes, size_t size, enum verdict *ret)
{
    struct tt_alloc_decoder before = session->decoder;
    struct tt_alloc_frame frame;
    ssize_t consumed = tt_alloc_decode(&session->decoder, bytes, size, &frame);

    if (consumed == -EBADMSG) {
        *ret = count_bad_frame(session);
        return session->decoder.frame_size;
    }
    if (consumed < 0) {
        session->server->registry.figures.bad_frames++;
        *ret = close_for_garbage(session);
        return 0;
    }
    if (consumed > 0 && must_wait(session, &frame)) {
        session->decoder = before;
        return 0;
    }
    if (consumed > 0)
        *ret = handle_frame(session, &frame);
    return consumed;
}

/* Handles what can be handled. *ret_used: bytes that need not be seen again. */
static enum verdict handle_bytes(struct session *session, const uint8_t *bytes, size_t size, size_t *ret_used)
{
    const uint64_t *searches = &session->server->registry.row_searches;
    uint64_t stop = *searches + SEARCHES_PER_TURN;
    enum verdict verdict = VERDICT_GO_ON;
    size_t used = 0;

    while (verdict == VERDICT_GO_ON && !is_busy(session) && *searches < stop) {
        ssize_t consumed = handle_next(session, bytes + used, size - used, &verdict);

        if (consumed == 0)
            break;
        used += (size_t)consumed;
    }
    session->is_interrupted = session->is_asking || session->is_out_of_turn || is_busy(session) || *searches >= stop;
    *ret_used = used;
    return verdict;
}

static enum verdict keep_back(struct session *session, const uint8_t *bytes, size_t size)
{
    uint8_t *backlog = NULL;

    if (size > 0) {
        backlog = malloc(size);
        if (!backlog)
            return session_give_up(session);
        memcpy(backlog, bytes, size);
    }
    free(session->backlog);
    session->backlog = backlog;
    session->backlog_size = size;
    return VERDICT_GO_ON;
}

static void see_to_location(struct session *session)
{
    struct server *server = session->server;

    if (session->process)
        registry_look_again(&server->registry, session->process, session->now);
    hardware_attend(&server->hardware);
}

enum verdict incoming_handle(struct session *session, size_t size)
{
    uint8_t *scratch = session->server->scratch;
    size_t all = session->backlog_size + size;
    enum verdict verdict;
    size_t used;

    if (size == 0 && is_busy(session))
        return VERDICT_GO_ON;
    session->is_interrupted = session->is_asking = session->is_out_of_turn = false;
    session->is_answering = session->is_answering && size == 0;
    if (all == 0)
        return VERDICT_GO_ON;
    if (session->backlog_size > 0)
        memcpy(scratch, session->backlog, session->backlog_size);
    session->now = clock_now();
    verdict = handle_bytes(session, scratch, all, &used);
    see_to_location(session);
    if (verdict != VERDICT_GO_ON)
        return verdict;
    return keep_back(session, scratch + used, all - used);
}

/* To the end, however dear it is: there is no later turn. */
enum verdict incoming_handle_all(struct session *session, size_t size)
{
    enum verdict verdict = incoming_handle(session, size);

    while (verdict == VERDICT_GO_ON && session->is_interrupted)
        verdict = incoming_handle(session, 0);
    return verdict;
}
