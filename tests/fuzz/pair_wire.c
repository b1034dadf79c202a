/* SPDX-License-Identifier: Apache-2.0 */

/*
 * After each frame the server is given the time that it needs, so a client here never has to wait for an answer.
 */

#include "tests/fuzz/pair_wire.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/clock.h"

#define ROOM 64 /* of a ring that must be left */

void client_send(struct client *client, const void *frame, size_t size)
{
    CHECK(send(client->fd, frame, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size);
    world_settle(client->world);
}

void client_send_message(struct client *client, struct tt_alloc_message_72 message)
{
    uint8_t frame[TT_ALLOC_FRAME_MAX] = {0};

    memcpy(frame, &message, sizeof(message));
    client_send(client, frame, client->frame_size);
}

static void say_hello(struct client *client, bool is_reporter)
{
    struct tt_alloc_hello hello = {
        .type = TT_ALLOC_HELLO,
        .device_id = -1,
        .magic = TT_ALLOC_MAGIC,
        .features = TT_ALLOC_FEATURE_RING | TT_ALLOC_FEATURE_RESYNC | TT_ALLOC_FEATURE_FREE_REGION,
        .flags = TT_ALLOC_HELLO_QUIET | (is_reporter ? TT_ALLOC_HELLO_REPORTER : 0),
        .tick = (uint32_t)(clock_read(CLOCK_MONOTONIC) >> TT_ALLOC_TICK_SHIFT),
    };

    client_send(client, &hello, sizeof(hello));
}

void client_open(struct client *client, size_t frame_size, bool is_reporter)
{
    client->fd = world_connect(client->world, client->process);
    CHECK(client->fd >= 0);
    client->frame_size = frame_size;
    if (frame_size == TT_ALLOC_FRAME_112)
        say_hello(client, is_reporter);
}

static void unmap_ring(struct client *client)
{
    if (client->ring)
        munmap(client->ring, TT_ALLOC_RING_RECORDS + client->ring->slots * sizeof(struct tt_alloc_record));
    client->ring = NULL;
}

void client_close(struct client *client, bool exits)
{
    if (client->fd < 0)
        return;
    if (exits)
        fake_host_exit(client->process);
    else
        close(client->fd);
    world_settle(client->world);
    if (exits)
        close(client->fd);
    client->fd = -1;
    unmap_ring(client);
}

/* ---- Records ---- */

static void put(struct client *client, struct tt_alloc_record record)
{
    struct tt_alloc_ring *ring = client->ring;

    if (ring->slots - (client->tail - ring->head) < ROOM)
        client_flush(client);
    record.position = (uint32_t)client->tail;
    client->records[client->tail % ring->slots] = record;
    ring->tail = ++client->tail;
}

void client_send_record(struct client *client, struct tt_alloc_record record, uint64_t made)
{
    struct tt_alloc_records frame = {.type = TT_ALLOC_RECORDS, .device_id = -1, .count = 1};

    if (client->ring) {
        put(client, record);
        client->ring->made = made;
        return;
    }
    frame.record[0] = record;
    client_send(client, &frame, sizeof(frame));
}

void client_flush(struct client *client)
{
    struct tt_alloc_ring_message wake = {.type = TT_ALLOC_RING_WAKE, .device_id = -1};

    if (!client->ring)
        return;
    client_send(client, &wake, sizeof(wake));
    CHECK(client->ring->head == client->tail);
}

static int receive_ring(struct client *client, struct tt_alloc_ring_message *ret)
{
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec data = {.iov_base = ret, .iov_len = sizeof(*ret)};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    int fd;

    CHECK(recvmsg(client->fd, &message, MSG_DONTWAIT) == sizeof(*ret));
    CHECK(ret->type == TT_ALLOC_RING && ret->status == 0 && CMSG_FIRSTHDR(&message));
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
    return fd;
}

void client_change_rings(struct client *client, uint64_t slots)
{
    struct tt_alloc_ring_message message = {.type = TT_ALLOC_RING_REQUEST, .device_id = -1, .slots = slots};
    uint64_t made = client->ring ? client->ring->made : 0;
    void *memory;
    int fd;

    client_flush(client);
    client_send(client, &message, sizeof(message));
    fd = receive_ring(client, &message);
    CHECK(message.slots == slots);
    memory = mmap(NULL, message.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(memory != MAP_FAILED);
    close(fd);
    if (client->ring)
        put(client, (struct tt_alloc_record){.type = TT_ALLOC_RING_SWITCH, .device_id = -1});
    unmap_ring(client);
    client->ring = memory;
    client->ring->made = made;
    client->records = (struct tt_alloc_record *)((char *)memory + TT_ALLOC_RING_RECORDS);
    client->tail = client->ring->tail;
}

/* ---- Answers ---- */

void client_receive(struct client *client, void *ret, size_t size)
{
    CHECK(recv(client->fd, ret, size, MSG_DONTWAIT) == (ssize_t)size);
}

size_t client_list(struct client *client, const struct tt_alloc_list_request *request, uint8_t *ret, size_t max_frames,
                   struct tt_alloc_end_record *ret_end)
{
    size_t frames = 0;

    client_send(client, request, sizeof(*request));
    for (;; frames++) {
        uint8_t *frame = ret + frames * TT_ALLOC_FRAME_112;

        CHECK(frames < max_frames);
        if (recv(client->fd, frame, TT_ALLOC_FRAME_112, MSG_PEEK | MSG_DONTWAIT) < 0)
            world_settle(client->world);
        client_receive(client, frame, TT_ALLOC_FRAME_112);
        if (frame[0] == TT_ALLOC_END)
            break;
    }
    memcpy(ret_end, ret + frames * TT_ALLOC_FRAME_112, sizeof(*ret_end));
    CHECK(ret_end->count == frames && ret_end->request == request->type);
    return frames;
}
