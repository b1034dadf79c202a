/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The innocent beside an attack: an application that uses libtt-alloc, and goes about its work while somebody else
 * misbehaves. It holds one buffer in each region and never touches them again. Every PERIOD it makes and frees BATCH
 * more, and times that. What a call costs is the median of a window of batches, and of several windows the best is
 * told: on a busy machine some windows are bad, and an attacker that makes calls dear makes all of them so. The first
 * calls of a batch are not timed, because the neighbour's use of the caches is no attack on us.
 *
 *   bystander [UID]
 *
 * becomes that user, and answers lines on stdin with one line each:
 *
 *   begin    a new measurement: "ok"
 *   measure  "windows=N call_ns=X" since then
 *   rest     no more reports until "go": "allocations=N frees=N lost=N" says how many there were
 *   go       "ok"
 */

#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "become.h"
#include "tt_alloc.h"

#define PERIOD_NS 1000000
#define BATCH 16
#define WARM_UP 8
#define WINDOW 15 /* batches */
#define FIRST_PASSING 0x100000
#define SIZE 4096

struct bystander {
    bool is_resting;
    uint64_t due; /* when the next batch is, however often we are asked meanwhile */
    uint64_t allocations, frees;
    uint64_t next; /* id of a buffer that passes */

    uint64_t window[WINDOW]; /* nanoseconds per batch */
    size_t batches;          /* in the window that is being filled */
    uint64_t windows, best_ns;
};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The sizes are those that oracle.py expects. */
static void keep_buffers(struct bystander *bystander)
{
    tt_alloc_report_allocation(0, 1111, TT_ALLOC_DRAM, 0x1000);
    tt_alloc_report_allocation(0, 2222, TT_ALLOC_L1, 0x1000);
    tt_alloc_report_allocation(0, 3333, TT_ALLOC_SYSTEM_MEMORY, 0x1000);
    tt_alloc_report_allocation(0, 4444, TT_ALLOC_L1_SMALL, 0x1000);
    tt_alloc_report_allocation(0, 5555, TT_ALLOC_TRACE, 0x1000);
    tt_alloc_report_cb_allocation(0, 6666, 0x1000);
    tt_alloc_report_kernel_load(0, 7777, 0x1000, 0);
    bystander->allocations += 7;
}

static void pass_buffers(struct bystander *bystander, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        tt_alloc_report_allocation(0, SIZE, TT_ALLOC_DRAM, bystander->next + i * SIZE);
    for (uint64_t i = 0; i < count; i++)
        tt_alloc_report_deallocation_from(0, TT_ALLOC_DRAM, bystander->next + i * SIZE);
    bystander->next += count * SIZE;
    bystander->allocations += count;
    bystander->frees += count;
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

static void note_batch(struct bystander *bystander, uint64_t took)
{
    uint64_t median;

    bystander->window[bystander->batches++] = took;
    if (bystander->batches < WINDOW)
        return;
    qsort(bystander->window, WINDOW, sizeof(bystander->window[0]), compare);
    median = bystander->window[WINDOW / 2];
    if (bystander->windows++ == 0 || median < bystander->best_ns)
        bystander->best_ns = median;
    bystander->batches = 0;
}

static void work(struct bystander *bystander)
{
    uint64_t begun;

    pass_buffers(bystander, WARM_UP);
    begun = now_ns();
    pass_buffers(bystander, BATCH);
    note_batch(bystander, now_ns() - begun);
    bystander->due = now_ns() + PERIOD_NS;
}

static void measure(struct bystander *bystander)
{
    printf("windows=%" PRIu64 " call_ns=%.1f\n", bystander->windows, (double)bystander->best_ns / (2 * BATCH));
}

static void obey(struct bystander *bystander, const char *line)
{
    if (strcmp(line, "measure\n") == 0) {
        measure(bystander);
    } else if (strcmp(line, "begin\n") == 0) {
        bystander->windows = bystander->best_ns = bystander->batches = 0;
        printf("ok\n");
    } else if (strcmp(line, "rest\n") == 0) {
        bystander->is_resting = true;
        printf("allocations=%" PRIu64 " frees=%" PRIu64 " lost=%" PRIu64 "\n", bystander->allocations, bystander->frees,
               tt_alloc_lost_reports());
    } else if (strcmp(line, "go\n") == 0) {
        bystander->is_resting = false;
        printf("ok\n");
    } else {
        fprintf(stderr, "bystander: what is %s", line);
        exit(2);
    }
}

/* Whether there is something to read before the next batch is due. */
static bool is_told(const struct bystander *bystander)
{
    struct pollfd command = {.fd = STDIN_FILENO, .events = POLLIN};
    uint64_t now = now_ns(), left = bystander->due > now ? bystander->due - now : 0;
    struct timespec time = {.tv_nsec = (long)left};

    return ppoll(&command, 1, bystander->is_resting ? NULL : &time, NULL) > 0;
}

int main(int argc, char **argv)
{
    struct bystander bystander = {.next = FIRST_PASSING};
    char line[32];

    if (argc > 1)
        become(argv[1]);
    setvbuf(stdin, NULL, _IONBF, 0); /* or poll() would not see what has been read ahead */
    setvbuf(stdout, NULL, _IOLBF, 0);
    keep_buffers(&bystander);
    for (;;) {
        if (is_told(&bystander)) {
            if (!fgets(line, sizeof(line), stdin))
                return 0;
            obey(&bystander, line);
        }
        if (!bystander.is_resting && now_ns() >= bystander.due)
            work(&bystander);
    }
}
