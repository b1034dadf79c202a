/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The asking half: the connection, the hello, and questions that are answered by a stream of frames. Reads go through a
 * buffer, so a long answer costs a system call per some hundred records and not per record.
 */

#include "client/ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/clock.h"
#include "client/connect.h"
#include "client/stream.h"

#define LIMIT_MS 5000
#define ERRNO_MAX 4095

struct tt_alloc_connection {
    int fd;
    int failure; /* why no further question can be asked, or 0 */
    unsigned limit_ms;
    uint64_t deadline;            /* of the question being asked */
    struct tt_alloc_hello server; /* the WELCOME */
    size_t begin, end;            /* what has arrived in buffer and was not looked at yet */
    uint8_t buffer[64 * 1024];
};

static void start_clock(struct tt_alloc_connection *connection)
{
    connection->deadline = tt_alloc_clock_now() + connection->limit_ms * TT_ALLOC_MS;
}

/* Bytes that are left over belong to no question, so what follows them cannot be told apart. */
static int send_request(struct tt_alloc_connection *connection, const void *frame)
{
    if (connection->failure < 0)
        return connection->failure;
    if (connection->begin != connection->end)
        return -EPROTO;
    return tt_alloc_stream_send(connection->fd, frame, TT_ALLOC_FRAME_112, connection->deadline);
}

static int fill_buffer(struct tt_alloc_connection *connection)
{
    size_t rest = connection->end - connection->begin;

    memmove(connection->buffer, connection->buffer + connection->begin, rest);
    connection->begin = 0;
    connection->end = rest;
    ssize_t n = tt_alloc_stream_receive(connection->fd, connection->buffer + rest, sizeof(connection->buffer) - rest,
                                        connection->deadline);
    if (n < 0)
        return (int)n;
    connection->end += (size_t)n;
    return 0;
}

static int receive_frame(struct tt_alloc_connection *connection, union tt_alloc_answer *ret)
{
    while (connection->end - connection->begin < sizeof(*ret)) {
        int r = fill_buffer(connection);
        if (r < 0)
            return r;
    }
    memcpy(ret, connection->buffer + connection->begin, sizeof(*ret));
    connection->begin += sizeof(*ret);
    return 0;
}

static int check_welcome(const struct tt_alloc_hello *welcome)
{
    if (welcome->type != TT_ALLOC_WELCOME || welcome->magic != TT_ALLOC_MAGIC)
        return -EPROTO;
    if (welcome->version != TT_ALLOC_PROTOCOL_VERSION)
        return -EPROTONOSUPPORT;
    return TT_ALLOC_IS_TERMINATED(welcome->name) ? 0 : -EPROTO;
}

static int greet(struct tt_alloc_connection *connection, const char *path)
{
    struct tt_alloc_target target;
    struct tt_alloc_hello hello = tt_alloc_make_hello(TT_ALLOC_FEATURE_HISTORY | TT_ALLOC_FEATURE_FORGET, 0);
    union tt_alloc_answer answer;

    tt_alloc_target_resolve(path, &target);
    start_clock(connection);
    connection->fd = tt_alloc_target_connect(&target, connection->deadline, NULL);
    if (connection->fd < 0)
        return connection->fd;
    int r = send_request(connection, &hello);
    if (r == 0)
        r = receive_frame(connection, &answer);
    if (r == 0)
        r = check_welcome(&answer.welcome);
    if (r == 0)
        connection->server = answer.welcome;
    return r;
}

int tt_alloc_connect_within(const char *path, unsigned limit_ms, struct tt_alloc_connection **ret)
{
    struct tt_alloc_connection *connection = malloc(sizeof(*connection));

    if (connection == NULL)
        return -ENOMEM;
    connection->fd = -1;
    connection->failure = 0;
    connection->limit_ms = limit_ms;
    connection->begin = connection->end = 0;
    int r = greet(connection, path);
    if (r < 0) {
        tt_alloc_disconnect(connection);
        return r;
    }
    *ret = connection;
    return 0;
}

int tt_alloc_connect(const char *path, struct tt_alloc_connection **ret)
{
    return tt_alloc_connect_within(path, LIMIT_MS, ret);
}

struct tt_alloc_connection *tt_alloc_disconnect(struct tt_alloc_connection *connection)
{
    if (connection != NULL && connection->fd >= 0)
        close(connection->fd);
    free(connection);
    return NULL;
}

