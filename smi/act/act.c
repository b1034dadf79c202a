/* SPDX-License-Identifier: Apache-2.0 */

/* Steps from options, the questions, and the exit code, which is that of the first step that failed. */

#include "smi/act/act.h"
#include "smi/json/act.h"
#include "smi/sample/problem.h"
#include "smi/text/terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EVERYBODY (-1) /* as tt_alloc_reset_peaks() has it */

static int fail(int error)
{
    fprintf(stderr, "tt-smi: cannot ask the server: %s\n", strerror(-error));
    return EXIT_USAGE;
}

/* ---- What is to be done ---- */

static bool uses_device(const struct process_row *row, int32_t device)
{
    for (size_t i = 0; i < row->facts.usage_count; i++) {
        if (row->facts.usage[i].device == device)
            return true;
    }
    return false;
}

static void count_affected(const struct snapshot *snapshot, struct act_step *step)
{
    bool all = step->all_devices;

    for (size_t i = 0; i < snapshot->device_count; i++)
        step->devices += snapshot->devices[i]->is_told && (all || snapshot->devices[i]->facts.device == step->device);
    for (size_t i = 0; i < snapshot->process_count; i++) {
        const struct process_row *row = snapshot->processes[i];

        step->processes += row->tracking == TRACKING_REPORTING && (all || uses_device(row, step->device)) &&
                           (step->pid == 0 || row->facts.pid == step->pid);
    }
}

static void plan_peaks(const struct options *options, struct act *act)
{
    const struct filter *filter = &options->filter;

    act->step_count = filter->device_count ? filter->device_count : 1;
    for (size_t i = 0; i < act->step_count; i++) {
        struct act_step *step = &act->steps[i];

        step->all_devices = filter->device_count == 0;
        step->device = step->all_devices ? TT_ALLOC_ALL_DEVICES : filter->devices[i];
        step->pid = filter->pid;
        count_affected(&act->snapshot, step);
    }
}

static void plan_forget(const struct options *options, struct act *act)
{
    act->step_count = options->act.all ? 1 : options->act.leak_count;
    for (size_t i = 0; i < options->act.leak_count; i++) {
        act->steps[i].pid = options->act.leaks[i].pid;
        act->steps[i].serial = options->act.leaks[i].serial;
    }
}

static int plan(const struct options *options, struct act *act)
{
    size_t most = options->filter.device_count + options->act.leak_count + 1;

    act->steps = calloc(most, sizeof(*act->steps));
    if (!act->steps)
        return -ENOMEM;
    if (act->view == VIEW_RESET_PEAKS)
        plan_peaks(options, act);
    else
        plan_forget(options, act);
    return 0;
}

/* ---- Doing it ---- */

/* An older server says nothing of a device that it does not know, and chips that it cannot know have numbers that mean
 * something else to it. */
static int reset_peaks(struct tt_alloc_connection *connection, const struct act_step *step)
{
    if (!step->all_devices && step->devices == 0)
        return -ENODEV;
    return tt_alloc_reset_peaks(connection, step->device, step->pid ? step->pid : EVERYBODY);
}

static int forget(struct tt_alloc_connection *connection, struct act_step *step)
{
    struct tt_alloc_forgotten forgotten;
    int r = tt_alloc_forget(connection, step->pid, step->serial, &forgotten);

    if (r == 0) {
        step->forgotten = forgotten.leaks;
        step->others = forgotten.others;
    }
    return r;
}

static void perform(struct tt_alloc_connection *connection, struct act *act)
{
    for (size_t i = 0; i < act->step_count; i++) {
        struct act_step *step = &act->steps[i];

        step->error = act->view == VIEW_RESET_PEAKS ? reset_peaks(connection, step) : forget(connection, step);
    }
}

/* ---- Saying so ---- */

static int step_exit_code(const struct act_step *step)
{
    switch (step->error) {
    case 0:
        return step->others ? EXIT_NOT_PERMITTED : EXIT_FINE;
    case -ESRCH:
    case -ENODEV:
        return EXIT_NOT_FOUND;
    case -EOPNOTSUPP:
        return EXIT_PROTOCOL;
    default:
        return problem_exit_code(step->error);
    }
}

int act_exit_code(const struct act *act)
{
    for (size_t i = 0; i < act->step_count; i++) {
        int code = step_exit_code(&act->steps[i]);

        if (code != EXIT_FINE)
            return code;
    }
    return EXIT_FINE;
}

static int finish(const struct options *options, const struct act *act)
{
    int r = 0;

    if (options->json)
        r = json_print_act(stdout, act, terminal_is_stdout());
    else
        act_print(stdout, act);
    if (r < 0)
        return fail(r);
    fflush(stdout);
    act_report(act);
    if (act->snapshot.error == 0)
        return act_exit_code(act);
    problem_report(act->snapshot.error, act->snapshot.path);
    return problem_exit_code(act->snapshot.error);
}

int act_run(const struct options *options)
{
    struct act act = {.view = options->view};
    const char *path = snapshot_path(options->socket, NULL);
    struct tt_alloc_connection *connection = NULL;
    int error = tt_alloc_connect(path, &connection);
    int r = snapshot_take(connection, path, error, NULL, 0, &act.snapshot);

    if (r == 0 && act.snapshot.error == 0)
        r = plan(options, &act);
    perform(connection, &act);
    r = r < 0 ? fail(r) : finish(options, &act);
    tt_alloc_disconnect(connection);
    free(act.steps);
    snapshot_clear(&act.snapshot);
    return r;
}
