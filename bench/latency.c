/* SPDX-License-Identifier: Apache-2.0 */

#include "bench/latency.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/clock.h"
#include "bench/give_up.h"
#include "bench/rig.h"
#include "bench/table.h"

#define QUESTIONS 2000
#define QUESTIONS_MAX 1000000
#define PAUSE (NS_PER_S / 4000) /* between two questions, so that the server sleeps in between */

struct waits {
    double *us;
    size_t count;
};

static void ask_once(struct waits *waits, int fd)
{
    uint64_t begin;

    clock_sleep_until(clock_now() + PAUSE);
    begin = clock_now();
    reporter_ask(fd);
    if (waits->count < QUESTIONS_MAX)
        waits->us[waits->count++] = (double)(clock_now() - begin) / 1e3;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

static void note(struct book *book, struct waits *waits, const char *name)
{
    qsort(waits->us, waits->count, sizeof(*waits->us), compare);
    book_add(book, waits->us[waits->count / 2], "latency.%s.p50_us", name);
    book_add(book, waits->us[waits->count * 99 / 100], "latency.%s.p99_us", name);
    book_add(book, waits->us[waits->count - 1], "latency.%s.most_us", name);
    waits->count = 0;
}

static void measure_idle(struct bench *bench, struct waits *waits, bool is_model)
{
    struct target target;
    int fd;

    target_start(bench, is_model, bench->has_two_cores ? SERVER_CORE : CLIENT_CORE, &target);
    fd = reporter_connect(target.path);
    for (unsigned i = 0; i < (bench->options.quick ? QUESTIONS / 10 : QUESTIONS); i++)
        ask_once(waits, fd);
    note(&bench->book, waits, is_model ? "model" : "idle");
    close(fd);
    target_stop(&target);
}

static bool has_said_something(const struct child *child)
{
    struct pollfd out = {.fd = fileno(child->out), .events = POLLIN};

    return poll(&out, 1, 0) > 0;
}

/* Asks until the first client is through. */
static void measure_load(struct bench *bench, struct waits *waits, unsigned clients, enum phase phase, const char *name)
{
    struct rig_plan plan = {.way = WAY_RING, .live = 10000, .clients = clients};
    struct rig rig;
    int fd;

    rig_up(bench, &plan, &rig);
    fd = reporter_connect(rig.target.path);
    rig_begin(bench, &rig, phase);
    do
        ask_once(waits, fd);
    while (!has_said_something(&rig.clients[0]));
    rig_finish(&rig);
    note(&bench->book, waits, name);
    close(fd);
    rig_down(bench, &rig);
}

void latency_measure(struct bench *bench)
{
    struct waits waits = {.us = calloc(QUESTIONS_MAX, sizeof(double))};

    if (!waits.us)
        give_up("latencies");
    measure_idle(bench, &waits, true);
    measure_idle(bench, &waits, false);
    measure_load(bench, &waits, RIG_CLIENTS_MAX, PHASE_SHARED, "shared");
    measure_load(bench, &waits, 1, PHASE_SATURATED, "saturated");
    free(waits.us);
}

void latency_print(const struct bench *bench)
{
    static const struct table_column columns[] = {
        {"p50/model", ".p50_us", TABLE_OVER_BASE, 1}, {"p99/model", ".p99_us", TABLE_OVER_BASE, 1},
        {"p50 us", ".p50_us", TABLE_PLAIN, 1},        {"p99 us", ".p99_us", TABLE_PLAIN, 1},
        {"most us", ".most_us", TABLE_MOST, 1},
    };
    struct table table = {&bench->book, columns, sizeof(columns) / sizeof(columns[0])};

    table_title(&table, "A question for a device's totals");
    table_row(&table, "model, idle", "latency.model", "latency.model");
    table_row(&table, "server, idle", "latency.idle", "latency.model");
    table_row(&table, "server, 8 clients, 100,000/s", "latency.shared", "latency.model");
    table_row(&table, "server, 1 client, saturated", "latency.saturated", "latency.model");
}
