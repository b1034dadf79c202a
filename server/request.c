/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One function per request. A refused report is counted by the registry and, per uid within reason, logged; only what
 * no client would send counts towards closing the connection.
 */

#include "server/request.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "protocol/reply.h"
#include "server/clock.h"
#include "server/log.h"
#include "server/server.h"

static struct registry *registry_of(struct session *session)
{
    return &session->server->registry;
}

/* A deaf peer is spared the work of an answer. */
static enum verdict send_frame(struct session *session, const void *frame, size_t size)
{
    if (session->is_deaf)
        return VERDICT_GO_ON;
    return output_add(&session->output, frame, size) < 0 ? VERDICT_CLOSE : VERDICT_GO_ON;
}

/* ---- Reports ---- */

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

static enum verdict become_reporter(struct session *session)
{
    if (session->process)
        return VERDICT_GO_ON;
    if (registry_attach(registry_of(session), &session->peer, &session->process) < 0)
        return VERDICT_CLOSE;
    if (session->label_pid > 0)
        session->process->label_pid = session->label_pid;
    session_watch_exit(session);
    return VERDICT_GO_ON;
}

static enum verdict begin_report(struct session *session, const struct tt_alloc_message_72 *message)
{
    enum verdict verdict = become_reporter(session);

    if (verdict == VERDICT_GO_ON)
        note_label(session, message->process_id);
    return verdict;
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

static void tell_refusal(struct session *session, int error)
{
    unsigned bit;
    const char *why = why_refused(error, &bit);
    bool is_first_refusal;

    if (session->process->refusals_told & bit)
        return;
    session->process->refusals_told |= bit;
    if (user_may_log(session->user, 1, session->now, &is_first_refusal))
        log_line(LOG_WARNING, "Refused a report of process %d (uid %u): %s; more of this kind are only counted",
                 (int)session->peer.pid, (unsigned)session->peer.uid, why);
}

static enum verdict verdict_on_report(struct session *session, int error)
{
    if (error == 0)
        return VERDICT_GO_ON;
    tell_refusal(session, error);
    return error == -EINVAL || error == -EFBIG ? VERDICT_BAD : VERDICT_GO_ON;
}

static enum verdict on_allocation(struct session *session, const struct tt_alloc_message_72 *message, uint8_t region)
{
    enum verdict verdict = begin_report(session, message);

    if (verdict != VERDICT_GO_ON)
        return verdict;
    return verdict_on_report(session, registry_allocate(registry_of(session), session->process, message->device_id,
                                                        region, message->buffer_id, message->size, session->now));
}

static enum verdict on_release(struct session *session, const struct tt_alloc_message_72 *message, uint8_t region)
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

static enum verdict on_free(struct session *session, const struct tt_alloc_message_72 *message)
{
    bool knows_region = session->features & TT_ALLOC_FEATURE_FREE_REGION;

    if (!knows_region || message->buffer_type == TT_ALLOC_REGION_UNKNOWN)
        return on_release(session, message, LEDGER_ANY_REGION);
    return on_release(session, message, buffer_region(message));
}

static enum verdict on_describe(struct session *session, const struct tt_alloc_device_record *facts)
{
    enum verdict verdict = become_reporter(session);

    if (verdict != VERDICT_GO_ON)
        return verdict;
    return verdict_on_report(session, registry_describe(registry_of(session), session->process, facts));
}

/* ---- Questions of the proof of concept ---- */

/* The process that asks, if it reports: through this session or another. A PID of 0 is nobody's in particular. */
static struct process *asking_process(struct session *session)
{
    struct process *process;

    if (session->process || session->peer.pid <= 0)
        return session->process;
    process = processes_find_pid(&registry_of(session)->processes, session->peer.pid);
    return process && process->user == session->user ? process : NULL;
}

static struct device *find_device(struct session *session, int32_t device_id)
{
    return registry_resolve(registry_of(session), asking_process(session), device_id);
}

static struct tt_alloc_message_144 totals(struct session *session, int32_t device_id)
{
    struct tt_alloc_message_144 reply = {.head = {.type = TT_ALLOC_RESPONSE, .device_id = device_id}};
    const struct device *device = find_device(session, device_id);

