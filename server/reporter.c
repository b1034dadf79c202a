/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A queue of jobs, each a small state machine whose step does a bounded amount of work. The first step of a job that
 * finds the queue empty runs at once: most processes are small, and their report is written whole in the same moment.
 */

#include "server/reporter.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/log.h"
#include "server/pace.h"
#include "server/report_log.h"

/* They take a fraction of a millisecond. */
#define SLOTS_PER_SLICE 8192

/* What small ledgers leave in the heap goes back to the system only when that is asked for. Each hole then costs a
 * system call, some 0.06 ms on a virtual machine; where there are many, they are left to the next clients. */
#define TRIM_AFTER ((size_t)8 << 20)
#define TRIM_HOLES_MAX 32

struct job {
    struct list link; /* reporter::jobs */
    bool is_dump;
    struct remains remains; /* of a leak report */
    size_t memory;          /* of its ledger */
    uint64_t serial;        /* of a dump: the last process that is done */
    uint64_t at_serial;     /* of a dump: the process that is being walked */
    uint64_t cursor;        /* in the ledger */
    bool was_interrupted;   /* other lines may stand between the summary and the buffers */
    bool is_walked;
    bool is_quiet; /* the uid has used up its lines */
    struct largest largest;
    uint64_t at; /* monotonic; ages count from here */
};

static void job_free(struct job *job)
{
    assert(!job->remains.ledger); /* it went back piece by piece */
    if (!job->is_dump)
        remains_settle(&job->remains);
    largest_done(&job->largest);
    free(job);
}

/* Whether the walk came to its end; if not, it used up its slots. */
static bool walk(struct job *job, const struct ledger *ledger)
{
    struct ledger_buffer buffer;
    size_t slots = SLOTS_PER_SLICE;

    while (ledger_walk(ledger, &job->cursor, &slots, &buffer))
        largest_offer(&job->largest, &buffer);
    return slots > 0;
}

static struct report_subject leak_subject(const struct remains *remains)
{
    return (struct report_subject){.pid = remains->pid,
                                   .uid = remains->user->uid,
                                   .comm = remains->comm,
                                   .reason = remains->reason,
                                   .is_inexact = remains->is_inexact};
}

static void finish_leak_report(struct job *job)
{
    struct report_subject subject = leak_subject(&job->remains);

    if (job->was_interrupted)
        log_line(LOG_WARNING, "Process %d: the largest of what it left:", (int)subject.pid);
    largest_sort(&job->largest);
    report_log_buffers(&subject, &job->largest, ledger_count(job->remains.ledger), job->at);
}

/* What a piece of memory costs to give back depends on who else gives some back, as the dead process does just then. */
static struct ledger *free_for_a_slice(struct ledger *ledger)
{
    uint64_t stop = clock_now() + PACE_SLICE;

    do
        ledger = ledger_free_some(ledger, 1);
    while (ledger && clock_now() < stop);
    return ledger;
}

/* Whether the job is done. */
static bool step_leak(struct job *job)
{
    if (!job->is_walked && !job->is_quiet) {
        if (!walk(job, job->remains.ledger))
            return false;
        finish_leak_report(job);
    }
    if (!job->is_walked)
        remains_release_devices(&job->remains);
    job->is_walked = true;
    job->remains.ledger = free_for_a_slice(job->remains.ledger);
    return !job->remains.ledger;
}

static bool step_dump(struct reporter *reporter, struct job *job)
{
    const struct processes *processes = &reporter->registry->processes;
    struct process *process = processes_after(processes, job->serial);
    struct report_subject subject;

    if (job->at_serial == 0) /* It begins now, so it does not serve who asks later. */
        reporter->is_dump_queued = false;
    if (!process)
        return true;
    if (process->serial != job->at_serial) {
        job->at_serial = process->serial;
        job->cursor = 0;
        largest_clear(&job->largest);
    }
    if (!walk(job, process->ledger))
        return false;

    if (ledger_count(process->ledger) > 0) {
        subject = (struct report_subject){.pid = process->pid,
                                          .uid = process->user->uid,
                                          .comm = process->facts.comm,
                                          .reason = TT_ALLOC_REASON_RUNNING,
                                          .is_inexact = process_is_inexact(process)};
        report_log_summary(&subject, process->ledger);
        largest_sort(&job->largest);
        report_log_buffers(&subject, &job->largest, ledger_count(process->ledger), job->at);
    }
    job->serial = process->serial;
    return false;
}

