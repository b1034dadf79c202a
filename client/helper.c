/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The life of the helper thread, and how it is woken.
 *
 * A program that closes all descriptors takes away the socket on which the thread sleeps and the one that would wake
 * it. Then a new thread is started in its place, with a new number; the old one finds the number changed as soon as
 * the server ends the old connection, and goes away without touching anything.
 *
 * The thread lives in somebody else's process: it has all signals blocked, a small stack, and its own name.
 */

#include "client/helper.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include "client/attach.h"
#include "client/attend.h"
#include "client/clock.h"
#include "client/main_thread.h"
#include "client/process.h"
#include "client/recorder.h"
#include "client/warning.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_SIZE (8 << 20)
#else
#define STACK_SIZE (128 << 10)
#endif

/* Pauses between attempts double. While there is no server they stay short, so that one that comes is found soon; a
 * server that does not want us, or that we do not want, is left in peace. */
#define PAUSE_FIRST_MS 100
#define PAUSE_ABSENT_MS 400
#define PAUSE_MAX_MS 10000

/* A connection that held so long was a good one: the next attempt comes at once. */
#define SETTLED (1000 * TT_ALLOC_MS)

/* How long a process that ends waits for what it has to tell. */
#define EXIT_WAIT_MS 200

/* ms between looks at whether the process has other threads, when it has no main thread. */
#define DESERTED_WAIT_MS 200

#define START_AGAIN (1000 * TT_ALLOC_MS)

static struct {
    bool is_started;
    unsigned number; /* of the thread that is in office */
    uint64_t start_after;
    bool is_busy; /* what there is to tell may yet be told: the first attempt to connect, or a resync, is under way */
    bool has_warned;
    bool is_main_gone; /* the process may end with its other threads */
    struct tt_alloc_kick kick;
    bool wants_ring;
    struct tt_alloc_target target;
} helper = {.kick = TT_ALLOC_KICK_NONE};

static void on_end_of_main_thread(void)
{
    if (tt_alloc_process_is_new())
        return;
    tt_alloc_recorder_enter();
    helper.is_main_gone = true;
    (void)tt_alloc_kick_send(&helper.kick);
    tt_alloc_recorder_leave();
}

/* In case that the main thread does not report. */
static __attribute__((constructor)) void watch_main_thread(void)
{
    if (secure_getenv("TT_ALLOC_TRACKING_ENABLED") != NULL)
        tt_alloc_main_thread_watch(on_end_of_main_thread);
}

void tt_alloc_helper_prepare(void)
{
    const char *transport = secure_getenv("TT_ALLOC_TRANSPORT");

    tt_alloc_main_thread_watch(on_end_of_main_thread);
    helper.wants_ring = transport == NULL || strcmp(transport, "socket") != 0;
    tt_alloc_target_resolve(NULL, &helper.target);
}

bool tt_alloc_helper_is_started(void)
{
    return helper.is_started;
}

void tt_alloc_helper_set_busy(bool is_busy)
{
    __atomic_store_n(&helper.is_busy, is_busy, __ATOMIC_RELEASE);
}

bool tt_alloc_helper_is_busy(void)
{
    return __atomic_load_n(&helper.is_busy, __ATOMIC_ACQUIRE);
}

/* ---- The thread ---- */

static bool is_deserted(void)
{
    return helper.is_main_gone && !tt_alloc_helper_is_busy() && tt_alloc_main_thread_left_nobody();
}

bool tt_alloc_helper_enter(unsigned number)
{
    tt_alloc_recorder_enter();
    if (helper.number == number && !is_deserted())
        return true;
    tt_alloc_recorder_leave();
    return false;
}

int tt_alloc_helper_longest_wait(void)
{
    return helper.is_main_gone ? DESERTED_WAIT_MS : -1;
}

int tt_alloc_helper_sleeper(void)
{
    return helper.kick.sleeper.fd;
}

int tt_alloc_helper_take_kick(void)
{
    return tt_alloc_kick_take(&helper.kick);
}

static void warn_once(int error, uid_t owner)
{
    bool has_warned = helper.has_warned;

    helper.has_warned = true;
    if (!has_warned)
        tt_alloc_warn_unreachable(&helper.target, error, owner);
}