    if (device) {
        const struct usage_sum *region = device->usage.region;

        reply.head.dram_allocated = usage_clamp(region[TT_ALLOC_DRAM].bytes);
        reply.head.l1_allocated = usage_clamp(region[TT_ALLOC_L1].bytes);
        reply.head.l1_small_allocated = usage_clamp(region[TT_ALLOC_L1_SMALL].bytes);
        reply.head.trace_allocated = usage_clamp(region[TT_ALLOC_TRACE].bytes);
        reply.cb_allocated = usage_clamp(region[TT_ALLOC_CB].bytes);
        reply.kernel_allocated = usage_clamp(region[TT_ALLOC_KERNEL].bytes);
    }
    return reply;
}

static enum verdict send_reply(struct session *session, const struct tt_alloc_message_144 *reply)
{
    uint8_t bytes[TT_ALLOC_FRAME_MAX];

    return send_frame(session, bytes, tt_alloc_lay_out_reply(reply, session->decoder.frame_size, bytes));
}

static enum verdict on_query(struct session *session, const struct tt_alloc_frame *frame)
{
    struct tt_alloc_message_144 reply = totals(session, frame->message.device_id);

    if (frame->part == TT_ALLOC_PART_WHOLE)
        return send_reply(session, &reply);
    session->owes_tail = true;
    session->tail_device_id = frame->message.device_id;
    return send_frame(session, &reply.head, sizeof(reply.head));
}

static enum verdict on_tail(struct session *session)
{
    struct tt_alloc_message_144 reply;
    uint8_t bytes[TT_ALLOC_FRAME_MAX];
    size_t size;

    if (!session->owes_tail)
        return VERDICT_GO_ON;
    session->owes_tail = false;
    reply = totals(session, session->tail_device_id);
    size = tt_alloc_lay_out_reply(&reply, session->decoder.frame_size, bytes);
    return send_frame(session, bytes + TT_ALLOC_FRAME_72, size - TT_ALLOC_FRAME_72);
}

static enum verdict on_device_info_query(struct session *session, const struct tt_alloc_message_72 *message)
{
    struct tt_alloc_message_144 reply = {
        .head = {.type = TT_ALLOC_DEVICE_INFO_RESPONSE, .device_id = message->device_id}};
    const struct device *device = find_device(session, message->device_id);

    if (message->device_id == TT_ALLOC_ALL_DEVICES) {
        reply.info.num_devices = (uint32_t)registry_of(session)->devices.count;
        reply.info.is_available = reply.info.num_devices > 0;
    } else if (device) {
        const struct tt_alloc_device_record *facts = &device->facts;

        reply.info = (struct tt_alloc_device_info){
            .total_dram_size = facts->dram_size,
            .total_l1_size = facts->l1_size,
            .arch_type = facts->arch,
            .num_dram_channels = facts->num_dram_channels,
            .l1_size_per_core = facts->l1_size_per_core,
            .is_available = 1,
        };
        if (facts->num_dram_channels)
            reply.info.dram_size_per_channel = (uint32_t)(facts->dram_size / facts->num_dram_channels);
    }
    return send_reply(session, &reply);
}

static enum verdict on_dump(struct session *session)
{
    bool is_first_refusal;

    if (session->is_authorised) {
        if (reporter_dump(&session->server->reporter) < 0)
            registry_of(session)->figures.refused_memory++;
        return VERDICT_GO_ON;
    }
    registry_of(session)->figures.not_permitted++;
    if (user_may_log(session->user, 1, session->now, &is_first_refusal))
        log_line(LOG_WARNING, "Refused a dump to process %d (uid %u): only for root, the server's user and group %s",
                 (int)session->peer.pid, (unsigned)session->peer.uid, SERVER_GROUP);
    return VERDICT_GO_ON;
}

/* ---- Our own ---- */

static enum verdict send_welcome(struct session *session)
{
    struct server *server = session->server;
    struct tt_alloc_hello welcome = {
        .type = TT_ALLOC_WELCOME,
        .device_id = -1,
        .magic = TT_ALLOC_MAGIC,
        .version = TT_ALLOC_PROTOCOL_VERSION,
        .process_id = getpid(),
        .features = session->features,
        .flags = session->is_authorised ? TT_ALLOC_WELCOME_AUTHORISED : 0,
        .start_time = clock_wall() - (clock_now() - server->started),
        .uptime = clock_now() - server->started,
        .name = "tt-allocation-server " TT_ALLOC_VERSION,
    };

