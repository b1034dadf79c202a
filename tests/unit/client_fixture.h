/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the tests of the reporting half share. The library keeps its state per process, so every test runs its client in
 * a forked process of its own, and the test itself plays the server on a real socket in a directory of its own: it
 * says WELCOME, hands out rings, and drains them when it has read from their connection. All that the client's
 * processes write, to sockets, rings and stderr, is collected until the last of them is gone.
 *
 * Nothing waits for longer than PATIENCE_S: an alarm ends a client, and every poll has a deadline.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client/helper.h"
#include "client/recorder.h"
#include "client/tt_alloc.h"

#define PATIENCE_S 60
#define FRAME ((size_t)TT_ALLOC_FRAME_112)
#define STREAMS_MAX 128
#define FEATURES (TT_ALLOC_FEATURE_FREE_REGION | TT_ALLOC_FEATURE_RING | TT_ALLOC_FEATURE_RESYNC)

/* In the client's process, where cmocka's assertions would jump into the test's copy. */
#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            dprintf(STDERR_FILENO, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                             \
            _exit(99);                                                                                                 \
        }                                                                                                              \
    } while (0)

/* Seen by the test and by all of the client's processes. */
struct shared {
    sem_t client_may, server_may; /* "go on" */
    atomic_uint_fast64_t reported, lost;
};

struct stream {
    int fd; /* -1 at its end */
    pid_t pid;
    uint8_t *bytes;
    size_t size, capacity;
    size_t answered; /* bytes of frames that were looked at */
    struct tt_alloc_ring *ring[2];
    size_t slots[2];
    uint64_t head;
    size_t rings;
    struct tt_alloc_record *records; /* from rings and RECORDS frames */
    size_t record_count, record_capacity;
    size_t wakes;
    uint64_t made; /* as the newest ring says */
};

struct fixture {
    int descriptors; /* open before the test */
    char directory[64];
    char path[96];
    struct shared *shared;
    pid_t client;
    int client_stderr; /* -1 at its end */
    char text[8192];   /* what came from there */
    size_t text_size;
    size_t stream_count;
    struct stream streams[STREAMS_MAX];
    const char *transport; /* TT_ALLOC_TRANSPORT of clients; NULL: not set */
    const char *full_wait; /* TT_ALLOC_FULL_WAIT_MS */
    uint32_t version;
    uint64_t features; /* of WELCOME */
    bool is_mute;      /* says no WELCOME */
    bool is_asleep;    /* leaves the rings alone */
    int ring_status;   /* of RING */
    void (*spoil)(int fd, struct tt_alloc_ring *ring, struct tt_alloc_ring_message *message); /* before RING is sent */
};

static inline int count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = -3; /* ".", ".." and the directory itself */

    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static inline int fixture_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    fixture->descriptors = count_descriptors();
    fixture->client_stderr = -1;
    fixture->features = FEATURES;
    fixture->version = TT_ALLOC_PROTOCOL_VERSION;
    strcpy(fixture->directory, "/tmp/tt-alloc-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    snprintf(fixture->path, sizeof(fixture->path), "%s/socket", fixture->directory);
    fixture->shared = mmap(NULL, sizeof(*fixture->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(fixture->shared != MAP_FAILED);
    sem_init(&fixture->shared->client_may, 1, 0);
    sem_init(&fixture->shared->server_may, 1, 0);
    *state = fixture;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < fixture->stream_count; i++) {
        free(fixture->streams[i].bytes);
        free(fixture->streams[i].records);
    }
    unlink(fixture->path);
    assert_int_equal(rmdir(fixture->directory), 0);
    munmap(fixture->shared, sizeof(*fixture->shared));
    assert_int_equal(count_descriptors(), fixture->descriptors);
    free(fixture);
    return 0;
}

static inline void wait_for_semaphore(sem_t *semaphore)
{
    struct timespec limit;

    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += PATIENCE_S;
    while (sem_timedwait(semaphore, &limit) < 0)
        EXPECT(errno == EINTR);
}

/* Clients use it too. */
static inline int server_listen(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    unlink(path);
    memcpy(address.sun_path, path, strlen(path));
    EXPECT(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
    EXPECT(listen(listener, STREAMS_MAX) == 0);
    return listener;
}

/* Whether there is something to read or accept now. */
static inline bool is_readable(int fd)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};

    return poll(&pollfd, 1, 0) == 1;
}

