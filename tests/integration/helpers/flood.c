/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A client as instrumented programs have it compiled in: 112-byte frames, one send() per report, no HELLO, no reading.
 * It keeps a window of live buffers: each report beyond the window is alternately the free of the oldest buffer and a
 * new one. When all is sent it asks one QUERY; the answer means that every report before it was taken into account.
 * Then it prints one line and lives until its stdin is closed:
 *
 *   sent=N allocated=N freed=N live=N seconds=S send_max_us=U late_max_us=U drain_us=U
 *
 * send_max_us is the longest that one send() took, late_max_us how far a paced sender fell behind its plan, drain_us
 * what the last answer had to wait for.
 *
 *   flood [-n REPORTS] [-r REPORTS-PER-SECOND] [-l LIVE, at least 1] [-d DEVICE] [-s SIZE] SOCKET
 */

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "protocol/tt_alloc_protocol.h"

#define BURST_NS 1000000 /* a paced sender sends what is due once per ms */

struct flood {
    int fd;
    uint64_t reports;
    uint64_t per_second; /* 0: as fast as the server takes them */
    uint64_t live;
    int32_t device;
    uint64_t size;

    uint64_t sent, allocated, freed;
    uint64_t send_max, late_max;
};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void connect_to(struct flood *flood, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
    flood->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (flood->fd < 0 || connect(flood->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        fail(path);
}

static void send_frame(struct flood *flood, const struct tt_alloc_message *frame)
{
    uint64_t begin = now_ns(), took;

    if (send(flood->fd, frame, sizeof(*frame), MSG_NOSIGNAL) != (ssize_t)sizeof(*frame))
        fail("send");
    took = now_ns() - begin;
    if (flood->send_max < took)
        flood->send_max = took;
}

static uint64_t address_of(uint64_t number)
{
    return 0x100000 + number * 64;
}

static void send_report(struct flood *flood)
{
    bool is_free = flood->allocated - flood->freed >= flood->live;
    struct tt_alloc_message frame = {.head = {.type = is_free ? TT_ALLOC_FREE : TT_ALLOC_ALLOC,
                                              .device_id = flood->device,
                                              .size = is_free ? 0 : flood->size,
                                              .process_id = getpid(),
                                              .buffer_id = address_of(is_free ? flood->freed : flood->allocated)}};

    send_frame(flood, &frame);
    if (is_free)
        flood->freed++;
    else
        flood->allocated++;
    flood->sent++;
}

static void sleep_until(uint64_t ns)
{
    struct timespec time = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
        ;
}

static void send_paced(struct flood *flood)
{
    uint64_t begin = now_ns();

    for (uint64_t burst = 1; flood->sent < flood->reports; burst++) {
        uint64_t due = burst * flood->per_second / (1000000000 / BURST_NS);
        uint64_t planned = begin + burst * BURST_NS, late;

        sleep_until(planned);
        while (flood->sent < due && flood->sent < flood->reports)
            send_report(flood);
        late = now_ns() - planned;
        if (flood->late_max < late)
            flood->late_max = late;
    }
}

static void send_all(struct flood *flood)
{
    if (flood->per_second) {
        send_paced(flood);
        return;
    }
    while (flood->sent < flood->reports)
        send_report(flood);
}

static uint64_t wait_for_the_server(struct flood *flood)
{
    struct tt_alloc_message question = {.head = {.type = TT_ALLOC_QUERY, .device_id = flood->device}}, answer;
    uint64_t begin = now_ns();

    send_frame(flood, &question);
    if (recv(flood->fd, &answer, sizeof(answer), MSG_WAITALL) != (ssize_t)sizeof(answer))
        fail("recv");
    return now_ns() - begin;
}

static int parse(int argc, char **argv, struct flood *flood)
{
    int option;

    while ((option = getopt(argc, argv, "n:r:l:d:s:")) != -1) {
        uint64_t value = optarg ? strtoull(optarg, NULL, 10) : 0;

        switch (option) {
        case 'n':
            flood->reports = value;
            break;
        case 'r':
            flood->per_second = value;
            break;
        case 'l':
            flood->live = value;
            break;
        case 'd':
            flood->device = (int32_t)value;
            break;
        case 's':
            flood->size = value;
            break;
        default:
            return -1;
        }
    }
    return optind + 1 == argc && flood->live > 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct flood flood = {.reports = 1000, .live = 100, .size = 1024};
    uint64_t begin, took, drain;
    char byte;

    if (parse(argc, argv, &flood) < 0) {
        fputs("Usage: flood [-n REPORTS] [-r PER-SECOND] [-l LIVE] [-d DEVICE] [-s SIZE] SOCKET\n", stderr);
        return 2;
    }
    connect_to(&flood, argv[optind]);
    begin = now_ns();
    send_all(&flood);
    took = now_ns() - begin;
    drain = wait_for_the_server(&flood);
    printf("sent=%" PRIu64 " allocated=%" PRIu64 " freed=%" PRIu64 " live=%" PRIu64
           " seconds=%.3f send_max_us=%.0f late_max_us=%.0f drain_us=%.0f\n",
           flood.sent, flood.allocated, flood.freed, flood.allocated - flood.freed, (double)took / 1e9,
           (double)flood.send_max / 1e3, (double)flood.late_max / 1e3, (double)drain / 1e3);
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    return 0; /* with the socket open, as a program that just ends has it: that is an exit, not a hang-up */
}