    return send_frame(session, &welcome, sizeof(welcome));
}

static enum verdict on_hello(struct session *session, const struct tt_alloc_hello *hello)
{
    enum verdict verdict = VERDICT_GO_ON;

    if (hello->magic != TT_ALLOC_MAGIC)
        return VERDICT_CLOSE;
    session->label_pid = hello->process_id;
    session->features = hello->features & TT_ALLOC_FEATURE_FREE_REGION;
    if (hello->flags & TT_ALLOC_HELLO_REPORTER)
        verdict = become_reporter(session);
    if (verdict == VERDICT_GO_ON && !(hello->flags & TT_ALLOC_HELLO_QUIET))
        verdict = send_welcome(session);
    return verdict;
}

static enum verdict on_list(struct session *session, const struct tt_alloc_list_request *request)
{
    struct viewer viewer = {.uid = session->peer.uid, .is_authorised = session->is_authorised};

    if (!session->is_deaf)
        answer_begin(&session->answer, request, viewer, registry_of(session));
    return VERDICT_GO_ON;
}

static void reset_all_peaks(struct registry *registry, int32_t number)
{
    list_for_each (link, &registry->processes.all)
        registry_reset_process_peaks(LIST_ENTRY(link, struct process, link), number);
    registry_reset_device_peaks(registry, number);
}

/* The process that asks names its device by its own number, everybody else by the server's. */
static int reset_own_peaks(struct session *session, int32_t device_id)
{
    struct registry *registry = registry_of(session);
    struct process *process = asking_process(session);
    const struct device *device;

    if (!process)
        return -ESRCH;
    device = registry_resolve(registry, process, device_id);
    if (device_id >= 0 && !device)
        return -ENODEV;
    registry_reset_process_peaks(process, device_id >= 0 ? device->number : TT_ALLOC_ALL_DEVICES);
    return 0;
}

static int reset_peaks(struct session *session, const struct tt_alloc_list_request *request)
{
    struct registry *registry = registry_of(session);
    struct process *process;

    if (request->process_id == 0)
        return reset_own_peaks(session, request->device_id);
    if (!session->is_authorised) {
        registry->figures.not_permitted++;
        return -EPERM;
    }
    if (request->process_id == -1) {
        reset_all_peaks(registry, request->device_id);
        return 0;
    }
    process = processes_find_pid(&registry->processes, request->process_id);
    if (!process)
        return -ESRCH;
    registry_reset_process_peaks(process, request->device_id);
    return 0;
}

static enum verdict on_reset_peaks(struct session *session, const struct tt_alloc_list_request *request)
{
    int status = reset_peaks(session, request);

    if (session->is_deaf)
        return VERDICT_GO_ON;
    return answer_end_only(&session->output, TT_ALLOC_RESET_PEAKS, status) < 0 ? VERDICT_CLOSE : VERDICT_GO_ON;
}

enum verdict request_handle(struct session *session, const struct tt_alloc_frame *frame)
{
    const struct tt_alloc_message_72 *message = &frame->message;

    if (frame->part == TT_ALLOC_PART_TAIL)
        return on_tail(session);

    switch (message->type) {
    case TT_ALLOC_ALLOC:
        return on_allocation(session, message, buffer_region(message));
    case TT_ALLOC_FREE:
        return on_free(session, message);
    case TT_ALLOC_CB_ALLOC:
        return on_allocation(session, message, TT_ALLOC_CB);
    case TT_ALLOC_CB_FREE:
        return on_release(session, message, TT_ALLOC_CB);
    case TT_ALLOC_KERNEL_LOAD:
        return on_allocation(session, message, TT_ALLOC_KERNEL);
    case TT_ALLOC_KERNEL_UNLOAD:
        return on_release(session, message, TT_ALLOC_KERNEL);
    case TT_ALLOC_QUERY:
        return on_query(session, frame);
    case TT_ALLOC_DEVICE_INFO_QUERY:
        return on_device_info_query(session, message);
    case TT_ALLOC_DUMP_REMAINING:
    case TT_ALLOC_DUMP_KERNELS:
        return on_dump(session);
    case TT_ALLOC_HELLO:
        return on_hello(session, &frame->hello);
    case TT_ALLOC_DESCRIBE_DEVICE:
        return on_describe(session, &frame->device);
    case TT_ALLOC_RESET_PEAKS:
        return on_reset_peaks(session, &frame->list);
    default:
        return on_list(session, &frame->list);
    }
}
