/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The transport that sends one frame per report through a stream socket.
 *
 * One lock orders the reports of all threads. The stream is opened by whoever has something to say while there is none
 * and no back-off is running. A frame is written whole or the stream is closed behind it, so the server never sees the
 * end of one frame as the beginning of another. Every report ends as written or as counted in `lost`.
 *
 * fork(): the child must neither write into its parent's stream nor inherit a lock that some other thread of the parent
 * held. pthread_atfork() sees to both. Children made by raw clone() or _Fork() run no such handlers; they are
 * recognised by their process id. Nothing is torn down at exit, because other threads and exit handlers may still
 * report.
 */

#include "client/transport.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/clock.h"
#include "client/connect.h"
#include "client/descriptions.h"
#include "client/stream.h"
#include "client/warning.h"

/* How long one report may wait for a server that does not read. Nothing here remembers what was reported, so a lost
 * report cannot be made good later: that is worth a tenth of a second once, but not a second. */
#define PATIENCE (100 * TT_ALLOC_MS)

/* The pause after a failed attempt to connect doubles from the first to the second. */
#define PAUSE_FIRST (100 * TT_ALLOC_MS)
#define PAUSE_MAX (10000 * TT_ALLOC_MS)

/* A stream that held so long was a good one: the next pause starts small again. */
#define SETTLED PAUSE_MAX

#define NOBODY ((pid_t)0)

static struct {
    pthread_mutex_t lock;
    _Atomic pid_t owner; /* the process that the rest belongs to */
    atomic_uint_fast64_t lost;
    atomic_uint_fast64_t retry_at; /* no attempt to connect before; 0: at once. Written under the lock */
    uint64_t pause;                /* until the attempt after the next failure */
    uint64_t opened_at;
    int fd; /* -1: no stream */
    ino_t inode;
    bool warned;
    struct tt_alloc_target target;
    struct tt_alloc_descriptions descriptions;
} reporter = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static void back_off(uint64_t least)
{
    if (reporter.pause < least)
        reporter.pause = least;
    atomic_store_explicit(&reporter.retry_at, tt_alloc_clock_now() + reporter.pause, memory_order_relaxed);
    reporter.pause *= 2;
    if (reporter.pause < PAUSE_FIRST)
        reporter.pause = PAUSE_FIRST;
    if (reporter.pause > PAUSE_MAX)
        reporter.pause = PAUSE_MAX;
}

/* Programs that close every descriptor they do not know are common, so the number may mean something else by now. */
static void close_stream(void)
{
    struct stat stat;

    if (reporter.fd >= 0 && fstat(reporter.fd, &stat) == 0 && S_ISSOCK(stat.st_mode) && stat.st_ino == reporter.inode)
        close(reporter.fd);
    reporter.fd = -1;
}

/* After a stream broke: the first retry is free, unless streams keep breaking young. */
static void give_up_stream(uint64_t least_pause)
{
    close_stream();
    if (tt_alloc_clock_now() - reporter.opened_at >= SETTLED)
        reporter.pause = 0;
    back_off(least_pause);
}

/* Says hello and describes the devices. */
static int introduce(int fd, uint64_t deadline)
{
    struct tt_alloc_hello hello =
        tt_alloc_make_hello(TT_ALLOC_FEATURE_FREE_REGION, TT_ALLOC_HELLO_REPORTER | TT_ALLOC_HELLO_QUIET);
    const struct tt_alloc_descriptions *descriptions = &reporter.descriptions;

    int r = tt_alloc_stream_send(fd, &hello, sizeof(hello), deadline);
    if (r < 0)
        return r;
    return tt_alloc_stream_send(fd, descriptions->record, descriptions->count * sizeof(descriptions->record[0]),
                                deadline);
}

/* Returns an introduced descriptor and what close_stream() recognises it by. */
static int connect_stream(uint64_t deadline, ino_t *ret_inode, uid_t *ret_owner)
{
    struct stat stat;

    int fd = tt_alloc_target_connect(&reporter.target, 0, ret_owner);
    if (fd < 0)
        return fd;
    int r = fstat(fd, &stat) < 0 ? -errno : introduce(fd, deadline);
    if (r < 0) {
        close(fd);
        return r;
    }
    *ret_inode = stat.st_ino;
    return fd;
}

