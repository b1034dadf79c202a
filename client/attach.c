/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a server is asked before anything is reported to it, and what follows from the answers: by ring, by records, or
 * as an older server wants it. Descriptors appear under the lock, so that no fork() copies one that nobody knows of.
 */

#include "client/attach.h"

#include <errno.h>
#include <poll.h>

#include "client/clock.h"
#include "client/recorder.h"
#include "client/stream.h"

/* A server that has read HELLO and not said WELCOME by then knows no such word. */
#define PATIENCE (2000 * TT_ALLOC_MS)
#define LOOK (500 * TT_ALLOC_MS) /* between looks whether it has read it; its answer is noticed at once */

#define SLOTS_FIRST 4096
#define LARGE_LEDGER 8192 /* buffers; their resync alone would fill the first ring several times */

#define FEATURES (TT_ALLOC_FEATURE_FREE_REGION | TT_ALLOC_FEATURE_RING | TT_ALLOC_FEATURE_RESYNC)

static struct tt_alloc_recorder *const recorder = &tt_alloc_recorder;

static uint64_t deadline_from_now(void)
{
    return tt_alloc_clock_now() + PATIENCE;
}

static int open_link(const struct tt_alloc_target *target, uid_t *ret_owner)
{
    tt_alloc_recorder_enter();
    int fd = tt_alloc_target_connect(target, 0, ret_owner);
    if (fd >= 0)
        tt_alloc_link_open(&recorder->link, fd);
    tt_alloc_recorder_leave();
    return fd < 0 ? fd : 0;
}

static int send_patiently(const void *frame)
{
    uint64_t deadline = deadline_from_now();
    int r;

    for (;;) {
        tt_alloc_recorder_enter();
        r = tt_alloc_link_send(&recorder->link, frame);
        tt_alloc_recorder_leave();
        if (r != -EAGAIN)
            return r;
        r = tt_alloc_stream_wait(recorder->link.fd, POLLOUT, deadline);
        if (r < 0)
            return r;
    }
}

static int say_hello(void)
{
    struct tt_alloc_hello hello = tt_alloc_make_hello(FEATURES, TT_ALLOC_HELLO_REPORTER);

    hello.tick = tt_alloc_tick(tt_alloc_clock_now());
    hello.instance = recorder->instance;
    hello.job = recorder->job;
    return send_patiently(&hello);
}

static ssize_t receive_some(void *ret, size_t size, uint64_t deadline)
{
    int r = tt_alloc_stream_wait(recorder->link.fd, POLLIN, deadline);

    if (r < 0)
        return r;
    tt_alloc_recorder_enter();
    ssize_t n = tt_alloc_link_receive(&recorder->link, ret, size);
    tt_alloc_recorder_leave();
    return n;
}

static int receive_frame(void *ret, uint64_t deadline)
{
    char *next = ret;
    size_t left = TT_ALLOC_FRAME_112;

    while (left > 0) {
        ssize_t n = receive_some(next, left, deadline);

        if (n < 0 && n != -EAGAIN)
            return (int)n;
        next += n < 0 ? 0 : n;
        left -= n < 0 ? 0 : (size_t)n;
    }
    return 0;
}

static bool is_hello_unread(void)
{
    tt_alloc_recorder_enter();
    bool is_unread = tt_alloc_link_is_unread(&recorder->link);
    tt_alloc_recorder_leave();
    return is_unread;
}

/* A server that is stopped, or slow, has not read HELLO. Were it taken for an older one, it would be told without
 * resync, and what it was told would look left behind when its WELCOME comes and all begins again. */
static void wait_until_hello_is_read(void)
{
    while (is_hello_unread()) {
        if (tt_alloc_stream_wait(recorder->link.fd, POLLIN, tt_alloc_clock_now() + LOOK) != -ETIMEDOUT)
            return;
    }
}

