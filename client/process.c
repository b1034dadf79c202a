/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The mark of the process. Where the kernel cannot wipe a page (before Linux 4.14), only the fork handlers notice a
 * child.
 */

#include "client/process.h"

#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#define NEW 0 /* what a wiped page says */
#define BEING_TAKEN 2

static bool is_wiped;
static uint32_t mark_without_page;
uint32_t *tt_alloc_process_mark = &mark_without_page;

void tt_alloc_process_start(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page != MAP_FAILED) {
        is_wiped = madvise(page, size, MADV_WIPEONFORK) == 0;
        tt_alloc_process_mark = page;
    }
    tt_alloc_process_is_ours();
}

bool tt_alloc_process_was_taken_over(void)
{
    return is_wiped && !tt_alloc_process_is_new();
}

void tt_alloc_process_is_ours(void)
{
    __atomic_store_n(tt_alloc_process_mark, TT_ALLOC_PROCESS_OURS, __ATOMIC_RELEASE);
}

void tt_alloc_process_take_over(void (*start_afresh)(void))
{
    uint32_t expected = NEW;

    if (__atomic_compare_exchange_n(tt_alloc_process_mark, &expected, BEING_TAKEN, false, __ATOMIC_ACQUIRE,
                                    __ATOMIC_RELAXED)) {
        start_afresh();
        tt_alloc_process_is_ours();
    }
    while (tt_alloc_process_is_new())
        sched_yield();
}
