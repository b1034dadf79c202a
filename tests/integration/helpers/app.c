/* SPDX-License-Identifier: Apache-2.0 */

/*
 * An application that uses libtt-alloc as an application does, told by lines on stdin what to do. It answers each with
 * one line, and exits at the end of stdin with what it holds.
 *
 *   fill N       allocates N buffers more
 *   churn N      N reports, by turns the free of the oldest buffer and a new one
 *   empty        frees all
 *   threads T N  T threads, each N reports as in churn, on a device of its own (1..T) with 100 buffers that stay
 *   lost         reports lost so far
 *   fork N       a child allocates N buffers and lives until it is killed; its PID
 *   again        executes itself, with nothing but its standard streams; no answer
 *
 * With an argument it becomes that user first.
 *
 * The answer to what reports is "longest_ns=N total_ns=N": the longest of the calls, and all of them.
 */

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "become.h"
#include "tt_alloc.h"

#define SIZE 4096
#define THREADS_MAX 16
#define THREAD_WINDOW 100

struct window {
    int32_t device;
    uint64_t oldest, next; /* buffers, by number */
    uint64_t longest_ns, total_ns;
};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void note_time(struct window *window, uint64_t begun)
{
    uint64_t took = now_ns() - begun;

    window->total_ns += took;
    if (took > window->longest_ns)
        window->longest_ns = took;
}

static void allocate(struct window *window)
{
    uint64_t begun = now_ns();

    tt_alloc_report_allocation(window->device, SIZE, TT_ALLOC_DRAM, window->next++ * SIZE);
    note_time(window, begun);
}

static void release(struct window *window)
{
    uint64_t begun = now_ns();

    tt_alloc_report_deallocation(window->device, window->oldest++ * SIZE);
    note_time(window, begun);
}

static void churn(struct window *window, uint64_t reports)
{
    for (uint64_t i = 0; i < reports; i++)
        if (i % 2 == 0)
            release(window);
        else
            allocate(window);
}

struct thread {
    pthread_t id;
    struct window window;
    uint64_t reports;
};

static void *run_thread(void *argument)
{
    struct thread *thread = argument;

    for (int i = 0; i < THREAD_WINDOW; i++)
        allocate(&thread->window);
    churn(&thread->window, thread->reports);
    return NULL;
}

static void run_threads(struct window *total, size_t count, uint64_t reports)
{
    struct thread threads[THREADS_MAX] = {0};

    for (size_t i = 0; i < count && i < THREADS_MAX; i++) {
        threads[i].window.device = (int32_t)i + 1;
        threads[i].reports = reports;
        pthread_create(&threads[i].id, NULL, run_thread, &threads[i]);
    }
    for (size_t i = 0; i < count && i < THREADS_MAX; i++) {
        pthread_join(threads[i].id, NULL);
        total->total_ns += threads[i].window.total_ns;
        if (threads[i].window.longest_ns > total->longest_ns)
            total->longest_ns = threads[i].window.longest_ns;
    }
}

static void fork_child(uint64_t buffers)
{
    pid_t child = fork();

    if (child == 0) {
        struct window window = {.device = 0, .next = 1 << 20, .oldest = 1 << 20};

        for (uint64_t i = 0; i < buffers; i++)
            allocate(&window);
        for (;;)
            pause();
    }
    printf("%d\n", (int)child);
}

static void execute_again(void)
{
    execl("/proc/self/exe", "app", NULL);
    perror("app: again");
    exit(2);
}

static void obey(const char *line, struct window *window)
{
    uint64_t number = 0, threads = 0;

    window->longest_ns = window->total_ns = 0;
    if (sscanf(line, "fill %" SCNu64, &number) == 1) {
        for (uint64_t i = 0; i < number; i++)
            allocate(window);
    } else if (sscanf(line, "churn %" SCNu64, &number) == 1) {
        churn(window, number);
    } else if (sscanf(line, "threads %" SCNu64 " %" SCNu64, &threads, &number) == 2) {
        run_threads(window, threads, number);
    } else if (strcmp(line, "empty\n") == 0) {
        while (window->oldest < window->next)
            release(window);
    } else if (strcmp(line, "lost\n") == 0) {
        printf("%" PRIu64 "\n", tt_alloc_lost_reports());
        return;
    } else if (sscanf(line, "fork %" SCNu64, &number) == 1) {
        fork_child(number);
        return;
    } else if (strcmp(line, "again\n") == 0) {
        execute_again();
    } else {
        fprintf(stderr, "app: what is %s", line);
        exit(2);
    }
    printf("longest_ns=%" PRIu64 " total_ns=%" PRIu64 "\n", window->longest_ns, window->total_ns);
}

int main(int argc, char **argv)
{
    struct window window = {.device = 0};
    char line[128];

    if (argc > 1)
        become(argv[1]);
    setvbuf(stdin, NULL, _IONBF, 0); /* what is read ahead would be lost to the program that comes next */
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (fgets(line, sizeof(line), stdin))
        obey(line, &window);
    return 0;
}