/* Of the pause before the next attempt, in ms. */
static unsigned longest_pause(int error)
{
    return error == -ENOENT || error == -ECONNREFUSED || error == -ETIMEDOUT ? PAUSE_ABSENT_MS : PAUSE_MAX_MS;
}

static unsigned next_pause(unsigned pause, int error)
{
    unsigned longest = longest_pause(error);

    if (error == -EACCES || error == -EPROTO || error == -ENAMETOOLONG)
        return longest;
    pause = pause == 0 ? PAUSE_FIRST_MS : pause * 2;
    return pause < longest ? pause : longest;
}

/* Leaves nothing of an earlier connection, and has a way to be woken. */
static bool make_ready(unsigned number)
{
    if (!tt_alloc_helper_enter(number))
        return false;
    tt_alloc_recorder_disconnect();
    if (tt_alloc_kick_take(&helper.kick) < 0) {
        tt_alloc_kick_close(&helper.kick);
        (void)tt_alloc_kick_open(&helper.kick);
    }
    tt_alloc_recorder_leave();
    return true;
}

/* One connection from its beginning to its end, and how long to pause then. False: another thread is in office. */
static bool serve(unsigned number, unsigned *pause_ms)
{
    uint64_t began = tt_alloc_clock_now();
    uid_t owner;

    if (!make_ready(number))
        return false;
    int r = tt_alloc_attach(&helper.target, helper.wants_ring, &owner);
    if (r < 0)
        warn_once(r, owner);
    else
        r = tt_alloc_attend(number);
    tt_alloc_helper_set_busy(false);
    *pause_ms = tt_alloc_clock_now() - began >= SETTLED && r != -EACCES ? 0 : next_pause(*pause_ms, r);
    return r != -ESTALE;
}

static void pause_for(unsigned ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    nanosleep(&time, NULL);
}

/* Exit handlers may run here. */
static void unblock_signals(void)
{
    sigset_t none;

    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
}

static void *run(void *number)
{
    unsigned pause_ms = 0;

    prctl(PR_SET_NAME, "tt-alloc");
    while (serve((unsigned)(uintptr_t)number, &pause_ms))
        pause_for(pause_ms);
    unblock_signals();
    return NULL;
}

/* ---- What others do with it ---- */

/* Where the C library takes thread-local storage from the stack, a program may have so much of it that the small stack
 * is refused. */
static int create(unsigned number)
{
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int r = pthread_attr_setstacksize(&attributes, STACK_SIZE);
    if (r == 0)
        r = pthread_create(&thread, &attributes, run, (void *)(uintptr_t)number);
    pthread_attr_destroy(&attributes);
    if (r == EINVAL) {
        r = pthread_create(&thread, NULL, run, (void *)(uintptr_t)number);
        if (r == 0)
            pthread_detach(thread);
    }
    return r;
}

/* The thread inherits the mask, so no signal of the application can ever land in it. */
void tt_alloc_helper_start(void)
{
    sigset_t all, before;

    if (tt_alloc_clock_now() < helper.start_after)
        return;
    helper.number++;
    tt_alloc_helper_set_busy(true);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    helper.is_started = create(helper.number) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!helper.is_started) {
        helper.start_after = tt_alloc_clock_now() + START_AGAIN;
        tt_alloc_helper_set_busy(false);
    }
}

void tt_alloc_helper_kick(void)
{
    if (tt_alloc_kick_send(&helper.kick) == -EBADF)
        tt_alloc_helper_start();
}

void tt_alloc_helper_forget(void)
{
    helper.is_started = false;
    helper.start_after = 0;
    helper.has_warned = false;
    helper.is_main_gone = false;
    tt_alloc_helper_set_busy(false);
    tt_alloc_kick_close(&helper.kick);
}

/* So that a process that is soon done is not gone before the server was told what it leaves behind. Where there is no
 * server, nobody waits. */
static __attribute__((destructor)) void settle_at_exit(void)
{
    for (int ms = 0; ms < EXIT_WAIT_MS && tt_alloc_helper_is_busy(); ms++) {
        if (tt_alloc_process_is_new())
            return;
        pause_for(1);
    }
}
