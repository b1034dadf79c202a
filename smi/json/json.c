/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The frame of the document; the other files json_*.c make its parts. Everything is built in memory first, so that what
 * is printed is a whole document or nothing.
 */

#include "smi/json/json.h"
#include "smi/json/rows.h"
#include "smi/json/top.h"
#include "smi/text/format.h"

#include <errno.h>
#include <string.h>

static json_t *generator(void)
{
    return json_pack("{s:s, s:s}", "name", "tt-smi", "version", TT_ALLOC_VERSION);
}

static json_t *devices(const struct snapshot *snapshot, const struct filter *filter)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < snapshot->device_count; i++)
        list = json_append(list, json_device(snapshot->devices[i], snapshot, filter));
    return list;
}

static json_t *device_infos(const struct snapshot *snapshot)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < snapshot->device_count; i++)
        list = json_append(list, json_device_info(snapshot->devices[i]));
    return list;
}

static json_t *processes(const struct process_row *const *entries, size_t count, const struct snapshot *snapshot,
                         const struct filter *filter,
                         json_t *(*make)(const struct process_row *, const struct snapshot *, const struct filter *))
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < count; i++)
        list = json_append(list, make(entries[i], snapshot, filter));
    return list;
}

/* Sets a key, unless the document has failed already. What no source could tell is no empty list. */
static void put(json_t **document, const char *key, bool known, json_t *value)
{
    if (!known) {
        json_decref(value);
        value = json_null();
    }
    *document = json_merge(*document, json_pack("{s:o}", key, value));
}

static json_t *head(const struct snapshot *snapshot)
{
    return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "schema", JSON_SCHEMA, "generator", generator(), "time",
                     json_string(format_iso(snapshot->time).text), "host", json_text(snapshot->name), "server",
                     json_server(snapshot), "sources", json_sources(snapshot), "coverage", json_coverage(snapshot));
}

static void put_rows(json_t **document, const struct snapshot *snapshot, const struct filter *filter)
{
    bool knows_devices = snapshot_knows_devices(snapshot);

    put(document, "devices", knows_devices, devices(snapshot, filter));
    put(document, "processes", snapshot_knows_processes(snapshot),
        processes(snapshot->processes, snapshot->process_count, snapshot, filter, json_process));
    put(document, "host_info", true, json_host_info(snapshot));
    put(document, "device_info", knows_devices, device_infos(snapshot));
}

static void put_top(json_t **document, const struct snapshot *snapshot)
{
    bool is_told = snapshot_is_told(snapshot);

    put(document, json_top_key(snapshot), is_told, json_top(snapshot));
    put(document, "buffers_hidden", is_told, json_integer(json_clamp(snapshot->details.top.hidden)));
}

/* Only the server remembers processes that ended. */
json_t *json_document(const struct snapshot *snapshot, const struct filter *filter, enum view view)
{
    json_t *document = head(snapshot);
    bool is_told = snapshot_is_told(snapshot);

    if (view == VIEW_TABLE)
        put_rows(&document, snapshot, filter);
    if (view == VIEW_TOP)
        put_top(&document, snapshot);
    if (view == VIEW_EXITED)
        put(&document, "exited", is_told,
            processes(snapshot->ended, snapshot->ended_count, snapshot, filter, json_ended));
    if (view == VIEW_TABLE || view == VIEW_LEAKS)
        put(&document, "leaks", is_told, processes(snapshot->leaks, snapshot->leak_count, snapshot, filter, json_leak));
    put(&document, "errors", true, json_errors(snapshot));
    return document;
}

/* jansson leaves this one as it is, which JSON allows. It can only stand in a string. */
static int put_without_delete(const char *text, size_t size, void *out)
{
    for (const char *end = text + size; text < end;) {
        const char *found = memchr(text, 0x7f, (size_t)(end - text));
        const char *until = found ? found : end;

        fwrite(text, 1, (size_t)(until - text), out);
        if (found)
            fputs("\\u007f", out);
        text = found ? found + 1 : end;
    }
    return ferror(out) ? -1 : 0;
}

/* Readings have three decimals, six at most; more would show how doubles are made. */
int json_write(FILE *out, json_t *document, bool indented)
{
    size_t flags = JSON_REAL_PRECISION(12) | JSON_ENSURE_ASCII | (indented ? JSON_INDENT(2) : JSON_COMPACT);
    int r = document ? json_dump_callback(document, put_without_delete, out, flags) : -1;

    json_decref(document);
    if (r < 0)
        return -ENOMEM;
    fputc('\n', out);
    return 0;
}

int json_print(FILE *out, const struct snapshot *snapshot, const struct filter *filter, enum view view, bool indented)
{
    return json_write(out, json_document(snapshot, filter, view), indented);
}
