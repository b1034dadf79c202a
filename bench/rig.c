/* SPDX-License-Identifier: Apache-2.0 */

#include "bench/rig.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/clock.h"
#include "bench/give_up.h"
#include "bench/proc.h"

#define LINE_SIZE 512
#define PATIENCE (5 * NS_PER_S)

static void start_client(const struct rig *rig, struct child *ret)
{
    const struct rig_plan *plan = &rig->plan;
    char socket[128], live[32];
    const char *const command[] = {"/proc/self/exe",
                                   "--client",
                                   way_name(plan->way),
                                   rig->target.path,
                                   live,
                                   plan->is_random ? "random" : "fifo",
                                   NULL};
    const char *const setting[] = {"TT_ALLOC_TRACKING_ENABLED=1", socket,
                                   plan->way == WAY_SOCKET ? "TT_ALLOC_TRANSPORT=socket" : "TT_ALLOC_TRANSPORT=ring",
                                   plan->may_lose ? NULL : "TT_ALLOC_FULL_WAIT_MS=1000", NULL};
    struct child_plan child = {.command = command, .setting = setting, .core = CLIENT_CORE, .heard = STDOUT_FILENO};

    snprintf(socket, sizeof(socket), "TT_ALLOC_SOCKET=%s", rig->target.path);
    snprintf(live, sizeof(live), "%" PRIu64, plan->live);
    child_start(&child, ret);
}

/* A benchmark that silently measures something else is worse than none. */
static void check_way(struct rig *rig)
{
    uint64_t rings;

    if (rig->plan.way != WAY_RING)
        return;
    errno = 0;
    if (target_figure(&rig->target, "rings", &rings) && rings < rig->plan.clients)
        give_up("the clients do not use rings");
}

void rig_up(struct bench *bench, const struct rig_plan *plan, struct rig *ret)
{
    char line[LINE_SIZE];
    int core = plan->one_core || !bench->has_two_cores ? CLIENT_CORE : SERVER_CORE;

    *ret = (struct rig){.plan = *plan};
    if (plan->way != WAY_NONE) {
        target_start(bench, plan->way == WAY_MODEL, core, &ret->target);
        ret->rss_before = proc_rss_bytes(ret->target.child.pid);
    }
    for (unsigned i = 0; i < plan->clients; i++)
        start_client(ret, &ret->clients[i]);
    for (unsigned i = 0; i < plan->clients; i++)
        child_hear(&ret->clients[i], line, sizeof(line));
    check_way(ret);
}

void rig_tell(struct rig *rig, unsigned client, uint64_t reports, enum phase phase)
{
    struct tempo tempo = phase_tempo(phase);

    fprintf(rig->clients[client].in, "%" PRIu64 " %" PRIu64 " %u %d\n", reports, tempo.per_second, tempo.burst,
            tempo.sleeps);
    fflush(rig->clients[client].in);
}

void rig_begin(struct bench *bench, struct rig *rig, enum phase phase)
{
    uint64_t reports = phase_reports(phase, rig->plan.way, bench->options.quick);

    if (phase == PHASE_SATURATED)
        reports /= rig->plan.clients;
    for (unsigned i = 0; i < rig->plan.clients; i++)
        rig_tell(rig, i, reports, phase);
}

void rig_finish(struct rig *rig)
{
    char line[LINE_SIZE];

    for (unsigned i = 0; i < rig->plan.clients; i++) {
        child_hear(&rig->clients[i], line, sizeof(line));
        errno = 0;
        if (!client_read_result(line, &rig->results[i]))
            give_up("a client said '%s'", line);
    }
}

/* All clients taken together. In a saturated phase the slowest and the fastest overlap, so times are averaged. */
static void sum_up(const struct bench *bench, const struct rig *rig, enum phase phase, uint64_t server_cpu,
                   struct outcome *ret)
{
    double loop = bench->loop_ns[rig->plan.is_random][phase], reports = 0, in_calls = 0, others = 0;
    uint64_t began = UINT64_MAX, settled = 0;

