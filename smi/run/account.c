/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A process belongs to the run if it says so, if it was seen in the tree, or if the server has no others. Lists are
 * copied as far as they are ours; a process is known by its serial, which is the server's own and never reused by it.
 *
 * A process of our user that names no job, as older clients and those with an environment of their own do, and that
 * came and went between two looks may be ours or not. It is kept until all has been seen, and then counted if that is
 * still unclear.
 */

#include "smi/run/account.h"
#include "smi/run/process.h"
#include "smi/sample/clock.h"
#include "smi/sample/order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FIRST_PAUSE UINT64_C(1000000)
#define LAST_PAUSE UINT64_C(50000000)

static bool is_ours(const struct run_account *account, const struct tt_alloc_process *process)
{
    return account->is_private || process->job == account->job ||
           run_tree_find(account->tree, process->pid, process->start_time, process->end_time) != NULL;
}

/* Of one that has ended. */
static bool may_be_ours(const struct run_account *account, const struct tt_alloc_process *process)
{
    return process->job == 0 && process->uid == getuid() && process->serial > account->known_before &&
           (process->start_time == 0 || process->start_time + SECOND > account->began); /* clocks may be set between */
}

/* Another instance of the server has nothing of what the last one knew, and numbers anew. */
static void meet_server(struct run_account *account)
{
    struct tt_alloc_server server;

    tt_alloc_get_server(account->connection, &server);
    if (account->was_answered && server.process_id == account->server_pid &&
        (server.start_time > account->server_start ? server.start_time - account->server_start
                                                   : account->server_start - server.start_time) < SECOND)
        return;
    if (account->was_answered) {
        account->was_restarted = true;
        account->known_before = 0;
    }
    account->server_pid = server.process_id;
    account->server_start = server.start_time;
    account->ended = 0;
    account->listed_count = 0;
}

static int connect_if_need_be(struct run_account *account)
{
    int r = account->connection ? 0 : tt_alloc_connect(account->path, &account->connection);

    if (r == 0)
        meet_server(account);
    return r;
}

static int ask_counts(struct run_account *account, uint64_t *ret_ended)
{
    struct tt_alloc_list *figures;
    const struct tt_alloc_figure *figure;
    int r = tt_alloc_list_figures(account->connection, &figures);

    if (r < 0)
        return r;
    for (size_t i = 0; (figure = tt_alloc_list_figure(figures, i)); i++) {
        if (strcmp(figure->name, "processes_ended") == 0)
            *ret_ended = figure->value;
        else if (strcmp(figure->name, "device_peak_resets") == 0)
            account->resets = figure->value;
    }
    tt_alloc_list_free(figures);
    return 0;
}

static int compare_serials(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return COMPARE(left, right);
}

static size_t count_new(const struct run_account *account, const uint64_t *serials, size_t count)
{
    size_t fresh = 0;

    for (size_t i = 0; i < count; i++)
        fresh += !bsearch(&serials[i], account->listed, account->listed_count, sizeof(serials[0]), compare_serials);
    return fresh;
}

/* Whether all that have ended since the last look were still in the list. It may have more than were counted before it
 * was asked for. */
static int check_list(struct run_account *account, const struct tt_alloc_list *list, uint64_t ended)
{
    size_t count = tt_alloc_list_count(list);
    uint64_t *serials = calloc(count + 1, sizeof(serials[0])), counted = account->ended;

    if (!serials)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        serials[i] = tt_alloc_list_process(list, i)->serial;
    qsort(serials, count, sizeof(serials[0]), compare_serials);
    if (account->was_answered)
        counted += count_new(account, serials, count);
    account->has_dropped = account->has_dropped || (account->was_answered && counted < ended);
    account->ended = counted > ended ? counted : ended;
    free(account->listed);
    account->listed = serials;
    account->listed_count = count;
    return 0;
}

static int copy_ours(struct run_account *account, const struct tt_alloc_list *list, bool has_ended)
{
    const struct tt_alloc_process *process;
    int r = 0;

    for (size_t i = 0; r == 0 && (process = tt_alloc_list_process(list, i)); i++) {
        if (is_ours(account, process) || (has_ended && may_be_ours(account, process)))
            r = run_process_keep(&account->processes, &account->count, process, has_ended);
    }
    return r;
}

static int collect_ended(struct run_account *account)
{
    struct tt_alloc_list *list;
    uint64_t ended = account->ended;
    int r = ask_counts(account, &ended);

    if (r < 0 || (account->was_answered && ended == account->ended))
        return r;
    r = tt_alloc_list_ended(account->connection, NULL, &list);
    if (r < 0)
        return r;
    r = check_list(account, list, ended);
    if (r == 0)
        r = copy_ours(account, list, true);
    tt_alloc_list_free(list);
    return r;
}

/* Our own lack of memory is the run's end; whatever else failed is only remembered. */
static int conclude(struct run_account *account, int r)
{
    account->error = r;
    if (r == 0)
        account->was_answered = true;
    else
        account->connection = tt_alloc_disconnect(account->connection);
    account->is_hung = account->is_hung || r == -ETIMEDOUT;
    return r == -ENOMEM ? r : 0;
}

