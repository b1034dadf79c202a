/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One function per request. Only what no client would send counts towards closing the connection.
 */

#include "server/request.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "protocol/reply.h"
#include "server/clock.h"
#include "server/log.h"
#include "server/reporting.h"
#include "server/request_change.h"
#include "server/server.h"

#define FEATURES                                                                                                       \
    (TT_ALLOC_FEATURE_FREE_REGION | TT_ALLOC_FEATURE_RING | TT_ALLOC_FEATURE_RESYNC | TT_ALLOC_FEATURE_HISTORY |       \
     TT_ALLOC_FEATURE_FORGET)

static struct registry *registry_of(struct session *session)
{
    return &session->server->registry;
}

/* A deaf peer is spared the work of an answer. */
static enum verdict send_frame(struct session *session, const void *frame, size_t size)
{
    if (session->is_deaf)
        return VERDICT_GO_ON;
    return output_add(&session->output, frame, size) < 0 ? session_give_up(session) : VERDICT_GO_ON;
}

/* ---- Questions of the proof of concept ---- */

/* A PID of 0 is nobody's in particular. */
struct process *request_asking_process(struct session *session)
{
    struct process *process;

    if (session->process || session->peer.pid <= 0)
        return session->process;
    process = processes_find_pid(&registry_of(session)->processes, session->peer.pid);
    return process && process->user == session->user ? process : NULL;
}

static struct device *find_device(struct session *session, int32_t device_id)
{
    return registry_resolve(registry_of(session), request_asking_process(session), device_id);
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

/* What is known of a device, also of one that nobody has reported on but the host has; or NULL. */
static const struct tt_alloc_device_record *find_facts(struct session *session, int32_t device_id)
{
    const struct device *device = find_device(session, device_id);
    const struct node *node = device ? NULL : nodes_find(&registry_of(session)->devices.nodes, device_id);

    if (device)
        return &device->facts;
    return node ? &node->facts : NULL;
}

static enum verdict on_device_info_query(struct session *session, const struct tt_alloc_message_72 *message)
{
    struct tt_alloc_message_144 reply = {
        .head = {.type = TT_ALLOC_DEVICE_INFO_RESPONSE, .device_id = message->device_id}};
    const struct tt_alloc_device_record *facts = find_facts(session, message->device_id);

    if (message->device_id == TT_ALLOC_ALL_DEVICES) {
        reply.info.num_devices = (uint32_t)devices_count(&registry_of(session)->devices);
        reply.info.is_available = reply.info.num_devices > 0;
    } else if (facts) {
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
    if (session->is_authorised) {
        if (reporter_dump(&session->server->reporter) < 0)
            registry_of(session)->figures.out_of_memory++;
        return VERDICT_GO_ON;
    }
    registry_of(session)->figures.not_permitted++;
    if (user_is_worth_telling(session->user, TOLD_DUMP, session->now))
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
        .start_time = server->start_time,
        .uptime = clock_now() - server->started,
        .name = "tt-allocation-server " TT_ALLOC_VERSION,
    };

    return send_frame(session, &welcome, sizeof(welcome));
}

static enum verdict on_hello(struct session *session, const struct tt_alloc_hello *hello)
{
    enum verdict verdict = VERDICT_GO_ON;

    if (hello->magic != TT_ALLOC_MAGIC) {
        session->bad_frames = SESSION_BAD_FRAMES; /* one is enough */
        return VERDICT_BAD;
    }
    session->label_pid = hello->process_id;
    session->features = hello->features & FEATURES;
    session->instance = hello->instance;
    session->job = hello->job;
    reporting_note_job(session);
    feed_set_clock(&session->feed, hello->tick);
    if (hello->flags & TT_ALLOC_HELLO_REPORTER)
        verdict = reporting_begin(session);
    if (verdict == VERDICT_GO_ON)
        session_supersede(session);
    if (verdict == VERDICT_GO_ON && !(hello->flags & TT_ALLOC_HELLO_QUIET))
        verdict = send_welcome(session);
    return verdict;
}

static enum verdict on_list(struct session *session, const struct tt_alloc_list_request *request)
{
    struct viewer viewer = {.user = session->user, .is_authorised = session->is_authorised};

    if (!session->is_deaf)
        answer_begin(&session->answer, request, viewer, registry_of(session));
    return VERDICT_GO_ON;
}

bool request_is_question(const struct tt_alloc_frame *frame)
{
    uint8_t type = frame->message.type;

    if (frame->part == TT_ALLOC_PART_TAIL)
        return false;
    return type == TT_ALLOC_QUERY || type == TT_ALLOC_DEVICE_INFO_QUERY || type == TT_ALLOC_DUMP_REMAINING ||
           type == TT_ALLOC_DUMP_KERNELS || (type >= TT_ALLOC_LIST_DEVICES && type <= TT_ALLOC_LIST_HISTORY);
}

enum verdict request_handle(struct session *session, const struct tt_alloc_frame *frame)
{
    const struct tt_alloc_message_72 *message = &frame->message;

    if (frame->part == TT_ALLOC_PART_TAIL)
        return on_tail(session);

    switch (message->type) {
    case TT_ALLOC_ALLOC:
    case TT_ALLOC_FREE:
    case TT_ALLOC_CB_ALLOC:
    case TT_ALLOC_CB_FREE:
    case TT_ALLOC_KERNEL_LOAD:
    case TT_ALLOC_KERNEL_UNLOAD:
        return reporting_handle(session, message);
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
        return reporting_describe(session, &frame->device);
    case TT_ALLOC_RING_REQUEST:
        return reporting_request_ring(session, &frame->ring);
    case TT_ALLOC_RING_WAKE: /* what is in the ring is taken in after every read */
        registry_of(session)->figures.wakes++;
        return VERDICT_GO_ON;
    case TT_ALLOC_RECORDS:
        return reporting_apply_records(session, &frame->records);
    case TT_ALLOC_RESET_PEAKS:
        return request_reset_peaks(session, &frame->list);
    case TT_ALLOC_FORGET:
        return request_forget(session, &frame->list);
    default:
        return on_list(session, &frame->list);
    }
}