static inline int server_accept(int listener)
{
    struct pollfd pollfd = {.fd = listener, .events = POLLIN};

    assert_int_equal(poll(&pollfd, 1, PATIENCE_S * 1000), 1);
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

static bool is_client;

/* LeakSanitizer asks at exit. A client has other threads and what it inherited from the test: it would find leaks that
 * are none. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return is_client;
}

/* Starts run() in a process with reporting on, no descriptors but 0..2, and stderr in our hands. */
static inline void client_start(struct fixture *fixture, void (*run)(struct fixture *fixture))
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    fixture->client = fork();
    assert_true(fixture->client >= 0);
    if (fixture->client == 0) {
        dup2(ends[1], STDERR_FILENO);
        close_range(3, ~0U, 0);
        alarm(PATIENCE_S);
        setenv("TT_ALLOC_TRACKING_ENABLED", "1", 0);
        setenv("TT_ALLOC_SOCKET", fixture->path, 0);
        if (fixture->transport != NULL)
            setenv("TT_ALLOC_TRANSPORT", fixture->transport, 1);
        if (fixture->full_wait != NULL)
            setenv("TT_ALLOC_FULL_WAIT_MS", fixture->full_wait, 1);
        is_client = true;
        run(fixture);
        _exit(0);
    }
    close(ends[1]);
    fixture->client_stderr = ends[0];
}

static inline void take_stream(struct fixture *fixture, int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    assert_true(fd >= 0 && fixture->stream_count < STREAMS_MAX);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size), 0);
    fixture->streams[fixture->stream_count++] = (struct stream){.fd = fd, .pid = peer.pid};
}

static inline size_t ring_size(size_t slots)
{
    return TT_ALLOC_RING_RECORDS + slots * sizeof(struct tt_alloc_record);
}

static inline void add_record(struct stream *stream, const struct tt_alloc_record *record)
{
    if (stream->record_count == stream->record_capacity) {
        stream->record_capacity = stream->record_capacity * 2 + 1024;
        stream->records = realloc(stream->records, stream->record_capacity * sizeof(*record));
        assert_non_null(stream->records);
    }
    stream->records[stream->record_count++] = *record;
}

static inline void drop_ring(struct stream *stream)
{
    munmap(stream->ring[0], ring_size(stream->slots[0]));
    stream->ring[0] = stream->ring[1];
    stream->slots[0] = stream->slots[1];
    stream->ring[1] = NULL;
    stream->head = TT_ALLOC_RING_START;
}

static inline void drain_ring(struct stream *stream)
{
    while (stream->ring[0] != NULL) {
        struct tt_alloc_ring *ring = stream->ring[0];
        const struct tt_alloc_record *records = (const void *)((char *)ring + TT_ALLOC_RING_RECORDS);
        bool is_switch = false;

        stream->made = __atomic_load_n(&ring->made, __ATOMIC_ACQUIRE);
        uint64_t tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
        assert_true(tail - stream->head <= stream->slots[0]);
        for (; stream->head != tail; stream->head++) {
            const struct tt_alloc_record *record = &records[stream->head % stream->slots[0]];
            assert_int_equal(record->position, (uint32_t)stream->head);
            is_switch = record->type == TT_ALLOC_RING_SWITCH;
            add_record(stream, record);
        }
        __atomic_store_n(&ring->head, stream->head, __ATOMIC_RELEASE);
        if (!is_switch)
            return;
        drop_ring(stream);
    }
}

static inline void say_welcome(const struct fixture *fixture, int fd)
{
    struct tt_alloc_hello welcome = {.type = TT_ALLOC_WELCOME,
                                     .device_id = -1,
                                     .magic = TT_ALLOC_MAGIC,
                                     .version = fixture->version,
                                     .features = fixture->features};

    if (!fixture->is_mute)
        (void)send(fd, &welcome, sizeof(welcome), MSG_NOSIGNAL);
}

static inline void send_with_descriptor(int fd, const void *frame, int attached)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec piece = {.iov_base = (void *)(uintptr_t)frame, .iov_len = FRAME};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};

    if (attached >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof(control);
        control.header =
            (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), &attached, sizeof(attached));
    }
    (void)sendmsg(fd, &message, MSG_NOSIGNAL);
}

