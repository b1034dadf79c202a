/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Both are answered by END alone, which says whether anything was done. Of what is forgotten a line is logged, because
 * it is a finding that somebody else may look for.
 */

#include "server/request_change.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "server/log.h"
#include "server/request.h"
#include "server/server.h"

static struct registry *registry_of(struct session *session)
{
    return &session->server->registry;
}

static enum verdict send_end(struct session *session, struct tt_alloc_end_record end)
{
    end.type = TT_ALLOC_END;
    end.device_id = -1;
    if (session->is_deaf)
        return VERDICT_GO_ON;
    return output_add(&session->output, &end, sizeof(end)) < 0 ? session_give_up(session) : VERDICT_GO_ON;
}

static int refuse(struct session *session)
{
    registry_of(session)->figures.not_permitted++;
    return -EPERM;
}

/* ---- Peaks ---- */

static int reset_all_peaks(struct session *session, int32_t number)
{
    struct registry *registry = registry_of(session);

    if (!session->is_authorised)
        return refuse(session);
    if (number >= 0 && !devices_find(&registry->devices, number))
        return -ENODEV;
    list_for_each (link, &registry->processes.all)
        registry_reset_process_peaks(LIST_ENTRY(link, struct process, link), number);
    registry_reset_device_peaks(registry, number);
    return 0;
}

/* The process that asks names its device by its own number, everybody else by the server's. */
static int reset_own_peaks(struct session *session, int32_t device_id)
{
    struct process *process = request_asking_process(session);
    const struct device *device;

    if (!process)
        return -ESRCH;
    device = registry_resolve(registry_of(session), process, device_id);
    if (device_id >= 0 && !device)
        return -ENODEV;
    registry_reset_process_peaks(process, device_id >= 0 ? device->number : TT_ALLOC_ALL_DEVICES);
    return 0;
}

static int reset_peaks_of(struct session *session, int32_t pid, int32_t number)
{
    struct process *process = processes_find_pid(&registry_of(session)->processes, pid);

    if (!process)
        return -ESRCH;
    if (!session->is_authorised && !user_is(session->user, process->user))
        return refuse(session);
    return registry_reset_process_peaks(process, number) ? 0 : -ENODEV;
}

static int reset_peaks(struct session *session, const struct tt_alloc_list_request *request)
{
    switch (request->process_id) {
    case 0:
        return reset_own_peaks(session, request->device_id);
    case -1:
        return reset_all_peaks(session, request->device_id);
    default:
        return reset_peaks_of(session, request->process_id, request->device_id);
    }
}

enum verdict request_reset_peaks(struct session *session, const struct tt_alloc_list_request *request)
{
    return send_end(session, (struct tt_alloc_end_record){
                                 .request = TT_ALLOC_RESET_PEAKS,
                                 .status = reset_peaks(session, request),
                             });
}

/* ---- Leaks ---- */

static void log_forgotten(struct session *session, const struct tt_alloc_list_request *request, uint64_t leaks)
{
    char whose[64] = "";

    if (!user_may_log(session->user, 1, session->now))
        return;
    if (request->process_id)
        snprintf(whose, sizeof(whose), " of process %d", (int)request->process_id);
    else if (request->serial)
        snprintf(whose, sizeof(whose), " of the process with serial %" PRIu64, request->serial);
    log_line(LOG_INFO, "Process %d (uid %u) had %" PRIu64 " %s%s forgotten", (int)session->peer.pid,
             (unsigned)session->peer.uid, leaks, leaks == 1 ? "leak" : "leaks", whose);
}

static int judge(struct session *session, const struct tt_alloc_list_request *request, struct forgetting forgetting)
{
    if (forgetting.forgotten > 0)
        return 0;
    if (forgetting.others > 0)
        return refuse(session);
    return request->process_id || request->serial ? -ESRCH : 0;
}

enum verdict request_forget(struct session *session, const struct tt_alloc_list_request *request)
{
    struct registry *registry = registry_of(session);
    struct forgetting forgetting = ended_forget(&registry->ended, request->process_id, request->serial,
                                                session->is_authorised ? NULL : session->user);

    registry->figures.forgotten_leaks += forgetting.forgotten;
    if (forgetting.forgotten > 0)
        log_forgotten(session, request, forgetting.forgotten);
    return send_end(session, (struct tt_alloc_end_record){
                                 .request = TT_ALLOC_FORGET,
                                 .status = judge(session, request, forgetting),
                                 .hidden = forgetting.others,
                                 .forgotten = forgetting.forgotten,
                             });
}
