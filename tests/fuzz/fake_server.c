/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Frames are made when they are waited for, because an END that is as it should be names the question. It sends nothing
 * behind an END, nor behind its WELCOME, until the next question, as a server does.
 */

#include "tests/fuzz/fake_server.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "client/connect.h"
#include "client/stream.h"
#include "tests/fuzz/check.h"

#define FRAMES_MOST 4096 /* else an input of repetitions takes seconds */

static struct {
    const uint8_t *data;
    size_t size, at, piece;
    size_t frames;
    uint8_t request;
    uint64_t count;  /* frames of this answer */
    unsigned repeat; /* how often the frame is sent once more */
    uint8_t frame[TT_ALLOC_FRAME_112];
    size_t sent; /* of the frame */
} server;

void fake_server_begin(const uint8_t *data, size_t size, size_t piece)
{
    memset(&server, 0, sizeof(server));
    server.data = data;
    server.size = size;
    server.piece = piece;
    server.sent = sizeof(server.frame);
}

static void end_well(void)
{
    struct tt_alloc_end_record end = {
        .type = TT_ALLOC_END, .device_id = -1, .count = server.count, .request = server.request};

    memcpy(server.frame, &end, sizeof(end));
}

static void unpack(uint8_t type, size_t length)
{
    size_t most = sizeof(server.frame) - 4, waiting = server.size - server.at;

    length = length < waiting ? length : waiting;
    memset(server.frame, 0, sizeof(server.frame));
    server.frame[0] = type;
    memcpy(server.frame + 4, server.data + server.at, length < most ? length : most);
    server.at += length;
}

/* Whether there was one. */
static bool next_frame(void)
{
    if (server.repeat == 0) {
        if (server.size - server.at < 2)
            return false;
        uint8_t type = server.data[server.at], length = server.data[server.at + 1];

        server.at += 2;
        if (type == 0)
            server.repeat = length + 1U;
        else if (type == TT_ALLOC_END && length == 0)
            end_well();
        else
            unpack(type, length);
    }
    server.repeat -= server.repeat > 0;
    server.sent = 0;
    server.count++;
    return ++server.frames <= FRAMES_MOST;
}

static bool is_last_of_an_answer(void)
{
    return server.frame[0] == TT_ALLOC_END || server.request == TT_ALLOC_HELLO;
}

ssize_t tt_alloc_stream_receive(int fd, void *ret_bytes, size_t size, uint64_t deadline)
{
    size_t done = 0;

    (void)fd;
    (void)deadline;
    CHECK(size > 0);
    size = size < server.piece ? size : server.piece;
    while (done < size) {
        size_t rest = sizeof(server.frame) - server.sent, length = rest < size - done ? rest : size - done;

        if (rest == 0 && ((done > 0 && is_last_of_an_answer()) || !next_frame()))
            break;
        memcpy((uint8_t *)ret_bytes + done, server.frame + server.sent, rest ? length : 0);
        server.sent += rest ? length : 0;
        done += rest ? length : 0;
    }
    return done > 0 ? (ssize_t)done : -ECONNRESET;
}

int tt_alloc_stream_send(int fd, const void *bytes, size_t size, uint64_t deadline)
{
    (void)fd;
    (void)deadline;
    CHECK(size == TT_ALLOC_FRAME_112);
    server.request = *(const uint8_t *)bytes;
    server.count = 0;
    return 0;
}

void tt_alloc_target_resolve(const char *path, struct tt_alloc_target *ret)
{
    (void)path;
    *ret = (struct tt_alloc_target){0};
}

int tt_alloc_target_connect(const struct tt_alloc_target *target, uint64_t deadline, uid_t *ret_owner)
{
    (void)target;
    (void)deadline;
    (void)ret_owner;
    return INT32_MAX; /* no descriptor; to close it does no harm */
}

struct tt_alloc_hello tt_alloc_make_hello(uint64_t features, uint32_t flags)
{
    return (struct tt_alloc_hello){.type = TT_ALLOC_HELLO, .features = features, .flags = flags};
}
