/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The lines below the default view: what the figures above them do not say, why, and what to do about it. Each is one
 * sentence and one command. Where all is well there is none.
 */

#include "smi/sample/problem.h"
#include "smi/text/format.h"
#include "smi/views/amounts.h"
#include "smi/views/views.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct remarks {
    FILE *out;
    const struct snapshot *snapshot;
    const struct filter *filter;
    const struct style *style;
    bool began;
};

/* One sentence and the next command, on a line of its own where both do not fit on one. */
static int put(struct remarks *remarks, enum tint tint, const char *sentence, const char *command)
{
    size_t length = strlen(sentence) + 3 + strlen(command), width = remarks->style->width;
    int r;

    if (!remarks->began)
        fputc('\n', remarks->out);
    remarks->began = true;
    if (width == 0 || length <= width)
        return style_line(remarks->out, remarks->style, tint, "%s   %s", sentence, command);
    r = style_line(remarks->out, remarks->style, tint, "%s", sentence);
    return r < 0 ? r : style_line(remarks->out, remarks->style, tint, "  %s", command);
}

__attribute__((format(printf, 4, 5))) static int remark(struct remarks *remarks, enum tint tint, const char *command,
                                                        const char *format, ...)
{
    char *sentence;
    va_list arguments;
    int length, r;

    va_start(arguments, format);
    length = vasprintf(&sentence, format, arguments);
    va_end(arguments);
    if (length < 0)
        return -ENOMEM;
    r = put(remarks, tint, sentence, command);
    free(sentence);
    return r;
}

static int say_leaks(struct remarks *remarks)
{
    const struct snapshot *snapshot = remarks->snapshot;
    char *amounts, *devices;
    int r = -ENOMEM;

    if (snapshot->leak_count == 0)
        return 0;
    amounts = amounts_describe(snapshot->leaks, snapshot->leak_count, remarks->filter, " of ");
    devices = join_devices(snapshot->leaks, snapshot->leak_count, remarks->filter, true);
    if (amounts && devices)
        r = remark(remarks, TINT_RED, "tt-smi leaks", "! %s on %s %s belonged to %s.", amounts, devices_title(devices),
                   devices, plural(snapshot->leak_count, "a process that ended", "processes that ended"));
    free(amounts);
    free(devices);
    return r;
}

static int say_untracked(struct remarks *remarks)
{
    size_t untracked = remarks->snapshot->coverage.untracked;

    if (untracked == 0)
        return 0;
    return remark(remarks, TINT_YELLOW, "start with TT_ALLOC_TRACKING_ENABLED=1",
                  "! %zu %s open and nothing tells of %s memory.", untracked,
                  plural(untracked, "process has a device", "processes have devices"),
                  plural(untracked, "its", "their"));
}

static int say_partial(struct remarks *remarks)
{
    size_t partial = remarks->snapshot->coverage.partial;

    if (partial == 0)
        return 0;
    return remark(remarks, TINT_YELLOW, "start with TT_ALLOC_TRACKING_ENABLED=1",
                  "! Of %zu %s tt-metal's totals do not tell all: a counter ran below zero.", partial,
                  plural(partial, "process", "processes"));
}

static int say_hidden(struct remarks *remarks)
{
    unsigned hidden = remarks->snapshot->coverage.hidden;

    if (hidden == 0)
        return 0;
    return remark(remarks, TINT_YELLOW, "run tt-smi on the host itself",
                  "! Devices are open %u more %s in PID namespaces that cannot be seen from here.", hidden,
                  plural(hidden, "time", "times"));
}

static size_t count_totals(const struct host *host, enum host_totals_state state, bool is_denied)
{
    size_t count = 0;

    for (size_t i = 0; i < host->totals_count; i++)
        count += host->totals[i].state == state && (host->totals[i].error == -EACCES) == is_denied;
    return count;
}

static int say_totals_unread(struct remarks *remarks)
{
    const struct host *host = &remarks->snapshot->host;
    size_t denied = count_totals(host, HOST_TOTALS_UNREADABLE, true);
    size_t unread = remarks->snapshot->coverage.totals - remarks->snapshot->coverage.totals_read - denied;
    int r = 0;

    if (denied > 0)
        r = remark(remarks, TINT_YELLOW, "sudo tt-smi", "! %zu of %zu memory totals of tt-metal %s closed to you.",
                   denied, host->totals_count, plural(denied, "is", "are"));
    if (r == 0 && unread > 0)
        r = remark(remarks, TINT_YELLOW, "tt-smi doctor", "! %zu of %zu memory totals of tt-metal cannot be read.",
                   unread, host->totals_count);
    if (r == 0 && host->totals_error != 0 && host->totals_error != -ENOENT)
        r = remark(remarks, TINT_YELLOW, "tt-smi doctor", "! Some memory totals of tt-metal could not be looked for.");
    return r;
}

/* Whether a file has no slot left. Then what is held in none may as well be of those who came later. */
static bool is_full(const struct host *host)
{
    for (size_t i = 0; i < host->totals_count; i++) {
        if (host->totals[i].slot_count == HOST_SLOTS_MAX)
            return true;
    }
    return false;
}

static int say_phantom(struct remarks *remarks, const struct process_row *phantom)
{
    char *amounts = amounts_describe(&phantom, 1, remarks->filter, " of ");
    char *devices = join_devices(&phantom, 1, remarks->filter, true);
    int r = -ENOMEM;

    if (amounts && devices)
        r = amounts[0] == '\0'
                ? 0
                : remark(remarks, TINT_YELLOW, "tt-smi doctor", "! %s on %s %s are phantom%s tt-metal's totals.",
                         amounts, devices_title(devices), devices,
                         is_full(&remarks->snapshot->host) ? " or past the 64 slots of" : " in");
    free(amounts);
    free(devices);
    return r;
}

/* All of it as if one process had it. */
static int say_phantoms(struct remarks *remarks)
{
    const struct snapshot *snapshot = remarks->snapshot;
    struct process_row row = {.made = calloc(snapshot->host.totals_count * USAGE_MAX + 1, sizeof(*row.made))};
    int r;

    if (!row.made)
        return -ENOMEM;
    for (size_t i = 0; i < snapshot->host.totals_count; i++) {
        struct made_usage phantom = {0};

        made_usage_add_phantom(&phantom, snapshot->merged.totals[i], &snapshot->host.totals[i]);
        memcpy(row.made + row.facts.usage_count, phantom.list, phantom.count * sizeof(*row.made));
        row.facts.usage_count += phantom.count;
    }
    row.facts.usage = row.made;
    r = say_phantom(remarks, &row);
    free(row.made);
    return r;
}

static int say_no_devices(struct remarks *remarks)
{
    const struct host *host = &remarks->snapshot->host;

    if (remarks->snapshot->coverage.devices > 0)
        return 0;
    if (host->driver.error == -ENOENT)
        return remark(remarks, TINT_YELLOW, "sudo modprobe tenstorrent",
                      "! The driver of Tenstorrent devices is not loaded.");
    if (host->driver.error == 0)
        return remark(remarks, TINT_YELLOW, "lspci -d 1e52:", "! The driver found no Tenstorrent device.");
    return 0;
}

int print_remarks(FILE *out, const struct snapshot *snapshot, const struct filter *filter, const struct style *style)
{
    static int (*const all[])(struct remarks *) = {
        say_leaks, say_untracked, say_partial, say_hidden, say_totals_unread, say_phantoms, say_no_devices,
    };
    struct remarks remarks = {out, snapshot, filter, style, false};
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof(all) / sizeof(all[0]); i++)
        r = all[i](&remarks);
    return r;
}