int run_account_collect(struct run_account *account)
{
    int r;

    if (account->is_hung)
        return 0;
    r = connect_if_need_be(account);
    if (r == 0)
        r = collect_ended(account);
    return conclude(account, r);
}

static int ask_highest(struct run_account *account)
{
    struct tt_alloc_list *live;
    const struct tt_alloc_process *process;
    int r = tt_alloc_list_processes(account->connection, NULL, &live);

    if (r < 0)
        return r;
    for (size_t i = 0; (process = tt_alloc_list_process(live, i)); i++)
        account->known_before = process->serial > account->known_before ? process->serial : account->known_before;
    tt_alloc_list_free(live);
    if (account->listed_count > 0 && account->listed[account->listed_count - 1] > account->known_before)
        account->known_before = account->listed[account->listed_count - 1];
    return 0;
}

void run_account_begin(struct run_account *account)
{
    account->known_before = UINT64_MAX; /* who has ended by now is none of ours */
    account->began = clock_read(CLOCK_REALTIME);
    if (account->error == 0)
        run_account_collect(account);
    account->known_before = 0;
    if (account->error == 0)
        conclude(account, ask_highest(account));
}

struct tree_process *run_account_find(const struct run_account *account, const struct tt_alloc_process *facts)
{
    struct tree_process *seen = run_tree_find(account->tree, facts->pid, facts->start_time, facts->end_time);

    return seen || facts->label_pid == 0
               ? seen
               : run_tree_find(account->tree, facts->label_pid, facts->start_time, facts->end_time);
}

static bool is_there(const struct run_account *account, const struct tt_alloc_process *process)
{
    const struct tree_process *seen = run_account_find(account, process);

    return seen && seen->is_there;
}

/* Whether the server takes somebody for alive who is not there any more, as far as can be seen from here. */
static bool is_behind(const struct run_account *account, const struct tt_alloc_list *live)
{
    const struct tt_alloc_process *process;

    for (size_t i = 0; (process = tt_alloc_list_process(live, i)); i++) {
        if (is_ours(account, process) && !is_there(account, process))
            return true;
    }
    return false;
}

/* Living first: who ends in between is then in both lists, and counts as ended. */
static int take_all(struct run_account *account, bool *ret_is_behind)
{
    struct tt_alloc_list *live = NULL;
    int r = connect_if_need_be(account);

    if (r == 0)
        r = tt_alloc_list_processes(account->connection, NULL, &live);
    if (r == 0) {
        *ret_is_behind = is_behind(account, live);
        r = copy_ours(account, live, false);
    }
    if (r == 0)
        r = collect_ended(account);
    if (live)
        tt_alloc_list_free(live);
    return conclude(account, r);
}

static void pause_for(uint64_t ns)
{
    struct timespec length = {.tv_nsec = (long)ns};

    nanosleep(&length, NULL);
}

/* Twice at least: what had arrived when it read our first question, it has taken in when it answers the second. */
static int settle(struct run_account *account, uint64_t limit)
{
    uint64_t deadline = clock_read(CLOCK_MONOTONIC) + limit, pause = FIRST_PAUSE;
    bool is_behind = true;
    int r = 0;

    account->connection = tt_alloc_disconnect(account->connection);
    account->is_hung = false;
    for (unsigned turn = 0; r == 0 && (turn < 2 || is_behind || account->error != 0); turn++) {
        r = take_all(account, &is_behind);
        if (clock_read(CLOCK_MONOTONIC) > deadline)
            break;
        pause_for(pause);
        pause = 2 * pause < LAST_PAUSE ? 2 * pause : LAST_PAUSE;
    }
    return r;
}

/* Now all that can be seen has been seen. */
static void take_out_unclear(struct run_account *account)
{
    size_t kept = 0;

    for (size_t i = 0; i < account->count; i++) {
        struct run_process *process = &account->processes[i];
        bool ours = is_ours(account, &process->facts);
        struct tree_process *seen = ours ? run_account_find(account, &process->facts) : NULL;

        if (seen)
            seen->reports = true;
        if (ours)
            account->processes[kept++] = *process;
        else
            run_process_drop(process);
    }
    account->unclear = account->count - kept;
    account->count = kept;
}

int run_account_finish(struct run_account *account, uint64_t limit)
{
    int r = settle(account, limit);

    take_out_unclear(account);
    if (r == 0 && account->is_private && account->connection)
        account->error = tt_alloc_list_devices(account->connection, NULL, &account->devices);
    return account->error == -ENOMEM ? -ENOMEM : r;
}

void run_account_clear(struct run_account *account)
{
    run_processes_clear(account->processes, account->count);
    free(account->listed);
    if (account->devices)
        tt_alloc_list_free(account->devices);
    tt_alloc_disconnect(account->connection);
    *account = (struct run_account){0};
}
