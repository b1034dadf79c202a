/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What ended processes left behind. The summary stands first, because a list of a thousand entries scrolls it away
 * otherwise; each entry then says how much, where, and whose.
 */

#include "smi/sample/users.h"
#include "smi/text/format.h"
#include "smi/views/amounts.h"
#include "smi/views/views.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Whatever is said of amounts, says it of one leak or of all together. */
struct remains {
    char *amounts;
    char *devices;
    uint64_t buffers;
    bool inexact;
};

static struct remains describe(const struct process_row *const *rows, size_t count, const struct filter *filter)
{
    struct remains remains = {
        .amounts = amounts_describe(rows, count, filter, " of "),
        .devices = join_devices(rows, count, filter, true),
    };

    for (size_t i = 0; i < count; i++) {
        remains.buffers = add_saturating(remains.buffers, count_buffers(&rows[i]->facts, filter));
        remains.inexact = remains.inexact || rows[i]->facts.inexact;
    }
    return remains;
}

static int print_remains(FILE *out, const struct style *style, const char *prefix, const struct remains *remains)
{
    if (!remains->amounts || !remains->devices)
        return -ENOMEM;
    return style_line(out, style, TINT_RED, "%s%s%s in %s %s on %s %s", prefix, remains->inexact ? "at most " : "",
                      remains->amounts, format_count(remains->buffers).text,
                      plural(remains->buffers, "buffer", "buffers"), devices_title(remains->devices), remains->devices);
}

static int print_described(FILE *out, const struct style *style, const char *prefix,
                           const struct process_row *const *rows, size_t count, const struct filter *filter)
{
    struct remains remains = describe(rows, count, filter);
    int r = print_remains(out, style, prefix, &remains);

    free(remains.amounts);
    free(remains.devices);
    return r;
}

struct owner_name {
    char text[48];
};

/* As tt-smi forget takes it: with a serial where the PID is not seen, or came twice. */
static struct owner_name name_owner(const struct snapshot *snapshot, const struct tt_alloc_process *process)
{
    struct owner_name name;
    size_t same = 0;

    for (size_t i = 0; i < snapshot->leak_count; i++)
        same += snapshot->leaks[i]->facts.pid == process->pid;
    if (process->pid <= 0)
        snprintf(name.text, sizeof(name.text), "?:%" PRIu64, process->serial);
    else if (same > 1)
        snprintf(name.text, sizeof(name.text), "%d:%" PRIu64, process->pid, process->serial);
    else
        snprintf(name.text, sizeof(name.text), "%d", process->pid);
    return name;
}

static int print_owner(FILE *out, const struct style *style, const struct snapshot *snapshot,
                       const struct tt_alloc_process *process)
{
    const char *user = user_name(process->uid);
    char uid[16];

    snprintf(uid, sizeof(uid), "uid %u", process->uid);
    return style_line(out, style, TINT_NONE, "    owner  pid %s (%s) %s", name_owner(snapshot, process).text,
                      user ? user : uid, process->command);
}

static int print_end(FILE *out, const struct style *style, const struct tt_alloc_process *process, uint64_t now)
{
    uint64_t ago = now > process->end_time ? now - process->end_time : 0;

    return style_line(out, style, TINT_NONE, "    ended  %s, %s ago: %s after %s",
                      format_clock(process->end_time, now).text, format_age(ago).text,
                      process->reason == TT_ALLOC_REASON_HUNG_UP ? "closed its last connection" : "exited",
                      format_age(process->age).text);
}

static int print_leak(FILE *out, const struct snapshot *snapshot, size_t index, const struct filter *filter,
                      const struct style *style)
{
    const struct process_row *row = snapshot->leaks[index];
    char prefix[32];
    int r;

    snprintf(prefix, sizeof(prefix), "[%zu] ", index + 1);
    fputc('\n', out);
    r = print_described(out, style, prefix, &row, 1, filter);
    if (r == 0)
        r = print_owner(out, style, snapshot, &row->facts);
    return r == 0 ? print_end(out, style, &row->facts, snapshot->time) : r;
}

static int print_no_leaks(FILE *out, const struct snapshot *snapshot, const struct style *style)
{
    size_t forgotten = 0;

    if (snapshot->ended_count == 0)
        return style_line(out, style, TINT_NONE, "No leaks: no process has ended.");
    for (size_t i = 0; i < snapshot->ended_count; i++)
        forgotten += snapshot->ended[i]->facts.forgotten;
    return style_line(out, style, TINT_NONE, "No leaks: the last %zu ended %s left nothing%s.", snapshot->ended_count,
                      plural(snapshot->ended_count, "process", "processes"),
                      forgotten ? " but what is forgotten   tt-smi exited" : "");
}

int print_leaks(FILE *out, const struct snapshot *snapshot, const struct filter *filter, const struct style *style)
{
    int r;

    if (snapshot->leak_count == 0)
        return print_no_leaks(out, snapshot, style);
    r = style_line(out, style, TINT_BOLD, "LEAK SUMMARY  %zu of the last %zu ended %s left buffers",
                   snapshot->leak_count, snapshot->ended_count, plural(snapshot->ended_count, "process", "processes"));
    if (r == 0)
        r = print_described(out, style, "  ", snapshot->leaks, snapshot->leak_count, filter);
    for (size_t i = 0; r == 0 && i < snapshot->leak_count; i++)
        r = print_leak(out, snapshot, i, filter, style);
    fputc('\n', out);
    return r == 0 ? style_line(out, style, TINT_NONE, "Known, and done with?   tt-smi forget PID") : r;
}