static void trim(struct reporter *reporter, size_t freed)
{
    reporter->freed += freed;
    if (reporter->freed < TRIM_AFTER)
        return;
    reporter->freed = 0;
    if (mallinfo2().ordblks <= TRIM_HOLES_MAX)
        malloc_trim(0);
}

static bool step(struct reporter *reporter, struct job *job)
{
    size_t memory = job->memory;
    bool is_done = job->is_dump ? step_dump(reporter, job) : step_leak(job);

    if (is_done) {
        list_remove(&job->link);
        job_free(job);
        trim(reporter, memory);
    }
    return is_done;
}

static void on_slice(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct reporter *reporter = timer->data;

    (void)events;
    step(reporter, LIST_ENTRY(reporter->jobs.next, struct job, link));
    if (list_is_empty(&reporter->jobs))
        ev_timer_stop(loop, timer);
}

/* A timer that is always due runs once per turn of the loop, beside whatever else happened in it. */
static void run_soon(struct reporter *reporter)
{
    if (list_is_empty(&reporter->jobs) || ev_is_active(&reporter->slice))
        return;
    ev_timer_set(&reporter->slice, 0., 1e-9);
    ev_timer_start(reporter->loop, &reporter->slice);
}

void reporter_init(struct reporter *reporter, struct ev_loop *loop, struct registry *registry, size_t lines)
{
    *reporter = (struct reporter){.loop = loop, .registry = registry, .lines = lines};
    list_init(&reporter->jobs);
    ev_timer_init(&reporter->slice, on_slice, 0., 0.);
    reporter->slice.data = reporter;
}

void reporter_done(struct reporter *reporter)
{
    ev_timer_stop(reporter->loop, &reporter->slice);
    while (!list_is_empty(&reporter->jobs))
        step(reporter, LIST_ENTRY(reporter->jobs.next, struct job, link));
}

static int job_new(struct reporter *reporter, struct job **ret)
{
    struct job *job = calloc(1, sizeof(*job));

    if (!job)
        return -ENOMEM;
    if (largest_init(&job->largest, reporter->lines) < 0) {
        free(job);
        return -ENOMEM;
    }
    job->at = clock_now();
    *ret = job;
    return 0;
}

/* Whether there is something to tell and the uid has lines left; if so the totals are told here and now. */
static bool begin_leak_report(struct reporter *reporter, const struct remains *remains)
{
    struct report_subject subject = leak_subject(remains);
    uint64_t buffers = ledger_count(remains->ledger);
    unsigned lines = 2 + (unsigned)(buffers < reporter->lines ? buffers : reporter->lines);
    uint64_t now = clock_now();

    if (buffers == 0)
        return false;
    if (!user_may_log(remains->user, lines, now)) {
        if (user_is_worth_telling(remains->user, LIMIT_LOG_LINES, now))
            log_line(LOG_WARNING, "uid %u leaves buffers faster than they can be logged; see them with: tt-smi exited",
                     (unsigned)remains->user->uid);
        return false;
    }
    report_log_summary(&subject, remains->ledger);
    return true;
}

void reporter_add_remains(struct reporter *reporter, struct remains remains)
{
    bool is_first = list_is_empty(&reporter->jobs);
    bool is_told = begin_leak_report(reporter, &remains);
    struct job *job;

    if (job_new(reporter, &job) < 0) {
        reporter->registry->figures.out_of_memory++;
        remains_release_devices(&remains);
        ledger_free(remains.ledger);
        remains_settle(&remains);
        return;
    }
    job->remains = remains;
    job->memory = ledger_memory(remains.ledger);
    job->is_quiet = !is_told;
    list_append(&reporter->jobs, &job->link);
    job->was_interrupted = is_told && !is_first;
    if (is_first && !step(reporter, job))
        job->was_interrupted = true;
    run_soon(reporter);
}

int reporter_dump(struct reporter *reporter)
{
    struct job *job;

    if (reporter->is_dump_queued)
        return 0;
    if (job_new(reporter, &job) < 0)
        return -ENOMEM;
    job->is_dump = true;
    reporter->is_dump_queued = true;
    list_append(&reporter->jobs, &job->link);
    run_soon(reporter);
    return 0;
}
