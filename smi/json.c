/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The frame of the document; json_rows.c makes the entries of its arrays. Everything is built in memory first, so that
 * what is printed is a whole document or nothing.
 */

#include "smi/json.h"
#include "smi/format.h"
#include "smi/json_rows.h"
#include "smi/problem.h"

#include <errno.h>
#include <stdlib.h>

static json_t *generator(void)
{
    return json_pack("{s:s, s:s}", "name", "tt-smi", "version", TT_ALLOC_VERSION);
}

static json_t *server(const struct snapshot *snapshot)
{
    if (snapshot->error != 0)
        return json_pack("{s:s, s:o, s:n, s:n}", "state", "unreachable", "path", json_text(snapshot->path), "protocol",
                         "uptime_seconds");
    return json_pack("{s:s, s:o, s:I, s:I}", "state", "up", "path", json_text(snapshot->path), "protocol",
                     (json_int_t)snapshot->protocol_version, "uptime_seconds",
                     json_clamp(snapshot->uptime / 1000000000));
}

/* Processes that hold a device without reporting are out of sight of this server, hence null. */
static json_t *coverage(const struct snapshot *snapshot)
{
    const struct coverage *all = &snapshot->coverage;

    if (snapshot->error != 0)
        return json_null();
    return json_pack("{s:I, s:I, s:n, s:I, s:I, s:I}", "devices", json_clamp(all->devices), "processes_reporting",
                     json_clamp(all->reporting), "processes_untracked", "processes_inexact", json_clamp(all->inexact),
                     "events_dropped", json_clamp(all->lost), "leaks", json_clamp(all->leaks));
}

/* Appends an entry, or turns the list into NULL when out of memory. */
static json_t *append(json_t *list, json_t *entry)
{
    if (!list || json_array_append_new(list, entry) < 0) {
        json_decref(list);
        return NULL;
    }
    return list;
}

static json_t *devices(const struct snapshot *snapshot, const struct filter *filter)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < snapshot->device_count; i++)
        list = append(list, json_device(snapshot->devices[i], snapshot, filter));
    return list;
}

static json_t *processes(const struct process_row *const *entries, size_t count, const struct filter *filter,
                         json_t *(*make)(const struct process_row *, const struct filter *))
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < count; i++)
        list = append(list, make(entries[i], filter));
    return list;
}

static json_t *errors(const struct snapshot *snapshot)
{
    json_t *list = json_array();
    char *advice;

    if (snapshot->error == 0)
        return list;
    advice = problem_advice(snapshot->error, snapshot->path);
    list = append(list, json_pack("{s:s, s:o, s:o, s:o}", "code", problem_name(snapshot->error), "path",
                                  json_text(snapshot->path), "reason", json_text(problem_reason(snapshot->error)),
                                  "advice", json_text(advice)));
    free(advice);
    return list;
}

/* Sets a key, unless the document has failed already. Nothing is known without a server, and that is no empty list. */
static void put(json_t **document, const char *key, bool known, json_t *value)
{
    if (!known) {
        json_decref(value);
        value = json_null();
    }
    if (!*document || json_object_set_new(*document, key, value) < 0) {
        json_decref(*document);
        *document = NULL;
    }
}

static json_t *build(const struct snapshot *snapshot, const struct filter *filter, enum view view)
{
    json_t *document = json_pack("{s:i, s:o, s:o, s:o, s:o, s:o}", "schema", JSON_SCHEMA, "generator", generator(),
                                 "time", json_string(format_iso(snapshot->time).text), "host",
                                 json_text(snapshot->name), "server", server(snapshot), "coverage", coverage(snapshot));
    bool known = snapshot->error == 0;

    if (view == VIEW_TABLE) {
        put(&document, "devices", known, devices(snapshot, filter));
        put(&document, "processes", known,
            processes(snapshot->processes, snapshot->process_count, filter, json_process));
    }
    if (view == VIEW_EXITED)
        put(&document, "exited", known, processes(snapshot->ended, snapshot->ended_count, filter, json_ended));
    else
        put(&document, "leaks", known, processes(snapshot->leaks, snapshot->leak_count, filter, json_leak));
    put(&document, "errors", true, errors(snapshot));
    return document;
}

int json_print(FILE *out, const struct snapshot *snapshot, const struct filter *filter, enum view view, bool indented)
{
    json_t *document = build(snapshot, filter, view);
    int r = document ? json_dumpf(document, out, indented ? JSON_INDENT(2) : JSON_COMPACT) : -1;

    json_decref(document);
    if (r < 0)
        return -ENOMEM;
    fputc('\n', out);
    return 0;
}
