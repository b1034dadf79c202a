/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who could be asked, and how much of what there is was told. Sums without this are worth little: two gigabytes on a
 * device may be all that is held, or all that we were told of.
 */

#include "smi/json/rows.h"

#include <errno.h>

static const char *server_state(const struct snapshot *snapshot)
{
    if (!snapshot->path)
        return "not_asked";
    return snapshot->error == 0 ? "up" : "unreachable";
}

json_t *json_server(const struct snapshot *snapshot)
{
    bool is_told = snapshot_is_told(snapshot);

    return json_pack("{s:s, s:o, s:o, s:o}", "state", server_state(snapshot), "path", json_text(snapshot->path),
                     "protocol", json_count_if(is_told, snapshot->protocol_version), "uptime_seconds",
                     json_seconds_if(is_told, snapshot->uptime));
}

static json_t *driver(const struct host_text *version)
{
    const char *state = version->error == 0 ? "loaded" : version->error == -ENOENT ? "not_loaded" : "unknown";

    return json_pack("{s:s, s:o}", "state", state, "version", json_text(version->error == 0 ? version->text : NULL));
}

static size_t count_state(const struct host *host, enum host_totals_state state)
{
    size_t count = 0;

    for (size_t i = 0; i < host->totals_count; i++)
        count += host->totals[i].state == state;
    return count;
}

static size_t count_denied(const struct host *host)
{
    size_t count = 0;

    for (size_t i = 0; i < host->totals_count; i++)
        count += host->totals[i].state == HOST_TOTALS_UNREADABLE && host->totals[i].error == -EACCES;
    return count;
}

/* A host without /dev/shm has none; one that hides it may have any number. */
static bool knows_totals(const struct snapshot *snapshot)
{
    return snapshot->host_error == 0 && (snapshot->host.totals_error == 0 || snapshot->host.totals_count > 0);
}

static json_t *totals(const struct snapshot *snapshot)
{
    const struct host *host = &snapshot->host;
    bool is_known = knows_totals(snapshot);
    size_t denied = count_denied(host), unread = count_state(host, HOST_TOTALS_UNREADABLE) - denied;

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "unavailable",
                     json_reason(host->totals_error), "found", json_count_if(is_known, host->totals_count), "read",
                     json_count_if(is_known, snapshot->coverage.totals_read), "stale",
                     json_count_if(is_known, count_state(host, HOST_TOTALS_STALE)), "denied",
                     json_count_if(is_known, denied), "unsupported",
                     json_count_if(is_known, count_state(host, HOST_TOTALS_UNSUPPORTED)), "truncated",
                     json_count_if(is_known, count_state(host, HOST_TOTALS_TRUNCATED)), "initialising",
                     json_count_if(is_known, count_state(host, HOST_TOTALS_INITIALISING)), "unreadable",
                     json_count_if(is_known, unread), "unplaced", json_totals(NULL, snapshot));
}

json_t *json_sources(const struct snapshot *snapshot)
{
    return json_pack("{s:{s:s}, s:o, s:o, s:{s:s, s:o}}", "server", "state", server_state(snapshot), "driver",
                     driver(&snapshot->host.driver), "totals", totals(snapshot), "host_files", "state",
                     snapshot->host_error == 0 ? "read" : "failed", "error", json_reason(snapshot->host_error));
}

static json_t *told_coverage(const struct snapshot *snapshot)
{
    const struct coverage *all = &snapshot->coverage;
    bool is_told = snapshot_is_told(snapshot);

    return json_pack("{s:o, s:o, s:o, s:o}", "processes_reporting", json_count_if(is_told, all->reporting),
                     "processes_inexact", json_count_if(is_told, all->inexact), "events_dropped",
                     json_count_if(is_told, all->lost), "leaks", json_count_if(is_told, all->leaks));
}

json_t *json_coverage(const struct snapshot *snapshot)
{
    const struct coverage *all = &snapshot->coverage;
    bool has_holders = snapshot_knows_holders(snapshot);

    if (!snapshot_knows_devices(snapshot))
        return json_null();
    return json_merge(told_coverage(snapshot),
                      json_pack("{s:I, s:o, s:o, s:o, s:b}", "devices", json_clamp(all->devices), "processes_shm_only",
                                json_count_if(knows_totals(snapshot), all->shm_only), "processes_untracked",
                                json_count_if(has_holders, all->untracked), "hidden_opens",
                                json_count_if(has_holders, all->hidden), "complete",
                                !snapshot_is_incomplete(snapshot)));
}
