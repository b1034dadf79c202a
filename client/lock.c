/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the lock does when it is not free. Who sleeps says so in the word first, and the kernel lets nobody sleep whose
 * word has changed meanwhile; so no wake-up is lost. Who has slept takes the lock as one for whom others may sleep,
 * because it cannot know better.
 */

#include "client/lock.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SPINS 100

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static bool take_spinning(struct tt_alloc_lock *lock)
{
    for (int i = 0; i < SPINS; i++) {
        uint32_t free = 0;

        relax();
        if (__atomic_load_n(&lock->word, __ATOMIC_RELAXED) == 0 &&
            __atomic_compare_exchange_n(&lock->word, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return true;
    }
    return false;
}

void tt_alloc_lock_wait(struct tt_alloc_lock *lock)
{
    int saved_errno = errno;

    if (take_spinning(lock))
        return;
    while (__atomic_exchange_n(&lock->word, 2, __ATOMIC_ACQUIRE) != 0)
        syscall(SYS_futex, &lock->word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
    errno = saved_errno;
}

void tt_alloc_lock_wake(struct tt_alloc_lock *lock)
{
    int saved_errno = errno;

    syscall(SYS_futex, &lock->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    errno = saved_errno;
}