static int open_stream(uint64_t deadline)
{
    uid_t owner;

    if (tt_alloc_clock_now() < reporter.retry_at)
        return -EAGAIN;
    int fd = connect_stream(deadline, &reporter.inode, &owner);
    if (fd < 0) {
        if (!reporter.warned)
            tt_alloc_warn_unreachable(&reporter.target, fd, owner);
        reporter.warned = true;
        back_off(PAUSE_FIRST);
        return fd;
    }
    reporter.fd = fd;
    reporter.opened_at = tt_alloc_clock_now();
    atomic_store_explicit(&reporter.retry_at, 0, memory_order_relaxed);
    return 0;
}

/* A stream that turns out to be broken is replaced once. */
static int deliver(const void *frame)
{
    uint64_t deadline = tt_alloc_clock_now() + PATIENCE;
    int r = 0;

    for (int attempt = 0; attempt < 2 && r != -ETIMEDOUT; attempt++) {
        if (reporter.fd < 0 && (r = open_stream(deadline)) < 0)
            return r;
        r = tt_alloc_stream_send(reporter.fd, frame, TT_ALLOC_FRAME_112, deadline);
        if (r == 0)
            return 0;
        give_up_stream(r == -ETIMEDOUT ? PAUSE_FIRST : 0);
    }
    return r;
}

/* In a new process: everything that belonged to the old one is let go, and only the descriptor's copy is closed. What
 * is known about the devices and the server still holds. */
static void start_afresh(void)
{
    pthread_mutex_init(&reporter.lock, NULL);
    close_stream();
    reporter.pause = 0;
    atomic_store_explicit(&reporter.retry_at, 0, memory_order_relaxed);
}

/* Catches children that ran no fork handlers. Their losses add to those that they inherited, because some may have been
 * counted already before the process was recognised as a new one. */
static void take_over(pid_t process)
{
    pid_t owner;

    while ((owner = atomic_load(&reporter.owner)) != process) {
        if (owner != NOBODY && atomic_compare_exchange_strong(&reporter.owner, &owner, NOBODY)) {
            start_afresh();
            atomic_store(&reporter.owner, process);
        } else {
            sched_yield();
        }
    }
}

static void enter(pid_t process)
{
    take_over(process);
    pthread_mutex_lock(&reporter.lock);
}

static void leave(void)
{
    pthread_mutex_unlock(&reporter.lock);
}

static void before_fork(void)
{
    enter(getpid());
}

static void in_child(void)
{
    int saved_errno = errno;

    start_afresh();
    reporter.lost = 0;
    atomic_store(&reporter.owner, getpid());
    errno = saved_errno;
}

void tt_alloc_transport_start(void)
{
    tt_alloc_target_resolve(NULL, &reporter.target);
    atomic_store(&reporter.owner, getpid());
    /* Should it fail for want of memory, take_over() does most of its work. */
    (void)pthread_atfork(before_fork, leave, in_child);
}

static bool backing_off(void)
{
    uint64_t retry_at = atomic_load_explicit(&reporter.retry_at, memory_order_relaxed);

    return retry_at != 0 && tt_alloc_clock_now() < retry_at;
}

static void count_lost(void)
{
    atomic_fetch_add_explicit(&reporter.lost, 1, memory_order_relaxed);
}

void tt_alloc_transport_report(struct tt_alloc_message *report)
{
    int saved_errno = errno;
    int cancel_state;

    if (backing_off()) {
        count_lost();
        return;
    }
    report->head.process_id = getpid();
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    enter(report->head.process_id);
    if (deliver(report) < 0)
        count_lost();
    leave();
    pthread_setcancelstate(cancel_state, NULL);
    errno = saved_errno;
}

/* A new stream starts with all descriptions, so there the new one need not be sent again. */
static void say(const struct tt_alloc_device_record *description)
{
    uint64_t deadline = tt_alloc_clock_now() + PATIENCE;

    if (reporter.fd < 0) {
        open_stream(deadline);
    } else {
        int r = tt_alloc_stream_send(reporter.fd, description, sizeof(*description), deadline);
        if (r < 0)
            give_up_stream(r == -ETIMEDOUT ? PAUSE_FIRST : 0);
    }
}

int tt_alloc_transport_describe(const struct tt_alloc_device_record *description)
{
    int saved_errno = errno;
    int cancel_state;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    enter(getpid());
    int r = tt_alloc_descriptions_keep(&reporter.descriptions, description);
    if (r == 0)
        say(description);
    leave();
    pthread_setcancelstate(cancel_state, NULL);
    errno = saved_errno;
    return r;
}

uint64_t tt_alloc_transport_lost(void)
{
    return atomic_load_explicit(&reporter.lost, memory_order_relaxed);
}