void tt_alloc_get_server(const struct tt_alloc_connection *connection, struct tt_alloc_server *ret)
{
    const struct tt_alloc_hello *server = &connection->server;

    *ret = (struct tt_alloc_server){
        .protocol_version = server->version,
        .authorised = (server->flags & TT_ALLOC_WELCOME_AUTHORISED) != 0,
        .process_id = server->process_id,
        .start_time = server->start_time,
        .uptime = server->uptime,
        .name = server->name,
    };
}

bool tt_alloc_has_feature(const struct tt_alloc_connection *connection, uint64_t feature)
{
    return (connection->server.features & feature) != 0;
}

int tt_alloc_query_device(struct tt_alloc_connection *connection, int32_t device_id, struct tt_alloc_device_totals *ret)
{
    struct tt_alloc_message query = {.head = {.type = TT_ALLOC_QUERY, .device_id = device_id}};
    union tt_alloc_answer answer;

    start_clock(connection);
    int r = send_request(connection, &query);
    if (r == 0)
        r = receive_frame(connection, &answer);
    if (r == 0 && (answer.type != TT_ALLOC_RESPONSE || answer.response.head.device_id != device_id))
        r = -EPROTO;
    if (r < 0)
        return connection->failure = r;
    *ret = (struct tt_alloc_device_totals){
        .dram = answer.response.head.dram_allocated,
        .l1 = answer.response.head.l1_allocated,
        .l1_small = answer.response.head.l1_small_allocated,
        .trace = answer.response.head.trace_allocated,
    };
    return 0;
}

static int take_record(const union tt_alloc_answer *record, tt_alloc_take_record *take, void *userdata)
{
    if (record->type < TT_ALLOC_DEVICE)
        return -EPROTO;
    if (record->type > TT_ALLOC_HISTORY)
        return 0;
    return take == NULL ? -EPROTO : take(userdata, record);
}

static int check_end(const struct tt_alloc_end_record *end, uint8_t request, uint64_t count)
{
    if (end->request != request || end->count != count)
        return -EPROTO;
    if (end->status > 0 || end->status < -ERRNO_MAX || (end->status < 0 && count > 0))
        return -EPROTO;
    return 0;
}

static int receive_answer(struct tt_alloc_connection *connection, uint8_t request, tt_alloc_take_record *take,
                          void *userdata, struct tt_alloc_end_record *ret_end)
{
    union tt_alloc_answer answer;
    uint64_t count = 0;

    for (;;) {
        int r = receive_frame(connection, &answer);
        if (r < 0)
            return r;
        if (answer.type == TT_ALLOC_END)
            break;
        r = take_record(&answer, take, userdata);
        if (r < 0)
            return r;
        count++;
    }
    *ret_end = answer.end;
    return check_end(&answer.end, request, count);
}

int tt_alloc_ask(struct tt_alloc_connection *connection, const struct tt_alloc_list_request *request,
                 tt_alloc_take_record *take, void *userdata, struct tt_alloc_end_record *ret_end)
{
    start_clock(connection);
    int r = send_request(connection, request);
    if (r == 0)
        r = receive_answer(connection, request->type, take, userdata, ret_end);
    if (r < 0)
        return connection->failure = r;
    return ret_end->status;
}

int tt_alloc_reset_peaks(struct tt_alloc_connection *connection, int32_t device, int32_t pid)
{
    struct tt_alloc_list_request request = {.type = TT_ALLOC_RESET_PEAKS, .device_id = device, .process_id = pid};
    struct tt_alloc_end_record end;

    return tt_alloc_ask(connection, &request, NULL, NULL, &end);
}

int tt_alloc_forget(struct tt_alloc_connection *connection, int32_t pid, uint64_t serial,
                    struct tt_alloc_forgotten *ret)
{
    struct tt_alloc_list_request request = {
        .type = TT_ALLOC_FORGET, .device_id = TT_ALLOC_ALL_DEVICES, .process_id = pid, .serial = serial};
    struct tt_alloc_end_record end;

    if (!tt_alloc_has_feature(connection, TT_ALLOC_FEATURE_FORGET))
        return -EOPNOTSUPP;
    int r = tt_alloc_ask(connection, &request, NULL, NULL, &end);
    if (r < 0)
        return r;
    *ret = (struct tt_alloc_forgotten){.leaks = end.forgotten, .others = end.hidden};
    return 0;
}
