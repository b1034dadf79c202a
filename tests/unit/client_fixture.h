/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the tests of the reporting half share. The library keeps its state per process, so every test runs its client in
 * a forked process of its own, and the test itself plays the server on a real socket in a directory of its own. All
 * that the client's processes write, to the socket and to stderr, is collected until the last of them is gone.
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

#include "client/tt_alloc.h"

#define PATIENCE_S 60
#define FRAME ((size_t)TT_ALLOC_FRAME_112)
#define STREAMS_MAX 128

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

    for (size_t i = 0; i < fixture->stream_count; i++)
        free(fixture->streams[i].bytes);
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

static inline void read_stream(struct stream *stream)
{
    if (stream->capacity - stream->size < 65536) {
        stream->capacity = stream->capacity * 2 + 65536;
        stream->bytes = realloc(stream->bytes, stream->capacity);
        assert_non_null(stream->bytes);
    }
    ssize_t n = read(stream->fd, stream->bytes + stream->size, stream->capacity - stream->size);
    if (n <= 0) {
        close(stream->fd);
        stream->fd = -1;
    } else {
        stream->size += (size_t)n;
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

/* Serves (listener -1: no new streams) until nothing is left that could write. */
static inline void serve(struct fixture *fixture, int listener)
{
    struct pollfd polls[STREAMS_MAX + 2];

    for (;;) {
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
        assert_true(poll(polls, count + 2, PATIENCE_S * 1000) > 0);
        for (size_t i = 0; i < count; i++)
            if (polls[i].fd >= 0 && polls[i].revents != 0)
                read_stream(&fixture->streams[i]);
        if (polls[count].fd >= 0 && polls[count].revents != 0)
            read_stderr(fixture);
        if (polls[count + 1].revents != 0)
            take_stream(fixture, accept4(listener, NULL, NULL, SOCK_CLOEXEC));
    }
}

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

/* Whole frames, the first of them a HELLO and no other. Returns how many reports there are. */
static inline size_t check_stream(const struct stream *stream)
{
    size_t count = stream->size / FRAME;

    assert_int_equal(stream->size % FRAME, 0);
    assert_int_equal(frame_at(stream, 0)->head.type, TT_ALLOC_HELLO);
    for (size_t i = 1; i < count; i++) {
        const struct tt_alloc_message_72 *head = &frame_at(stream, i)->head;
        assert_true(head->type == TT_ALLOC_ALLOC || head->type == TT_ALLOC_FREE);
        assert_int_equal(head->process_id, stream->pid);
    }
    return count - 1;
}

static inline size_t check_streams(const struct fixture *fixture)
{
    size_t reports = 0;

    for (size_t i = 0; i < fixture->stream_count; i++)
        reports += check_stream(&fixture->streams[i]);
    return reports;
}
