/* SPDX-License-Identifier: Apache-2.0 */

#include "bench/client.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/churn.h"
#include "bench/clock.h"
#include "bench/give_up.h"
#include "bench/phase.h"

#define WARM_UP 100000 /* more than it takes to get a larger ring */
#define RESULT_FORMAT(number) number " " number " " number " " number " " number " " number " " number " " number "\n"

struct client {
    struct reporter reporter;
    enum way way;
    struct churn churn;
    bool owes_allocation; /* a buffer was freed, and the one in its place comes next */
    uint64_t next;
    uint64_t sent;
};

static void allocate(struct client *client, uint64_t number)
{
    struct churn_buffer buffer = churn_buffer(number);

    client->reporter.allocate(&client->reporter, buffer.device, buffer.size, buffer.region, buffer.id);
}

static void release(struct client *client, uint64_t number)
{
    struct churn_buffer buffer = churn_buffer(number);

    client->reporter.release(&client->reporter, buffer.device, buffer.region, buffer.id);
}

static void report_one(struct client *client)
{
    uint64_t old;

    if (client->owes_allocation) {
        allocate(client, client->next);
    } else {
        churn_next(&client->churn, &old, &client->next);
        release(client, old);
    }
    client->owes_allocation = !client->owes_allocation;
}

static void report(struct client *client, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        report_one(client);
    client->sent += count;
}

static void fill(struct client *client)
{
    for (uint64_t i = 0; i < client->churn.live; i++)
        allocate(client, i);
    client->sent += client->churn.live;
    client->reporter.settle(&client->reporter, client->churn.live);
    if (client->way == WAY_RING) {
        report(client, WARM_UP);
        client->reporter.settle(&client->reporter, client->churn.live);
    }
}

static uint64_t cpu_clock(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

/* Of all threads but this one. */
static uint64_t cpu_of_others(void)
{
    uint64_t mine = cpu_clock(CLOCK_THREAD_CPUTIME_ID);

    return cpu_clock(CLOCK_PROCESS_CPUTIME_ID) - mine;
}

/* One clock is read after the other, so a difference may come out a little below nothing. */
static uint64_t difference(uint64_t after, uint64_t before)
{
    return after > before ? after - before : 0;
}

/* Returns the time in calls: bursts are timed, and what lies between them is not. */
static uint64_t report_paced(struct client *client, uint64_t reports, const struct tempo *tempo)
{
    uint64_t period = tempo->burst * NS_PER_S / tempo->per_second;
    uint64_t due = clock_now(), begin, in_calls = 0;

    for (uint64_t done = 0; done < reports; done += tempo->burst) {
        due += period;
        if (tempo->sleeps)
            clock_sleep_until(due);
        else
            clock_spin_until(due);
        begin = clock_now();
        report(client, tempo->burst);
        in_calls += clock_now() - begin;
    }
    return in_calls;
}

static void run(struct client *client, uint64_t reports, const struct tempo *tempo, struct client_result *ret)
{
    uint64_t others = cpu_of_others();
    uint64_t before = client->sent;

    *ret = (struct client_result){.began = clock_now()};
    if (tempo->per_second) {
        ret->in_calls = report_paced(client, reports, tempo);
    } else {
        report(client, reports);
        ret->in_calls = clock_now() - ret->began;
    }
    ret->ended = clock_now();
    ret->cpu_of_others = difference(cpu_of_others(), others);
    ret->reports = client->sent - before;
    client->reporter.settle(&client->reporter, client->churn.live - client->owes_allocation);
    ret->settled = clock_now();
    ret->sent = client->sent;
    ret->lost = reporter_lost();
}

static void tell(const struct client_result *result)
{
    printf(RESULT_FORMAT("%" PRIu64), result->reports, result->began, result->ended, result->settled, result->in_calls,
           result->cpu_of_others, result->sent, result->lost);
    fflush(stdout);
}

bool client_read_result(const char *line, struct client_result *ret)
{
    struct client_result result;
    int fields = sscanf(line, RESULT_FORMAT("%" SCNu64), &result.reports, &result.began, &result.ended, &result.settled,
                        &result.in_calls, &result.cpu_of_others, &result.sent, &result.lost);

    if (fields != 8)
        return false;
    *ret = result;
    return true;
}

void client_main(char **words)
{
    struct client client = {.way = way_from_name(words[0]),
                            .churn = churn_of(strtoull(words[2], NULL, 10), strcmp(words[3], "random") == 0)};
    struct client_result result;
    struct tempo tempo;
    uint64_t reports;
    int sleeps;

    reporter_open(&client.reporter, client.way, words[1]);
    fill(&client);
    puts("ready");
    fflush(stdout);
    while (scanf("%" SCNu64 " %" SCNu64 " %u %d", &reports, &tempo.per_second, &tempo.burst, &sleeps) == 4) {
        tempo.sleeps = sleeps;
        run(&client, reports, &tempo, &result);
        tell(&result);
    }
    _Exit(EXIT_SUCCESS); /* as it stands, with nothing freed */
}
