/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How the recorder begins: when a program first uses it, and in every child.
 *
 * fork(): the child must neither write into its parent's ring or stream nor inherit a lock that some other thread of
 * the parent held. It begins with nothing but what is known about the devices. Descriptors and memory come and go only
 * under the lock, which fork() waits for, so a child knows all that it has to let go of.
 */

#include "client/recorder.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "client/clock.h"
#include "client/helper.h"
#include "client/process.h"

#define FULL_WAIT_MS 1
#define FULL_WAIT_MS_MAX 60000
#define JOB_DIGITS_MAX 16

static struct tt_alloc_recorder *const recorder = &tt_alloc_recorder;

static uint64_t draw_instance(void)
{
    uint64_t instance = 0;

    if (getrandom(&instance, sizeof(instance), GRND_NONBLOCK) != sizeof(instance) || instance == 0)
        instance = tt_alloc_clock_wall() << 20 ^ (uint64_t)getpid();
    return instance;
}

/* The ring's memory did not come along, and its addresses may be somebody else's by now: it is only forgotten. */
static void begin(void)
{
    recorder->lock = (struct tt_alloc_lock){0};
    recorder->ring = (struct tt_alloc_producer){0};
    tt_alloc_recorder_disconnect();
    tt_alloc_helper_forget();
    recorder->ledger = NULL;
    recorder->waiting = 0;
    recorder->made = 0;
    recorder->lost = 0;
    recorder->forgotten = 0;
    recorder->instance = draw_instance();
}

/* In a child that ran no fork handlers: another thread of the parent may have been changing the ledger, so nothing of
 * it is touched. */
void tt_alloc_recorder_start_afresh(void)
{
    int saved_errno = errno;

    recorder->orphan = NULL;
    begin();
    errno = saved_errno;
}

static void before_fork(void)
{
    if (tt_alloc_process_is_new())
        tt_alloc_process_take_over(tt_alloc_recorder_start_afresh);
    tt_alloc_recorder_enter();
}

/* Another handler may have reported already. */
static void in_child(void)
{
    int saved_errno = errno;

    if (tt_alloc_process_was_taken_over())
        return;
    if (recorder->ledger != NULL)
        recorder->orphan = recorder->ledger;
    begin();
    tt_alloc_process_is_ours();
    errno = saved_errno;
}

static unsigned read_full_wait(void)
{
    const char *text = secure_getenv("TT_ALLOC_FULL_WAIT_MS");
    char *end;

    if (text == NULL || text[0] < '0' || text[0] > '9')
        return FULL_WAIT_MS;
    unsigned long value = strtoul(text, &end, 10);
    if (*end != '\0')
        return FULL_WAIT_MS;
    return value < FULL_WAIT_MS_MAX ? (unsigned)value : FULL_WAIT_MS_MAX;
}

/* A label for whoever started this process; anything else than 1 to 16 hexadecimal digits is none. */
static uint64_t read_job(void)
{
    const char *text = secure_getenv("TT_ALLOC_JOB");
    size_t digits = text == NULL ? 0 : strspn(text, "0123456789abcdefABCDEF");

    if (digits == 0 || digits > JOB_DIGITS_MAX || text[digits] != '\0')
        return 0;
    return strtoull(text, NULL, 16);
}

void tt_alloc_recorder_start(void)
{
    recorder->full_wait_ms = read_full_wait();
    recorder->job = read_job();
    recorder->instance = draw_instance();
    tt_alloc_helper_prepare();
    tt_alloc_process_start();
    /* Should it fail for want of memory, the mark of the process does most of its work. */
    (void)pthread_atfork(before_fork, tt_alloc_recorder_leave, in_child);
}