    for (unsigned i = 0; i < rig->plan.clients; i++) {
        const struct client_result *result = &rig->results[i];

        reports += (double)result->reports;
        in_calls += (double)result->in_calls - loop * (double)result->reports;
        others += (double)result->cpu_of_others;
        began = began < result->began ? began : result->began;
        settled = settled > result->settled ? settled : result->settled;
    }
    ret->client_ns = in_calls / reports;
    ret->server_ns = (double)server_cpu / reports;
    ret->millions = reports * 1e3 / (double)(settled - began);
    ret->cpu_percent = (in_calls + others + (double)server_cpu) * 100 / (double)(settled - began);
}

void rig_run(struct bench *bench, struct rig *rig, enum phase phase, struct outcome *ret)
{
    pid_t server = rig->target.child.pid;
    uint64_t cpu = 0, sleeps = 0;

    if (server) {
        cpu = proc_cpu_ns(server);
        sleeps = proc_sleeps(server);
    }
    rig_begin(bench, rig, phase);
    rig_finish(rig);
    if (server) {
        cpu = proc_cpu_ns(server) - cpu;
        sleeps = proc_sleeps(server) - sleeps;
    }
    sum_up(bench, rig, phase, cpu, ret);
    ret->wakes = (double)sleeps * 1e6 / (double)(rig->results[0].reports * rig->plan.clients);
}

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

struct account {
    uint64_t sent, told_lost; /* by the clients */
    uint64_t applied, lost, caught_up;
};

static struct account take_account(struct rig *rig)
{
    struct account account = {.applied = target_count(&rig->target, "reports"),
                              .lost = target_count(&rig->target, "lost_reports"),
                              .caught_up = target_count(&rig->target, "caught_up")};

    for (unsigned i = 0; i < rig->plan.clients; i++) {
        account.sent += rig->results[i].sent;
        account.told_lost += rig->results[i].lost;
    }
    return account;
}

static uint64_t astray(const struct account *account)
{
    return distance(account->sent, account->applied + account->lost + account->caught_up) +
           distance(account->told_lost, account->lost);
}

/* What the clients made, against what became of it. A client that lost something tells the server a little later. */
static void settle_accounts(struct bench *bench, struct rig *rig)
{
    uint64_t deadline = clock_now() + PATIENCE;
    struct account account = take_account(rig);

    if (account.sent == 0)
        return; /* nothing was run in it */
    while (astray(&account) > 0 && clock_now() < deadline) {
        clock_sleep_until(clock_now() + NS_PER_S / 100);
        account = take_account(rig);
    }
    bench->reports.sent += account.sent;
    bench->reports.applied += account.applied;
    bench->reports.lost += account.lost;
    bench->reports.caught_up += account.caught_up;
    bench->reports.astray += astray(&account);
}

void rig_down(struct bench *bench, struct rig *rig)
{
    uint64_t longest;

    if (rig->target.connection) {
        settle_accounts(bench, rig);
        /* On a shared core a turn is as long as the others let it be. */
        if (!rig->plan.one_core && bench->has_two_cores && target_figure(&rig->target, "longest_turn_ns", &longest))
            book_add(&bench->book, (double)longest, "server.longest_turn_ns");
    }
    for (unsigned i = 0; i < rig->plan.clients; i++)
        child_end(&rig->clients[i]);
    if (rig->target.child.pid)
        target_stop(&rig->target);
}

void rig_calibrate(struct bench *bench)
{
    for (int is_random = 0; is_random < 2; is_random++) {
        struct rig_plan plan = {.way = WAY_NONE, .live = 1000000, .clients = 1, .is_random = is_random};
        struct outcome outcome;
        struct rig rig;

        rig_up(bench, &plan, &rig);
        for (int phase = 0; phase < PHASES; phase++) {
            bench->loop_ns[is_random][phase] = 0;
            rig_run(bench, &rig, (enum phase)phase, &outcome);
            bench->loop_ns[is_random][phase] = outcome.client_ns;
            book_add(&bench->book, outcome.client_ns, "none.%s.%s.client_ns", is_random ? "random" : "fifo",
                     phase_name((enum phase)phase));
        }
        rig_down(bench, &rig);
    }
}