static int receive_welcome(uint64_t *ret_features)
{
    struct tt_alloc_hello welcome = {0};
    int r;

    wait_until_hello_is_read();
    r = receive_frame(&welcome, deadline_from_now());
    if (r == -ETIMEDOUT) {
        *ret_features = 0;
        return 0;
    }
    if (r < 0)
        return r;
    if (welcome.type != TT_ALLOC_WELCOME || welcome.magic != TT_ALLOC_MAGIC ||
        welcome.version != TT_ALLOC_PROTOCOL_VERSION)
        return -EPROTO;
    *ret_features = welcome.features;
    return 0;
}

/* Copies the description to say next. */
static bool next_description(size_t index, struct tt_alloc_device_record *ret)
{
    tt_alloc_recorder_enter();
    if (index == 0)
        recorder->must_describe = false;
    bool is_there = index < recorder->descriptions.count;
    if (is_there)
        *ret = recorder->descriptions.record[index];
    tt_alloc_recorder_leave();
    return is_there;
}

static int describe(void)
{
    struct tt_alloc_device_record description;
    int r = 0;

    for (size_t i = 0; r == 0 && next_description(i, &description); i++)
        r = send_patiently(&description);
    return r;
}

static int request_ring(uint64_t slots, struct tt_alloc_producer *ret)
{
    const struct tt_alloc_ring_message request = {
        .type = TT_ALLOC_RING_REQUEST, .device_id = TT_ALLOC_ALL_DEVICES, .slots = slots};
    uint64_t deadline = deadline_from_now();
    int r = send_patiently(&request);

    while (r == 0) {
        r = tt_alloc_stream_wait(recorder->link.fd, POLLIN, deadline);
        if (r < 0)
            break;
        tt_alloc_recorder_enter();
        r = tt_alloc_link_receive_ring(&recorder->link, ret);
        tt_alloc_recorder_leave();
        if (r != -EAGAIN)
            break;
        r = 0;
    }
    return r;
}

/* What is no use is given back. */
static int request_memory(uint64_t slots, struct tt_alloc_producer *ret)
{
    int r = request_ring(slots, ret);

    if (r == 0)
        r = tt_alloc_producer_populate(ret);
    if (r < 0)
        tt_alloc_producer_close(ret);
    return r;
}

static uint64_t slots_to_begin_with(void)
{
    tt_alloc_recorder_enter();
    bool is_large = recorder->ledger != NULL && ledger_count(recorder->ledger) > LARGE_LEDGER;
    tt_alloc_recorder_leave();
    return is_large ? TT_ALLOC_RING_SLOTS_MAX : SLOTS_FIRST;
}

/* Refused for want of memory or by a limit: the socket does it too. */
static bool is_refusal(int error)
{
    return error == -EDQUOT || error == -ENOMEM || error == -EMFILE || error == -ENFILE || error == -EINVAL;
}

static int choose_carrier(uint64_t features, bool wants_ring)
{
    bool has_resync = (features & TT_ALLOC_FEATURE_RESYNC) != 0;
    struct tt_alloc_producer ring = {0};

    if (wants_ring && has_resync && (features & TT_ALLOC_FEATURE_RING) != 0) {
        int r = request_memory(slots_to_begin_with(), &ring);
        if (r < 0 && !is_refusal(r))
            return r;
    }
    tt_alloc_recorder_enter();
    recorder->ring = ring;
    recorder->carrier = ring.memory != NULL ? TT_ALLOC_BY_RING : has_resync ? TT_ALLOC_BY_RECORDS : TT_ALLOC_BY_FRAMES;
    tt_alloc_recorder_leave();
    return 0;
}

int tt_alloc_attach(const struct tt_alloc_target *target, bool wants_ring, uid_t *ret_owner)
{
    uint64_t features;
    int r = open_link(target, ret_owner);

    if (r < 0)
        return r;
    *ret_owner = TT_ALLOC_OWNER_UNKNOWN;
    r = say_hello();
    if (r == 0)
        r = receive_welcome(&features);
    if (r == 0)
        r = describe();
    if (r == 0)
        r = choose_carrier(features, wants_ring);
    if (r < 0) {
        tt_alloc_recorder_enter();
        tt_alloc_recorder_disconnect();
        tt_alloc_recorder_leave();
    }
    return r;
}
