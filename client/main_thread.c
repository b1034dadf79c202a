/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The end of the main thread is noticed by a destructor of thread-specific data, which runs in pthread_exit() and not
 * in exit(). A thread that has ended is counted for as long as it is the main one.
 */

#include "client/main_thread.h"

#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_key_t key;
static bool has_key;
static void (*tell_gone)(void);

static void at_pthread_exit(void *unused)
{
    (void)unused;
    tell_gone();
}

void tt_alloc_main_thread_watch(void (*tell)(void))
{
    if (has_key || syscall(SYS_gettid) != getpid())
        return;
    tell_gone = tell;
    has_key = pthread_key_create(&key, at_pthread_exit) == 0;
    if (has_key)
        (void)pthread_setspecific(key, &key);
}

/* Each is a directory in there, and a directory has two links besides. */
bool tt_alloc_main_thread_left_nobody(void)
{
    struct stat stat_of_tasks;

    return stat("/proc/self/task", &stat_of_tasks) == 0 && stat_of_tasks.st_nlink == 2 + 2;
}
