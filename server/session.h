/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One accepted connection: what has arrived and is not decoded yet, what waits to be sent, and whose it is.
 *
 * A session ends in one place, session_end(), which the handlers of its events call when a verdict says so;
 * everything below them only returns verdicts. While a peer does not take its answers, nothing more is read from it, so
 * it can make the server keep no more than one answer; if it takes nothing for SESSION_PATIENCE seconds, it is dropped.
 */

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "protocol/decoder.h"
#include "server/answer.h"
#include "server/drain.h"
#include "server/feed.h"
#include "server/list.h"
#include "server/output.h"
#include "server/peer.h"

struct server;
struct process;
struct user;

#define SESSION_PATIENCE 5.   /* seconds */
#define SESSION_BAD_FRAMES 16 /* in a row, then the connection is closed */

enum verdict {
    VERDICT_GO_ON,
    VERDICT_BAD,   /* a frame or field that no client sends */
    VERDICT_CLOSE, /* the connection is over */
};

struct session {
    struct list link; /* server::sessions */
    struct server *server;
    int fd;
    struct peer peer;
    struct user *user;
    bool is_authorised;
    struct process *process;   /* NULL until it reports */
    struct list reporter_link; /* process::reporters */
    pid_t label_pid;           /* what HELLO says the peer calls itself */
    uint64_t job;              /* what HELLO says the peer belongs to; 0: not said */
    uint64_t instance;         /* which reporter in that process HELLO comes from; 0: not said */

    ev_io readable;
    ev_io writable;
    ev_io exited; /* on the pidfd, once it reports */
    ev_timer patience;

    struct tt_alloc_decoder decoder;
    uint8_t *backlog; /* arrived and not decoded: a cut frame, or what follows a request that is being answered */
    size_t backlog_size;
    bool is_interrupted; /* the backlog has whole frames that wait for an answer to be taken */
    unsigned bad_frames; /* in a row */
    uint64_t features;   /* that HELLO asked for and we have */
    uint64_t now;        /* when the bytes being handled arrived */

    struct feed feed; /* of reports, and its ring */
    struct intake intake;

    struct output output;
    size_t charged; /* to the user, of output and backlog */
    size_t charged_ring_bytes;
    size_t charged_rings;
    struct answer answer;
    bool is_asking;         /* the next frame is a question that waits for the rings */
    bool is_out_of_turn;    /* the next frame is a question, and its user was answered enough in this turn */
    bool is_answering;      /* what was reported before the questions at hand has been taken in */
    bool is_ending;         /* nothing is read or sent any more; the ring is being emptied */
    bool has_exited;        /* the process: that is how the end began */
    bool is_deaf;           /* the peer takes no more answers; its reports still count */
    bool owes_tail;         /* a QUERY was answered with 72 bytes and may turn out to want more */
    int32_t tail_device_id; /* of that QUERY */
};

/* Takes fd over, also on failure, which is then noted (refusal.h). */
int session_open(struct server *server, int fd);

/* A request cannot be served for want of memory: it is counted, and the verdict is to close. */
enum verdict session_give_up(struct session *session);

/* Watch the peer's process from now on: it reports. */
void session_watch_exit(struct session *session);

/* Whether this reporter, of the peer's process, has another session. If so it lost that one, whatever the kernel says:
 * superseding closes it. What waits in its ring should have been taken in before. */
bool session_has_former(const struct session *session, uint64_t instance);
void session_supersede(struct session *session);

/* Whether the user has not had enough in this turn of the loop. */
bool session_has_turn(const struct session *session);

/* For the drain: the session may have fewer rings now. */
void session_charge_rings(struct session *session);

/* For the drain. The session may be gone afterwards. */
void session_resume(struct session *session);  /* its question can be answered */
void session_drained(struct session *session); /* nothing is owed any more */
void session_cut_off(struct session *session); /* its ring is corrupt */

/* Reads once more what has arrived without waiting, then closes without a verdict on its process. For the server's end.
 */
void session_finish(struct session *session);
