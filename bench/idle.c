/* SPDX-License-Identifier: Apache-2.0 */

#include "bench/idle.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/clock.h"
#include "bench/give_up.h"
#include "bench/proc.h"
#include "bench/rig.h"
#include "bench/table.h"
#include "protocol/tt_alloc_protocol.h"

#define CONNECTIONS 10000
#define OWN_DESCRIPTORS 100
#define PATIENCE (5 * NS_PER_S)
#define CALM (NS_PER_S / 5) /* for what was begun before to end */

static uint64_t window(const struct bench *bench)
{
    return bench->options.quick ? NS_PER_S / 5 : 2 * NS_PER_S;
}

static double per_second(const struct bench *bench, uint64_t sleeps)
{
    return (double)sleeps * (double)NS_PER_S / (double)window(bench);
}

static double wakes(const struct bench *bench, pid_t pid)
{
    uint64_t before;

    clock_sleep_until(clock_now() + CALM);
    before = proc_sleeps(pid);
    clock_sleep_until(clock_now() + window(bench));
    return per_second(bench, proc_sleeps(pid) - before);
}

/* A reporter that has nothing to report; the server may have closed its connection already, if it refuses it. */
static int say_hello(const char *path)
{
    struct tt_alloc_hello hello = {.type = TT_ALLOC_HELLO,
                                   .device_id = -1,
                                   .magic = TT_ALLOC_MAGIC,
                                   .version = TT_ALLOC_PROTOCOL_VERSION,
                                   .process_id = getpid(),
                                   .flags = TT_ALLOC_HELLO_REPORTER | TT_ALLOC_HELLO_QUIET};
    int fd = reporter_connect(path);

    if (send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
        give_up("send");
    return fd;
}

static unsigned possible_connections(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        give_up("limit of descriptors");
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max >= CONNECTIONS + OWN_DESCRIPTORS)
        return CONNECTIONS;
    return limit.rlim_max > OWN_DESCRIPTORS ? (unsigned)limit.rlim_max - OWN_DESCRIPTORS : 0;
}

/* It refuses some where it may not have two descriptors for each. */
static void wait_for_sessions(struct target *target, uint64_t count)
{
    uint64_t deadline = clock_now() + PATIENCE;

    while (target_count(target, "sessions") + target_count(target, "sessions_refused") < count &&
           clock_now() < deadline)
        clock_sleep_until(clock_now() + NS_PER_S / 100);
}

static void measure_connections(struct bench *bench)
{
    unsigned count = possible_connections();
    int *fds = calloc(count + 1, sizeof(*fds));
    struct target target;
    uint64_t rss;
    double there;

    if (!fds)
        give_up("connections");
    target_start(bench, false, bench->has_two_cores ? SERVER_CORE : CLIENT_CORE, &target);
    book_add(&bench->book, wakes(bench, target.child.pid), "idle.alone.wakes_per_s");
    rss = proc_rss_bytes(target.child.pid);
    for (unsigned i = 0; i < count; i++)
        fds[i] = say_hello(target.path);
    wait_for_sessions(&target, count + 1);
    there = (double)target_count(&target, "sessions") - 1;
    book_add(&bench->book, there, "idle.connections.count");
    book_add(&bench->book, wakes(bench, target.child.pid), "idle.connections.wakes_per_s");
    book_add(&bench->book, (double)(proc_rss_bytes(target.child.pid) - rss) / there, "idle.connections.bytes_each");
    for (unsigned i = 0; i < count; i++)
        close(fds[i]);
    free(fds);
    target_stop(&target);
}

static void measure_clients(struct bench *bench)
{
    struct rig_plan plan = {.way = WAY_RING, .live = 1000, .clients = RIG_CLIENTS_MAX};
    uint64_t before = 0, after = 0;
    struct rig rig;

    rig_up(bench, &plan, &rig);
    clock_sleep_until(clock_now() + CALM);
    for (unsigned i = 0; i < plan.clients; i++)
        before += proc_sleeps(rig.clients[i].pid);
    book_add(&bench->book, wakes(bench, rig.target.child.pid), "idle.clients.wakes_per_s");
    for (unsigned i = 0; i < plan.clients; i++)
        after += proc_sleeps(rig.clients[i].pid);
    book_add(&bench->book, per_second(bench, after - before), "idle.their_own.wakes_per_s");
    rig_down(bench, &rig);
}

void idle_measure(struct bench *bench)
{
    measure_connections(bench);
    measure_clients(bench);
}

void idle_print(const struct bench *bench)
{
    static const struct table_column columns[] = {
        {"wakes/s", ".wakes_per_s", TABLE_PLAIN, 1},
        {"most", ".wakes_per_s", TABLE_MOST, 1},
        {"connections", ".count", TABLE_PLAIN, 1},
        {"bytes each", ".bytes_each", TABLE_PLAIN, 1},
    };
    struct table table = {&bench->book, columns, sizeof(columns) / sizeof(columns[0])};

    table_title(&table, "Idle");
    table_row(&table, "server without clients", "idle.alone", NULL);
    table_row(&table, "server, many idle connections", "idle.connections", NULL);
    table_row(&table, "server, 8 idle clients", "idle.clients", NULL);
    table_row(&table, "those 8 clients together", "idle.their_own", NULL);
}
