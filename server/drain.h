/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * When the records that wait in the rings are taken in.
 *
 * There is no timer for it: a client says so after each quarter of its ring, and in between nobody needs what is in
 * there. A question does: its answer must reflect every report that was made before it was asked, so it looks at all
 * rings first. Where little waits, that is taken in at once. Else the question waits for a round: the rings are
 * emptied to where they were when the round began, in slices, so that everybody else is served meanwhile. Questions
 * that come during a round wait for the next one, so that a stream of them cannot put off the first for ever; and a
 * reporter that never pauses cannot either, because a round waits for what it found and nothing later.
 *
 * What is done at once is limited over all sessions in a turn of the loop: a thousand of them may die in the same
 * moment. The rest of it, the end of sessions and the sweeps after resyncs go through slices. Ends have slices of their
 * own: nobody waits for one, and who connects and closes all the time has so many that rings behind them would not be
 * emptied for seconds.
 */

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/list.h"

struct server;
struct session;

struct drain {
    struct server *server;
    struct list rings;  /* session::intake.ring_link: those that have one */
    struct list behind; /* session::intake.behind_link: those that owe something */
    struct list ending; /* the same link: those of which nothing is left to do but their end */
    struct list asking; /* session::intake.asking_link: those whose question waits for this round */
    struct list next;   /* the same, for the next round */
    uint64_t round;     /* its number */
    size_t round_left;  /* sessions that the round waits for */
    ev_timer slice;
    unsigned turn; /* of the loop, and what may still be done at once in it */
    size_t allowance;
};

/* A session's part in it. */
struct intake {
    struct list ring_link;
    struct list behind_link;
    struct list asking_link;
    uint64_t owed;    /* records that waited in the ring when somebody last looked, less those taken in since */
    uint64_t awaited; /* of these, the records that the round waits for */
    bool is_in_round;
    bool is_corrupt; /* the ring holds what no client writes */
};

void drain_init(struct drain *drain, struct server *server);
void drain_done(struct drain *drain);

void intake_init(struct intake *intake);

/* The session has a ring now. */
void drain_add(struct drain *drain, struct session *session);
/* The session ends here and now. */
void drain_forget(struct drain *drain, struct session *session);

/* Takes in what waits in the session's ring at this moment: a part at once, the rest soon. Returns whether nothing is
 * left to do; if not, session_drained() or, for a corrupt ring, session_cut_off() will be called from the loop. */
bool drain_session(struct drain *drain, struct session *session);
/* The same for a session whose end has come, which is work too: where many end at once, it is put off. */
bool drain_at_end(struct drain *drain, struct session *session);

/* Whether sessions have ended that there was no time to close yet. Then there is no hurry to accept others. */
bool drain_is_closing(const struct drain *drain);

/* Sees to it that what a resync left behind is swept away. After records were applied. */
void drain_sweep(struct drain *drain);

/* Whether everything that was reported before now has been taken in. If not, session_resume() will be called. */
bool drain_for_question(struct drain *drain, struct session *session);

/* All of it, however long it takes: for the server's end. */
void drain_wholly(struct session *session);
