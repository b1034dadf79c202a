/* SPDX-License-Identifier: Apache-2.0 */

#include "bench/floors.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/clock.h"
#include "bench/give_up.h"
#include "bench/proc.h"
#include "bench/table.h"

#define LOOPS 1000000
#define BOUNCES 200000

static int pipe_end;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void call_getppid(void)
{
    syscall(SYS_getppid);
}

static void call_ioctl(void)
{
    int bytes;

    ioctl(pipe_end, FIONREAD, &bytes);
}

static void read_coarse_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
}

static void read_clock(void)
{
    clock_now();
}

static void lock_and_unlock(void)
{
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
}

static double time_of(void (*act)(void), unsigned loops)
{
    uint64_t begin = clock_now();

    for (unsigned i = 0; i < loops; i++)
        act();
    return (double)(clock_now() - begin) / loops;
}

struct table_tennis {
    _Alignas(128) atomic_uint ball;
    unsigned bounces;
};

static void *play_back(void *argument)
{
    struct table_tennis *game = argument;

    proc_pin(SERVER_CORE);
    for (unsigned i = 0; i < game->bounces; i++) {
        while (atomic_load_explicit(&game->ball, memory_order_acquire) != 2 * i + 1)
            ;
        atomic_store_explicit(&game->ball, 2 * i + 2, memory_order_release);
    }
    return NULL;
}

/* A cache line to the other core and back. Also makes this a process with threads, as the locks below expect. */
static double bounce(unsigned bounces)
{
    struct table_tennis game = {.bounces = bounces};
    pthread_t other;
    uint64_t begin;

    if (pthread_create(&other, NULL, play_back, &game) != 0)
        give_up("thread");
    while (atomic_load_explicit(&game.ball, memory_order_acquire) != 0)
        ;
    begin = clock_now();
    for (unsigned i = 0; i < bounces; i++) {
        atomic_store_explicit(&game.ball, 2 * i + 1, memory_order_release);
        while (atomic_load_explicit(&game.ball, memory_order_acquire) != 2 * i + 2)
            ;
    }
    begin = clock_now() - begin;
    pthread_join(other, NULL);
    return (double)begin / bounces;
}

void floors_measure(struct bench *bench)
{
    unsigned loops = bench->options.quick ? LOOPS / 10 : LOOPS;
    int ends[2];

    if (pipe(ends) < 0)
        give_up("pipe");
    pipe_end = ends[0];
    if (bench->has_two_cores)
        book_add(&bench->book, bounce(loops / (LOOPS / BOUNCES)), "floor.cache_line_ns");
    book_add(&bench->book, time_of(call_getppid, loops), "floor.getppid_ns");
    book_add(&bench->book, time_of(call_ioctl, loops), "floor.ioctl_ns");
    book_add(&bench->book, time_of(read_clock, loops), "floor.clock_ns");
    book_add(&bench->book, time_of(read_coarse_clock, loops), "floor.coarse_clock_ns");
    book_add(&bench->book, time_of(lock_and_unlock, loops), "floor.mutex_ns");
    close(ends[0]);
    close(ends[1]);
}

void floors_print(const struct bench *bench)
{
    static const struct table_column columns[] = {
        {"/ getppid", "_ns", TABLE_OVER_GETPPID, 1},
        {"ns", "_ns", TABLE_PLAIN, 1},
        {"least", "_ns", TABLE_LEAST, 1},
        {"most", "_ns", TABLE_MOST, 1},
    };
    static const char *const rows[][2] = {
        {"getppid by syscall()", "floor.getppid"},         {"ioctl that returns an int", "floor.ioctl"},
        {"cache line there and back", "floor.cache_line"}, {"clock_gettime MONOTONIC", "floor.clock"},
        {"clock_gettime COARSE", "floor.coarse_clock"},    {"mutex, lock and unlock", "floor.mutex"},
    };
    struct table table = {&bench->book, columns, sizeof(columns) / sizeof(columns[0])};

    table_title(&table, "Floors: what the machine charges");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        table_row(&table, rows[i][0], rows[i][1], NULL);
}