static inline void give_ring(const struct fixture *fixture, struct stream *stream, uint64_t slots)
{
    struct tt_alloc_ring_message message = {.type = TT_ALLOC_RING,
                                            .device_id = -1,
                                            .slots = slots,
                                            .size = ring_size(slots),
                                            .status = fixture->ring_status};
    int fd = -1;

    if (fixture->ring_status == 0) {
        fd = memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        assert_int_equal(ftruncate(fd, (off_t)ring_size(slots)), 0);
        struct tt_alloc_ring *ring = mmap(NULL, ring_size(slots), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        assert_true(ring != MAP_FAILED);
        ring->magic = TT_ALLOC_RING_MAGIC;
        ring->slots = slots;
        ring->head = ring->tail = TT_ALLOC_RING_START;
        size_t place = stream->ring[0] == NULL ? 0 : 1;
        assert_null(stream->ring[place]);
        stream->ring[place] = ring;
        stream->slots[place] = slots;
        if (place == 0)
            stream->head = TT_ALLOC_RING_START;
        stream->rings++;
        if (fixture->spoil != NULL)
            fixture->spoil(fd, ring, &message);
        else
            assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    }
    send_with_descriptor(stream->fd, &message, fd);
    if (fd >= 0)
        close(fd);
}

static inline void answer_frame(const struct fixture *fixture, struct stream *stream, const uint8_t *frame)
{
    struct tt_alloc_ring_message request;
    struct tt_alloc_records records;

    if (frame[0] == TT_ALLOC_HELLO && stream->answered == 0) {
        say_welcome(fixture, stream->fd);
    } else if (frame[0] == TT_ALLOC_RING_REQUEST) {
        memcpy(&request, frame, sizeof(request));
        give_ring(fixture, stream, request.slots);
    } else if (frame[0] == TT_ALLOC_RING_WAKE) {
        stream->wakes++;
    } else if (frame[0] == TT_ALLOC_RECORDS) {
        memcpy(&records, frame, sizeof(records));
        assert_in_range(records.count, 1, TT_ALLOC_RECORDS_MAX);
        for (size_t i = 0; i < records.count; i++)
            add_record(stream, &records.record[i]);
    }
}

static inline void answer_stream(const struct fixture *fixture, struct stream *stream)
{
    for (; stream->fd >= 0 && stream->size - stream->answered >= FRAME; stream->answered += FRAME)
        answer_frame(fixture, stream, stream->bytes + stream->answered);
    if (!fixture->is_asleep || stream->fd < 0)
        drain_ring(stream);
    while (stream->fd < 0 && stream->ring[0] != NULL)
        drop_ring(stream);
}

/* Of what has arrived; at the end of the stream the rest of its ring is taken. */
static inline void hang_up_stream(const struct fixture *fixture, struct stream *stream)
{
    close(stream->fd);
    stream->fd = -1;
    answer_stream(fixture, stream);
}

static inline void read_stream(const struct fixture *fixture, struct stream *stream)
{
    if (stream->capacity - stream->size < 65536) {
        stream->capacity = stream->capacity * 2 + 65536;
        stream->bytes = realloc(stream->bytes, stream->capacity);
        assert_non_null(stream->bytes);
    }
    ssize_t n = read(stream->fd, stream->bytes + stream->size, stream->capacity - stream->size);
    if (n <= 0) {
        hang_up_stream(fixture, stream);
    } else {
        stream->size += (size_t)n;
        answer_stream(fixture, stream);
    }
}

static inline void read_stderr(struct fixture *fixture)
{
    ssize_t n = read(fixture->client_stderr, fixture->text + fixture->text_size,
                     sizeof(fixture->text) - 1 - fixture->text_size);

    if (n <= 0) {
        close(fixture->client_stderr);
        fixture->client_stderr = -1;
    } else {
        fixture->text_size += (size_t)n;
    }
}

/* Whether the client (or the last of its children) says that the server's part is done. */
static inline bool is_called(const struct fixture *fixture)
{
    return sem_trywait(&fixture->shared->server_may) == 0;
}

/* Serves (listener -1: no new streams) until nothing is left that could write; or is_done() says so. */
static inline void serve_while(struct fixture *fixture, int listener, bool (*is_done)(const struct fixture *fixture))
{
    struct pollfd polls[STREAMS_MAX + 2];

    for (;;) {
        if (is_done != NULL && is_done(fixture))
            return;
        size_t count = fixture->stream_count;
        bool busy = fixture->client_stderr >= 0 || (listener >= 0 && is_readable(listener));
        for (size_t i = 0; i < count; i++) {
            polls[i] = (struct pollfd){.fd = fixture->streams[i].fd, .events = POLLIN};
            busy = busy || polls[i].fd >= 0;
        }
        if (!busy)
            return;
        polls[count] = (struct pollfd){.fd = fixture->client_stderr, .events = POLLIN};
        polls[count + 1] = (struct pollfd){.fd = listener, .events = POLLIN};
        int n = poll(polls, count + 2, is_done != NULL ? 5 : PATIENCE_S * 1000);
        assert_true(n > 0 || (n == 0 && is_done != NULL));
        for (size_t i = 0; i < count; i++)
            if (polls[i].fd >= 0 && polls[i].revents != 0)
                read_stream(fixture, &fixture->streams[i]);
        if (polls[count].fd >= 0 && polls[count].revents != 0)
            read_stderr(fixture);
        if (polls[count + 1].revents != 0)
            take_stream(fixture, accept4(listener, NULL, NULL, SOCK_CLOEXEC));
    }
}

static inline void serve(struct fixture *fixture, int listener)
{
    serve_while(fixture, listener, NULL);
}

static inline void serve_until_called(struct fixture *fixture, int listener)
{
    serve_while(fixture, listener, is_called);
}

/* ---- In the client ---- */

static inline enum tt_alloc_state client_state(void)
{
    tt_alloc_recorder_enter();
    enum tt_alloc_state state = tt_alloc_recorder.state;
    tt_alloc_recorder_leave();
    return state;
}

static inline void wait_for_state(enum tt_alloc_state state)
{
    const struct timespec time = {.tv_nsec = 1000000};

    while (client_state() != state) /* the alarm ends it */
        nanosleep(&time, NULL);
}

/* There was an attempt to connect, and it has failed or told everything. */
static inline void wait_until_idle(void)
{
    const struct timespec time = {.tv_nsec = 1000000};

    while (tt_alloc_helper_is_busy())
        nanosleep(&time, NULL);
}

/* The server knows everything. */
static inline void settle(void)
{
    wait_for_state(TT_ALLOC_STEADY);
}

/* ---- Back in the test ---- */

/* The client ended well, and wrote exactly `text` to stderr. */
static inline void client_finish(struct fixture *fixture, const char *text)
{
    int status;

    while (waitpid(fixture->client, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    if (status != 0)
        print_error("client: status 0x%x, stderr: %s\n", (unsigned)status, fixture->text);
    assert_int_equal(status, 0);
    if (text != NULL)
        assert_string_equal(fixture->text, text);
}

static inline const struct tt_alloc_message *frame_at(const struct stream *stream, size_t index)
{
    assert_true((index + 1) * FRAME <= stream->size);
    return (const struct tt_alloc_message *)(const void *)(stream->bytes + index * FRAME);
}

static inline bool is_report(uint8_t type)
{
    return type == TT_ALLOC_ALLOC || type == TT_ALLOC_FREE ||
           (type >= TT_ALLOC_CB_ALLOC && type <= TT_ALLOC_KERNEL_UNLOAD);
}

/* Whole frames, the first of them a HELLO and no other. Returns how many reports there are, in frames and in rings. */
static inline size_t check_stream(const struct stream *stream)
{
    size_t count = stream->size / FRAME, reports = 0;

    assert_int_equal(stream->size % FRAME, 0);
    assert_int_equal(frame_at(stream, 0)->head.type, TT_ALLOC_HELLO);
    for (size_t i = 1; i < count; i++) {
        const struct tt_alloc_message_72 *head = &frame_at(stream, i)->head;
        assert_true(is_report(head->type) || head->type == TT_ALLOC_RECORDS || head->type == TT_ALLOC_RING_REQUEST ||
                    head->type == TT_ALLOC_RING_WAKE || head->type == TT_ALLOC_DESCRIBE_DEVICE);
        assert_true(!is_report(head->type) || head->process_id == stream->pid);
        reports += is_report(head->type);
    }
    for (size_t i = 0; i < stream->record_count; i++)
        reports += is_report(stream->records[i].type);
    return reports;
}

/* The first (or last) record of that type; NULL: there is none. */
static inline const struct tt_alloc_record *first_record(const struct stream *stream, uint8_t type)
{
    for (size_t i = 0; i < stream->record_count; i++)
        if (stream->records[i].type == type)
            return &stream->records[i];
    return NULL;
}

static inline const struct tt_alloc_record *last_record(const struct stream *stream, uint8_t type)
{
    for (size_t i = stream->record_count; i > 0; i--)
        if (stream->records[i - 1].type == type)
            return &stream->records[i - 1];
    return NULL;
}

/* Reports that were made before this connection knew of the client. */
static inline uint64_t made_before(const struct stream *stream)
{
    const struct tt_alloc_record *begin = first_record(stream, TT_ALLOC_RESYNC_BEGIN);

    assert_non_null(begin);
    return begin->size;
}

static inline size_t check_streams(const struct fixture *fixture)
{
    size_t reports = 0;

    for (size_t i = 0; i < fixture->stream_count; i++)
        reports += check_stream(&fixture->streams[i]);
    return reports;
}
