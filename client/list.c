/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The list calls: a filter becomes a request, and what list_records.c made of the answer is handed out.
 */

#include "client/list.h"

#include <errno.h>
#include <stdlib.h>

static const struct tt_alloc_filter everything;

static int check_filter(const struct tt_alloc_filter *filter)
{
    bool fits = (!filter->by_device || filter->device >= 0) &&
                (!filter->by_region || filter->region < TT_ALLOC_REGIONS) && filter->pid >= 0;

    return fits ? 0 : -EINVAL;
}

/* Only for buffers does a region mean anything. */
static struct tt_alloc_list_request make_request(uint8_t type, const struct tt_alloc_filter *filter)
{
    struct tt_alloc_list_request request = {.type = type, .device_id = TT_ALLOC_ALL_DEVICES, .region = -1};

    if (filter->by_device)
        request.device_id = filter->device;
    if (type == TT_ALLOC_LIST_BUFFERS && filter->by_region)
        request.region = (int32_t)filter->region;
    if (type != TT_ALLOC_LIST_DEVICES) {
        request.process_id = filter->pid;
        request.limit = filter->limit;
    }
    return request;
}

static int receive_list(struct tt_alloc_connection *connection, const struct tt_alloc_list_request *request,
                        struct tt_alloc_list *list)
{
    struct tt_alloc_end_record end;

    int r = tt_alloc_ask(connection, request, tt_alloc_list_take, list, &end);
    if (r < 0)
        return r;
    list->hidden = end.hidden;
    return tt_alloc_list_finish(list);
}

static int send_request(struct tt_alloc_connection *connection, const struct tt_alloc_list_request *request,
                        uint8_t kind, struct tt_alloc_list **ret)
{
    struct tt_alloc_list *list = calloc(1, sizeof(*list));
    if (list == NULL)
        return -ENOMEM;
    list->kind = kind;
    int r = receive_list(connection, request, list);
    if (r < 0) {
        tt_alloc_list_free(list);
        return r;
    }
    *ret = list;
    return 0;
}

static int get_list(struct tt_alloc_connection *connection, uint8_t request_type, uint8_t kind,
                    const struct tt_alloc_filter *filter, struct tt_alloc_list **ret)
{
    if (filter == NULL)
        filter = &everything;
    int r = check_filter(filter);
    if (r < 0)
        return r;
    struct tt_alloc_list_request request = make_request(request_type, filter);
    return send_request(connection, &request, kind, ret);
}

int tt_alloc_list_devices(struct tt_alloc_connection *connection, const struct tt_alloc_filter *filter,
                          struct tt_alloc_list **ret)
{
    return get_list(connection, TT_ALLOC_LIST_DEVICES, TT_ALLOC_DEVICE, filter, ret);
}

int tt_alloc_list_processes(struct tt_alloc_connection *connection, const struct tt_alloc_filter *filter,
                            struct tt_alloc_list **ret)
{
    return get_list(connection, TT_ALLOC_LIST_PROCESSES, TT_ALLOC_PROCESS, filter, ret);
}

int tt_alloc_list_ended(struct tt_alloc_connection *connection, const struct tt_alloc_filter *filter,
                        struct tt_alloc_list **ret)
{
    return get_list(connection, TT_ALLOC_LIST_ENDED, TT_ALLOC_ENDED, filter, ret);
}

int tt_alloc_list_buffers(struct tt_alloc_connection *connection, const struct tt_alloc_filter *filter,
                          struct tt_alloc_list **ret)
{
    return get_list(connection, TT_ALLOC_LIST_BUFFERS, TT_ALLOC_BUFFER, filter, ret);
}

int tt_alloc_list_figures(struct tt_alloc_connection *connection, struct tt_alloc_list **ret)
{
    return get_list(connection, TT_ALLOC_LIST_FIGURES, TT_ALLOC_FIGURE, NULL, ret);
}

int tt_alloc_list_history(struct tt_alloc_connection *connection, const struct tt_alloc_filter *filter,
                          uint32_t resolution, struct tt_alloc_list **ret)
{
    if (filter == NULL)
        filter = &everything;
    if (check_filter(filter) < 0 || (resolution != TT_ALLOC_HISTORY_SECOND && resolution != TT_ALLOC_HISTORY_MINUTE))
        return -EINVAL;
    if (!tt_alloc_has_feature(connection, TT_ALLOC_FEATURE_HISTORY))
        return -EOPNOTSUPP;
    struct tt_alloc_list_request request = make_request(TT_ALLOC_LIST_HISTORY, filter);
    request.process_id = 0;
    request.resolution = resolution;
    return send_request(connection, &request, TT_ALLOC_HISTORY, ret);
}

size_t tt_alloc_list_count(const struct tt_alloc_list *list)
{
    return list->items.count;
}

uint64_t tt_alloc_list_hidden(const struct tt_alloc_list *list)
{
    return list->hidden;
}

const struct tt_alloc_device *tt_alloc_list_device(const struct tt_alloc_list *list, size_t index)
{
    const struct tt_alloc_device *devices = list->items.items;

    return list->kind == TT_ALLOC_DEVICE && index < list->items.count ? &devices[index] : NULL;
}

const struct tt_alloc_process *tt_alloc_list_process(const struct tt_alloc_list *list, size_t index)
{
    const struct tt_alloc_process *processes = list->items.items;
    bool is_kind = list->kind == TT_ALLOC_PROCESS || list->kind == TT_ALLOC_ENDED;

    return is_kind && index < list->items.count ? &processes[index] : NULL;
}

const struct tt_alloc_buffer *tt_alloc_list_buffer(const struct tt_alloc_list *list, size_t index)
{
    const struct tt_alloc_buffer *buffers = list->items.items;

    return list->kind == TT_ALLOC_BUFFER && index < list->items.count ? &buffers[index] : NULL;
}

const struct tt_alloc_figure *tt_alloc_list_figure(const struct tt_alloc_list *list, size_t index)
{
    const struct tt_alloc_figure *figures = list->items.items;

    return list->kind == TT_ALLOC_FIGURE && index < list->items.count ? &figures[index] : NULL;
}

const struct tt_alloc_history *tt_alloc_list_series(const struct tt_alloc_list *list, size_t index)
{
    const struct tt_alloc_history *series = list->items.items;

    return list->kind == TT_ALLOC_HISTORY && index < list->items.count ? &series[index] : NULL;
}

struct tt_alloc_list *tt_alloc_list_free(struct tt_alloc_list *list)
{
    if (list != NULL) {
        free(list->items.items);
        free(list->usages.items);
        free(list->samples.items);
        free(list->text.items);
        free(list);
    }
    return NULL;
}
