/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One function per kind of message. A refused report is counted by the registry and, per uid within reason, logged;
 * only what no client would send counts towards closing the connection.
 */

#include "server/reporting.h"

#include <errno.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/log.h"
#include "server/server.h"

static struct registry *registry_of(struct session *session)
{
    return &session->server->registry;
}

/* What the process calls itself differs in a container, and after a fork; it is kept for people and never believed. */
static void note_label(struct session *session, pid_t label)
{
    if (label == 0)
        return;
    if (label > 0)
        session->process->label_pid = label;
    if (label != session->peer.pid)
        registry_of(session)->figures.pid_mismatch++;
}

void reporting_note_job(struct session *session)
{
    if (session->process && session->job != 0)
        session->process->job = session->job;
}

enum verdict reporting_begin(struct session *session)
{
    if (session->process)
        return VERDICT_GO_ON;
    if (registry_attach(registry_of(session), &session->peer, &session->process) < 0)
        return session_give_up(session);
    if (session->label_pid > 0)
        session->process->label_pid = session->label_pid;
    reporting_note_job(session);
    list_append(&session->process->reporters, &session->reporter_link);
    session_watch_exit(session);
    return VERDICT_GO_ON;
}

static enum verdict begin_report(struct session *session, const struct tt_alloc_message_72 *message)
{
    enum verdict verdict = reporting_begin(session);

    if (verdict != VERDICT_GO_ON)
        return verdict;
    note_label(session, message->process_id);
    feed_count_report(&session->feed);
    session->server->pace.reports++;
    return VERDICT_GO_ON;
}

/* Why a report was refused, and a bit for having said so: once per process and cause is enough. */
static const char *why_refused(int error, unsigned *ret_bit)
{
    switch (error) {
    case -EFBIG:
        *ret_bit = 1 << 0;
        return "absurd size";
    case -EDQUOT:
        *ret_bit = 1 << 1;
        return "too many buffers or devices";
    case -ENOMEM:
        *ret_bit = 1 << 2;
        return "out of memory";
    default:
        *ret_bit = 1 << 3;
        return "impossible device, region or chip";
    }
}

void reporting_tell_refusal(struct session *session, int error)
{
    unsigned bit;
    const char *why = why_refused(error, &bit);

    if (session->process->refusals_told & bit)
        return;
    session->process->refusals_told |= bit;
    if (user_may_log(session->user, 1, clock_now()))
        log_line(LOG_WARNING, "Refused a report of process %d (uid %u): %s; more of this kind are only counted",
                 (int)session->peer.pid, (unsigned)session->peer.uid, why);
}

static enum verdict verdict_on_report(struct session *session, int error)
{
    if (error == 0)
        return VERDICT_GO_ON;
    reporting_tell_refusal(session, error);
    return error == -EINVAL || error == -EFBIG ? VERDICT_BAD : VERDICT_GO_ON;
}

static enum verdict allocate(struct session *session, const struct tt_alloc_message_72 *message, uint8_t region)
{
    enum verdict verdict = begin_report(session, message);

    if (verdict != VERDICT_GO_ON)
        return verdict;
    return verdict_on_report(session, registry_allocate(registry_of(session), session->process, message->device_id,
                                                        region, message->buffer_id, message->size, session->now));
}

static enum verdict release(struct session *session, const struct tt_alloc_message_72 *message, uint8_t region)
{
    enum verdict verdict = begin_report(session, message);

    if (verdict != VERDICT_GO_ON)
        return verdict;
    return verdict_on_report(session, registry_release(registry_of(session), session->process, message->device_id,
                                                       region, message->buffer_id, session->now));
}

static uint8_t buffer_region(const struct tt_alloc_message_72 *message)
{
    /* CB and KERNEL have messages of their own; here they are as impossible as any other number. */
    return message->buffer_type <= TT_ALLOC_TRACE ? message->buffer_type : TT_ALLOC_REGIONS;
}

static enum verdict free_buffer(struct session *session, const struct tt_alloc_message_72 *message)
{
    bool knows_region = session->features & TT_ALLOC_FEATURE_FREE_REGION;

    if (!knows_region || message->buffer_type == TT_ALLOC_REGION_UNKNOWN)
        return release(session, message, LEDGER_ANY_REGION);
    return release(session, message, buffer_region(message));
}

enum verdict reporting_describe(struct session *session, const struct tt_alloc_device_record *facts)
{
    enum verdict verdict = reporting_begin(session);

    if (verdict != VERDICT_GO_ON)
        return verdict;
    return verdict_on_report(session, registry_describe(registry_of(session), session->process, facts));
}

