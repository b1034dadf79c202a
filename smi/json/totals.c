/* SPDX-License-Identifier: Apache-2.0 */

/*
 * tt-metal's own totals, as they stand in its files: beside what the server says, never instead of it. Where the
 * figures of a file cannot be had, its path and state are still told.
 */

#include "smi/json/rows.h"

static const char *const state_names[] = {
    [HOST_TOTALS_OK] = "ok",
    [HOST_TOTALS_STALE] = "stale",
    [HOST_TOTALS_INITIALISING] = "initialising",
    [HOST_TOTALS_TRUNCATED] = "truncated",
    [HOST_TOTALS_UNSUPPORTED] = "unsupported",
    [HOST_TOTALS_UNREADABLE] = "unreadable",
};

static const char *const join_names[] = {
    [HOST_JOIN_NONE] = "none",
    [HOST_JOIN_ID] = "id",
    [HOST_JOIN_PROCESS] = "process",
    [HOST_JOIN_LOCK] = "lock",
};

static const char *const slot_names[] = {
    [HOST_SLOT_LIVE] = "live",
    [HOST_SLOT_GONE] = "gone",
    [HOST_SLOT_REUSED] = "reused",
    [HOST_SLOT_UNVERIFIED] = "unverified",
};

static bool has_figures(const struct host_totals *totals)
{
    return totals->state == HOST_TOTALS_OK || totals->state == HOST_TOTALS_STALE;
}

static const char *memory_name(enum host_memory memory)
{
    return regions[region_of_memory(memory)].name;
}

/* A CB figure is no sum over processes, so that it has no rest either. */
static json_t *memory(const struct host_totals *totals, enum host_memory memory)
{
    struct host_amount phantom = memory == HOST_CB ? (struct host_amount){0} : totals->phantom[memory];

    return json_pack("{s:o, s:o, s:o}", "held_bytes", json_amount(totals->held[memory]), "live_bytes",
                     json_amount(totals->live[memory]), "phantom_bytes", json_amount(phantom));
}

static json_t *memories(const struct host_totals *totals)
{
    json_t *object = json_object();

    for (enum host_memory i = 0; object && i < HOST_MEMORIES; i++)
        object = json_merge(object, json_pack("{s:o}", memory_name(i), memory(totals, i)));
    return object;
}

static json_t *slot_held(const struct host_slot *slot)
{
    json_t *object = json_object();

    for (enum host_memory i = 0; object && i < HOST_MEMORIES; i++)
        object = json_merge(object, json_pack("{s:o}", memory_name(i), json_amount(slot->held[i])));
    return object;
}

static json_t *slots(const struct host_totals *totals)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < totals->slot_count; i++) {
        const struct host_slot *slot = &totals->slots[i];

        list = json_append(list, json_pack("{s:i, s:o, s:s, s:o, s:o, s:o}", "inner_pid", slot->inner_pid, "pid",
                                           json_count_if(slot->pid > 0, (uint64_t)slot->pid), "state",
                                           slot_names[slot->state], "comm", json_text(slot->comm), "last_update",
                                           json_moment(slot->last_update), "held_bytes", slot_held(slot)));
    }
    return list;
}

static json_t *contents(const struct host_totals *totals)
{
    if (!has_figures(totals))
        return json_pack("{s:n, s:n, s:n, s:n}", "references", "last_update", "memories", "slots");
    return json_pack("{s:I, s:o, s:o, s:o}", "references", (json_int_t)totals->references, "last_update",
                     json_moment(totals->last_update), "memories", memories(totals), "slots", slots(totals));
}

static json_t *file(const struct host_totals *totals)
{
    bool has_version = has_figures(totals) || totals->state == HOST_TOTALS_UNSUPPORTED;
    bool is_unreadable = totals->state == HOST_TOTALS_UNREADABLE;
    json_t *object =
        json_pack("{s:o, s:o, s:s, s:o, s:o, s:s}", "id", json_identifier(totals->id), "path", json_text(totals->path),
                  "state", state_names[totals->state], "unavailable", json_reason(is_unreadable ? totals->error : 0),
                  "version", json_count_if(has_version, totals->version), "join", join_names[totals->join]);

    return json_merge(object, contents(totals));
}

json_t *json_totals(const struct device_row *row, const struct snapshot *snapshot)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < snapshot->host.totals_count; i++) {
        if (snapshot->merged.chips[i] == row)
            list = json_append(list, file(&snapshot->host.totals[i]));
    }
    return list;
}
