/* SPDX-License-Identifier: Apache-2.0 */

#include "bench/reporter.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/give_up.h"
#include "tt_alloc.h"

#define PATIENCE (60 * NS_PER_S)

static const char *const names[WAYS] = {
    [WAY_NONE] = "none", [WAY_MODEL] = "model", [WAY_OLDER] = "older", [WAY_SOCKET] = "socket", [WAY_RING] = "ring",
};

const char *way_name(enum way way)
{
    return names[way];
}

enum way way_from_name(const char *name)
{
    for (int way = 0; way < WAYS; way++)
        if (strcmp(names[way], name) == 0)
            return (enum way)way;
    errno = EINVAL;
    give_up("%s", name);
}

/* ---- Nothing ---- */

static void none_allocate(struct reporter *reporter, int32_t device, uint64_t size, uint8_t region, uint64_t id)
{
    (void)reporter, (void)device, (void)size, (void)region, (void)id;
}

static void none_release(struct reporter *reporter, int32_t device, uint8_t region, uint64_t id)
{
    (void)reporter, (void)device, (void)region, (void)id;
}

static void none_settle(struct reporter *reporter, uint64_t live)
{
    (void)reporter, (void)live;
}

/* ---- A frame per report, filled as the proof of concept's client does it. That one also calls getpid() for each. ----
 */

static uint64_t wall_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void send_frame(int fd, const struct tt_alloc_message *frame)
{
    if (send(fd, frame, sizeof(*frame), MSG_NOSIGNAL) != (ssize_t)sizeof(*frame))
        give_up("send");
}

static void frame_allocate(struct reporter *reporter, int32_t device, uint64_t size, uint8_t region, uint64_t id)
{
    struct tt_alloc_message frame = {.head = {.type = TT_ALLOC_ALLOC,
                                              .device_id = device,
                                              .size = size,
                                              .buffer_type = region,
                                              .buffer_id = id,
                                              .timestamp = wall_clock()}};

    send_frame(reporter->fd, &frame);
}

static void frame_release(struct reporter *reporter, int32_t device, uint8_t region, uint64_t id)
{
    struct tt_alloc_message frame = {.head = {.type = TT_ALLOC_FREE, .device_id = device, .buffer_id = id}};

    (void)region;
    send_frame(reporter->fd, &frame);
}

/* The answer comes after everything before it in the same stream was taken. */
static void frame_settle(struct reporter *reporter, uint64_t live)
{
    (void)live;
    reporter_ask(reporter->fd);
}

/* ---- The library ---- */

static void library_allocate(struct reporter *reporter, int32_t device, uint64_t size, uint8_t region, uint64_t id)
{
    (void)reporter;
    tt_alloc_report_allocation(device, size, region, id);
}

static void library_release(struct reporter *reporter, int32_t device, uint8_t region, uint64_t id)
{
    (void)reporter;
    tt_alloc_report_deallocation_from(device, region, id);
}

static bool is_settled(struct tt_alloc_connection *connection, uint64_t live)
{
    struct tt_alloc_filter myself = {.pid = getpid()};
    const struct tt_alloc_process *process;
    struct tt_alloc_list *list;
    bool is_there;
    int error = tt_alloc_list_processes(connection, &myself, &list);

    if (error == -ESRCH)
        return false;
    if (error < 0) {
        errno = -error;
        give_up("list of processes");
    }
    process = tt_alloc_list_process(list, 0);
    is_there = process && process->buffers == live && !process->inexact;
    tt_alloc_list_free(list);
    return is_there;
}

/* A question empties the rings first. What it does not wait for is a first connection, or a resync. */
static void library_settle(struct reporter *reporter, uint64_t live)
{
    uint64_t deadline = clock_now() + PATIENCE;

    while (!is_settled(reporter->connection, live)) {
        if (clock_now() > deadline) {
            errno = ETIMEDOUT;
            give_up("the server does not come to the %llu buffers of this client", (unsigned long long)live);
        }
        clock_sleep_until(clock_now() + NS_PER_S / 1000);
    }
}

static void open_library(struct reporter *reporter, const char *path)
{
    int error = tt_alloc_connect(path, &reporter->connection);

    if (error < 0) {
        errno = -error;
        give_up("%s", path);
    }
}

void reporter_open(struct reporter *ret, enum way way, const char *path)
{
    *ret = (struct reporter){.allocate = none_allocate, .release = none_release, .settle = none_settle, .fd = -1};
    if (way == WAY_NONE)
        return;
    if (way == WAY_MODEL || way == WAY_OLDER) {
        *ret = (struct reporter){.allocate = frame_allocate, .release = frame_release, .settle = frame_settle};
        ret->fd = reporter_connect(path);
        return;
    }
    *ret = (struct reporter){.allocate = library_allocate, .release = library_release, .settle = library_settle};
    open_library(ret, path);
}

uint64_t reporter_lost(void)
{
    return tt_alloc_lost_reports();
}

int reporter_try_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        give_up("socket");
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

int reporter_connect(const char *path)
{
    int fd = reporter_try_connect(path);

    if (fd < 0)
        give_up("%s", path);
    return fd;
}

void reporter_ask(int fd)
{
    struct tt_alloc_message frame = {.head = {.type = TT_ALLOC_QUERY}};

    send_frame(fd, &frame);
    if (recv(fd, &frame, sizeof(frame), MSG_WAITALL) != (ssize_t)sizeof(frame))
        give_up("recv");
}