enum verdict reporting_handle(struct session *session, const struct tt_alloc_message_72 *message)
{
    switch (message->type) {
    case TT_ALLOC_ALLOC:
        return allocate(session, message, buffer_region(message));
    case TT_ALLOC_FREE:
        return free_buffer(session, message);
    case TT_ALLOC_CB_ALLOC:
        return allocate(session, message, TT_ALLOC_CB);
    case TT_ALLOC_CB_FREE:
        return release(session, message, TT_ALLOC_CB);
    case TT_ALLOC_KERNEL_LOAD:
        return allocate(session, message, TT_ALLOC_KERNEL);
    default:
        return release(session, message, TT_ALLOC_KERNEL);
    }
}

/* ---- Ring and records ---- */

static int send_ring(struct session *session, uint64_t slots, uint64_t size, int status, int fd)
{
    struct tt_alloc_ring_message message = {
        .type = TT_ALLOC_RING, .device_id = -1, .slots = slots, .size = size, .status = status};

    if (fd < 0)
        return output_add(&session->output, &message, sizeof(message));
    return output_add_with_fd(&session->output, &message, sizeof(message), fd);
}

static size_t ring_size(uint64_t slots)
{
    return TT_ALLOC_RING_RECORDS + slots * sizeof(struct tt_alloc_record);
}

static void refuse_ring(struct session *session)
{
    user_refused(session->user, LIMIT_RING_BYTES);
    if (user_is_worth_telling(session->user, LIMIT_RING_BYTES, session->now))
        log_line(
            LOG_WARNING,
            "Refused a ring to process %d (uid %u): its user has as much as --max-ring-bytes allows; it can report "
            "through its socket",
            (int)session->peer.pid, (unsigned)session->peer.uid);
}

/* A ring of the size asked for, or what the uid may still have: the smallest, or none. */
static int make_ring(struct session *session, uint64_t *slots, int *ret_fd)
{
    if (*slots < TT_ALLOC_RING_SLOTS_MIN || *slots > TT_ALLOC_RING_SLOTS_MAX || (*slots & (*slots - 1)) != 0)
        return -EINVAL;
    if (session->output.has_fd)
        return -EBUSY;
    if (!user_may_have_ring(session->user, ring_size(*slots)))
        *slots = TT_ALLOC_RING_SLOTS_MIN;
    if (!user_may_have_ring(session->user, ring_size(*slots))) {
        refuse_ring(session);
        return -EDQUOT;
    }
    return feed_add_ring(&session->feed, *slots, ret_fd);
}

enum verdict reporting_request_ring(struct session *session, const struct tt_alloc_ring_message *request)
{
    enum verdict verdict = reporting_begin(session);
    uint64_t slots = request->slots;
    int fd = -1, status;

    if (verdict != VERDICT_GO_ON || !(session->features & TT_ALLOC_FEATURE_RING))
        return verdict == VERDICT_GO_ON ? VERDICT_BAD : verdict;
    if (session->is_deaf)
        return VERDICT_GO_ON;
    status = make_ring(session, &slots, &fd);
    if (status == 0)
        drain_add(&session->server->drain, session);
    else if (status == -ENOMEM)
        registry_of(session)->figures.out_of_memory++;
    if (send_ring(session, status < 0 ? 0 : slots, status < 0 ? 0 : ring_size(slots), status, fd) == 0)
        return VERDICT_GO_ON;
    if (fd >= 0)
        close(fd);
    return session_give_up(session);
}

static enum verdict apply_records(struct session *session, const struct tt_alloc_records *records)
{
    for (size_t i = 0; i < records->count; i++) {
        int error =
            feed_apply(&session->feed, registry_of(session), session->process, &records->record[i], session->now);

        if (error == -EPROTO)
            return VERDICT_BAD;
        if (error < 0)
            reporting_tell_refusal(session, error);
    }
    return VERDICT_GO_ON;
}

enum verdict reporting_apply_records(struct session *session, const struct tt_alloc_records *records)
{
    enum verdict verdict = reporting_begin(session);

    if (verdict != VERDICT_GO_ON || !(session->features & TT_ALLOC_FEATURE_RESYNC))
        return verdict == VERDICT_GO_ON ? VERDICT_BAD : verdict;
    if (records->count < 1 || records->count > TT_ALLOC_RECORDS_MAX)
        return VERDICT_BAD;
    verdict = apply_records(session, records);
    drain_sweep(&session->server->drain);
    return verdict;
}
