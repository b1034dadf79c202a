/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Whether there is a rest is tried: the kernel knows what counts towards a limit, and which of its limits comes first.
 * Asking costs two system calls, so it is asked once for each MiB that ledgers take, and after a refusal not again for
 * some milliseconds: refusing must not cost more than recording.
 */

#include "server/reserve.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "ledger/memory.h"
#include "server/clock.h"

#define RESERVE ((size_t)16 << 20)
#define PART_OF_LIMIT 16 /* where that is more than this part of what the server may have */
#define ASK_EVERY ((size_t)1 << 20)
#define PAUSE (NSEC_PER_SEC / 250)

static size_t reserve = RESERVE;
static size_t taken;     /* by ledgers since it was asked */
static uint64_t refused; /* when the answer was no */

static bool is_there(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        return false;
    munmap(memory, size);
    return true;
}

static bool leaves_reserve(size_t size)
{
    uint64_t now;

    taken += size;
    if (taken < ASK_EVERY)
        return true;
    now = clock_read(CLOCK_MONOTONIC_COARSE);
    if (now - refused < PAUSE)
        return false;
    if (is_there(reserve + size))
        taken = 0;
    else
        refused = now;
    return taken == 0;
}

void reserve_init(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_DATA, &limit) == 0 && limit.rlim_cur / PART_OF_LIMIT < reserve)
        reserve = limit.rlim_cur / PART_OF_LIMIT;
    memory_hook = leaves_reserve;
}
