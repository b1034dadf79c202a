/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A lock of four bytes, for the one place where pthread_mutex_t costs too much: a report holds it for some 20 ns, and a
 * mutex would add half of that again. It spins for as long as a report may take and then sleeps in the kernel.
 *
 * A lock of zeros is free. In a new process it may be set so, whoever held it in the old one. No call is a point of
 * cancellation, and errno stays.
 */

#include <stdint.h>

struct tt_alloc_lock {
    uint32_t word; /* 0: free; 1: taken; 2: taken, and somebody may sleep */
};

void tt_alloc_lock_wait(struct tt_alloc_lock *lock);
void tt_alloc_lock_wake(struct tt_alloc_lock *lock);

static inline void tt_alloc_lock_take(struct tt_alloc_lock *lock)
{
    uint32_t free = 0;

    if (!__atomic_compare_exchange_n(&lock->word, &free, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        tt_alloc_lock_wait(lock);
}

static inline void tt_alloc_lock_give(struct tt_alloc_lock *lock)
{
    if (__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) == 2)
        tt_alloc_lock_wake(lock);
}
