/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Checks of the totals that tt-metal keeps in /dev/shm. A file that a dead process left goes on counting what it held;
 * it may be removed once no process of tt-metal runs, since the next one makes it anew.
 */

#include "smi/doctor/doctor.h"
#include "smi/text/format.h"
#include "smi/views/amounts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OLDEST_LAYOUT 2 /* of tt-metal, that is read */
#define NAMES_MAX 4     /* that a line tells */

/* "rm PATH" for when it is safe; NULL when out of memory. */
static char *compose_remedy(const struct host_totals *totals)
{
    char *text;

    return asprintf(&text, "once no tt-metal process runs: rm %s", totals->path) < 0 ? NULL : text;
}

static void add_with_remedy(struct report *report, const struct host_totals *totals, const char *what)
{
    char *remedy = compose_remedy(totals);

    report_add(report, FINDING_WARNING, remedy, "%s %s", totals->path, what);
    free(remedy);
}

static void check_unreadable(const struct host_totals *totals, struct report *report)
{
    if (totals->error == -EACCES)
        report_add(report, FINDING_WARNING, "sudo tt-smi doctor", "denied: %s is another user's and closed to you",
                   totals->path);
    else
        report_add(report, FINDING_WARNING, NULL, "%s cannot be read: %s", totals->path, strerror(-totals->error));
}

/* ---- What stands for processes that are gone ---- */

static bool is_dead(const struct host_slot *slot)
{
    return slot->state == HOST_SLOT_GONE || slot->state == HOST_SLOT_REUSED;
}

static size_t count_dead(const struct host_totals *totals)
{
    size_t count = 0;

    for (size_t i = 0; i < totals->slot_count; i++)
        count += is_dead(&totals->slots[i]);
    return count;
}

/* "pid 4811 (python3), pid 4812 (pytest) and 2 more" */
static void write_dead(FILE *out, const struct host_totals *totals)
{
    size_t count = count_dead(totals), told = 0;

    for (size_t i = 0; i < totals->slot_count && told < NAMES_MAX; i++) {
        const struct host_slot *slot = &totals->slots[i];

        if (is_dead(slot))
            fprintf(out, "%spid %d (%s)", told++ > 0 ? ", " : "", slot->inner_pid, slot->comm);
    }
    if (count > told)
        fprintf(out, " and %zu more", count - told);
}

/* tt-metal's CB figure is no sum, so what is left of it means nothing. */
static char *describe_phantom(const struct host_totals *totals)
{
    const struct filter all = {.region = -1};
    struct made_usage made = {0};
    struct process_row row = {0};
    const struct process_row *rows = &row;

    made_usage_add_phantom(&made, 0, totals);
    row.facts.usage = made.list;
    row.facts.usage_count = made.count;
    return amounts_describe(&rows, 1, &all, " of ");
}

/* NULL when out of memory. */
static char *describe_dead(const struct host_totals *totals)
{
    char *amounts = describe_phantom(totals), *text = NULL;
    size_t size;
    FILE *out = amounts ? open_memstream(&text, &size) : NULL;

    if (out) {
        fprintf(out, "phantom: counts %s for ", amounts);
        if (count_dead(totals) > 0)
            write_dead(out, totals);
        else
            fputs("nobody", out);
        fputs(count_dead(totals) > 1 ? ", which are gone" : count_dead(totals) > 0 ? ", which is gone" : "", out);
        if (fclose(out) != 0) {
            free(text);
            text = NULL;
        }
    }
    free(amounts);
    return text;
}

/* Where all slots are taken, what is held beyond them may well be of live processes. */
static bool has_phantom(const struct host_totals *totals)
{
    if (totals->slot_count >= HOST_SLOTS_MAX && count_dead(totals) == 0)
        return false;
    for (enum host_memory memory = 0; memory < HOST_CB; memory++) {
        if (totals->phantom[memory].known && totals->phantom[memory].bytes > 0)
            return true;
    }
    return false;
}

static void check_phantom(const struct host_totals *totals, struct report *report)
{
    char *what = has_phantom(totals) ? describe_dead(totals) : NULL;

    if (what)
        add_with_remedy(report, totals, what);
    else if (has_phantom(totals))
        report->failed = true;
    free(what);
}

static void check_stale(const struct host_totals *totals, struct report *report)
{
    char *remedy = compose_remedy(totals);

    report_add(report, FINDING_WARNING, remedy, "%s stale: counts %u %s, but nobody who uses it is alive", totals->path,
               totals->references, plural(totals->references, "reference", "references"));
    free(remedy);
    check_phantom(totals, report);
}

static void check_file(const struct host_totals *totals, struct report *report)
{
    switch (totals->state) {
    case HOST_TOTALS_OK:
        check_phantom(totals, report);
        break;
    case HOST_TOTALS_STALE:
        check_stale(totals, report);
        break;
    case HOST_TOTALS_INITIALISING:
        add_with_remedy(report, totals, "initialising: its writer has not finished it");
        break;
    case HOST_TOTALS_TRUNCATED:
        add_with_remedy(report, totals, "truncated: it is shorter than its layout");
        break;
    case HOST_TOTALS_UNSUPPORTED:
        report_add(report, FINDING_WARNING, totals->version < OLDEST_LAYOUT ? "update tt-metal" : "update tt-alloc",
                   "unsupported version %u at %s", totals->version, totals->path);
        break;
    case HOST_TOTALS_UNREADABLE:
        check_unreadable(totals, report);
        break;
    }
}

/* Of the host's directory, or of a container's. */
static void check_directories(int error, struct report *report)
{
    if (error == -EOVERFLOW)
        report_add(report, FINDING_WARNING, "look what fills it: ls /dev/shm | wc -l",
                   "a /dev/shm holds more files than are looked at: some totals may be missing");
    else if (error != 0 && error != -ENOENT)
        report_add(report, FINDING_WARNING, "ls -ld /dev/shm",
                   "/dev/shm cannot be read, the host's or a container's: %s", strerror(-error));
}

void check_totals(const struct doctor_facts *facts, struct report *report)
{
    const struct host *host = &facts->snapshot->host;

    check_directories(host->totals_error, report);
    for (size_t i = 0; i < host->totals_count; i++)
        check_file(&host->totals[i], report);
    if (report_has_any(report))
        return;
    if (host->totals_count == 0)
        report_add(report, FINDING_OK, NULL, "tt-metal keeps none here");
    else
        report_add(report, FINDING_OK, NULL, "%zu %s of tt-metal's, read and sound", host->totals_count,
                   plural(host->totals_count, "file", "files"));
}
