/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Peaks are one line, because one thing was done; of leaks each that was named has one. What could not be done is told
 * on stderr, with what to do next.
 */

#include "smi/act/act.h"
#include "smi/sample/problem.h"
#include "smi/text/format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ALLOWED "root, the server's user and the group tt-alloc"

static void put_count(FILE *out, size_t count, const char *one, const char *many)
{
    fprintf(out, "%s %s", format_count(count).text, plural(count, one, many));
}

/* As it was given: "4711:12". */
struct leak_label {
    char text[48];
};

static struct leak_label leak_label(const struct act_step *step)
{
    struct leak_label label;
    char pid[16] = "?";

    if (step->pid)
        snprintf(pid, sizeof(pid), "%d", (int)step->pid);
    if (step->serial)
        snprintf(label.text, sizeof(label.text), "%s:%" PRIu64, pid, step->serial);
    else
        snprintf(label.text, sizeof(label.text), "%s", pid);
    return label;
}

/* ---- Peaks ---- */

static void put_device(FILE *out, const struct act_step *step)
{
    if (step->all_devices)
        put_count(out, step->devices, "device", "devices");
    else
        fprintf(out, "device %s", device_label(step->device).text);
}

static void put_reset(FILE *out, const struct act_step *step)
{
    if (step->pid) {
        fprintf(out, "process %d", (int)step->pid);
        if (!step->all_devices)
            fprintf(out, " on device %s", device_label(step->device).text);
        return;
    }
    put_device(out, step);
    fputs(" and ", out);
    put_count(out, step->processes, "process", "processes");
    if (!step->all_devices)
        fputs(" there", out);
}

static void put_all_reset(FILE *out, const struct act *act)
{
    const char *before = "Peaks start again from what is live: ";

    for (size_t i = 0; i < act->step_count; i++) {
        if (act->steps[i].error != 0)
            continue;
        fputs(before, out);
        put_reset(out, &act->steps[i]);
        before = "; ";
    }
    if (before[0] == ';')
        fputc('\n', out);
}

static void report_reset(const struct act *act, const struct act_step *step)
{
    struct device_label device = device_label(step->device);

    switch (step->error) {
    case -ESRCH:
        fprintf(stderr, "tt-smi: process %d does not report   tt-smi lists those that do\n", (int)step->pid);
        return;
    case -ENODEV:
        if (step->pid && step->devices > 0)
            fprintf(stderr, "tt-smi: process %d reported nothing on device %s   tt-smi -p %d\n", (int)step->pid,
                    device.text, (int)step->pid);
        else
            fprintf(stderr, "tt-smi: nothing was reported on device %s   tt-smi lists the devices\n", device.text);
        return;
    case -EPERM:
        fprintf(stderr,
                "tt-smi: %s are reset only for " ALLOWED "   of a process of yours: tt-smi reset-peaks -p PID\n",
                step->pid ? "peaks of other users' processes" : "peaks of devices and of all processes");
        return;
    default:
        problem_report(step->error, act->snapshot.path);
    }
}

/* ---- Leaks ---- */

static void put_forgotten(FILE *out, const struct act_step *step)
{
    bool is_one = step->pid || step->serial;

    if (step->forgotten == 0 && step->others == 0) {
        fputs("No leaks: there is nothing to forget.\n", out);
        return;
    }
    put_count(out, step->forgotten, "leak", "leaks");
    fprintf(out, "%s%s forgotten\n", is_one ? " of process " : "", is_one ? leak_label(step).text : "");
}

static void report_standing(const struct act_step *step)
{
    if (step->error == -EPERM && (step->pid || step->serial))
        fprintf(stderr, "tt-smi: what process %s left is another user's   only " ALLOWED " may have it forgotten\n",
                leak_label(step).text);
    else if (step->error == -EPERM)
        fputs("tt-smi: all leaks are other users'   only " ALLOWED " may have them forgotten\n", stderr);
    else
        fprintf(stderr, "tt-smi: %s more %s another user's   only " ALLOWED " may have them forgotten\n",
                format_count(step->others).text, plural(step->others, "is", "are"));
}

static void report_forget(const struct act *act, const struct act_step *step)
{
    if (step->error == -EPERM || step->error == 0)
        report_standing(step);
    else if (step->error == -ESRCH)
        fprintf(stderr, "tt-smi: no leak of process %s is known   tt-smi leaks lists them\n", leak_label(step).text);
    else if (step->error == -EOPNOTSUPP)
        fputs("tt-smi: the server cannot forget leaks, it is an older one   install this version's and restart it\n",
              stderr);
    else
        problem_report(step->error, act->snapshot.path);
}

/* ---- Both ---- */

void act_print(FILE *out, const struct act *act)
{
    for (size_t i = 0; act->view == VIEW_FORGET && i < act->step_count; i++) {
        if (act->steps[i].error == 0)
            put_forgotten(out, &act->steps[i]);
    }
    if (act->view == VIEW_RESET_PEAKS)
        put_all_reset(out, act);
}

void act_report(const struct act *act)
{
    for (size_t i = 0; i < act->step_count; i++) {
        const struct act_step *step = &act->steps[i];

        if (step->error == 0 && step->others == 0)
            continue;
        if (act->view == VIEW_RESET_PEAKS)
            report_reset(act, step);
        else
            report_forget(act, step);
    }
}
