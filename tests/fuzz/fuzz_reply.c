/* SPDX-License-Identifier: Apache-2.0 */

/*
 * tt-smi before a server that answers anything (fake_server.h). The first four bytes of an input choose what is asked,
 * how it is shown, whether there is a host with a device, and in which pieces answers come; the rest is what the server
 * sends. What must hold: it ends in an error or in rows; text is printable ASCII, whatever names the server gave; JSON
 * is JSON, for whoever reads it strictly.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "client/tt_alloc.h"
#include "smi/sample/snapshot.h"
#include "smi/sample/users.h"
#include "smi/views/show.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/fake_server.h"
#include "tests/fuzz/host_tree.h"

#define CHOICES 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void fuzz_check_corpus(size_t inputs);

static size_t complete; /* samples that a server gave, ever */

static const char host_files[] = "=proc/stat\nbtime 1700000000\n"
                                 "=proc/uptime\n86400.25 1.5\n"
                                 "=proc/sys/kernel/hostname\nquietbox\n"
                                 "=sys/class/tenstorrent/tenstorrent!0/tt_card_type\nn300\n"
                                 "=sys/class/tenstorrent/tenstorrent!0/tt_asic_id\n0000000000010000\n"
                                 "=proc/driver/tenstorrent/0/pids\n77\n4242\n"
                                 "=proc/4242/stat\n4242 (python3) S 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 20 0 1 0 9 0\n"
                                 "=dev/shm/tt_device_65536_memory\n";

static struct options choose_options(const uint8_t choices[CHOICES])
{
    static const enum view views[] = {VIEW_TABLE, VIEW_LEAKS, VIEW_EXITED, VIEW_TOP};
    struct options options = {
        .view = views[choices[0] & 3],
        .json = choices[0] & 4,
        .each = choices[0] & 8,
        .by = (enum top_order)(choices[0] >> 4 & 3) % (TOP_BY_OWNER + 1),
        .count = 20,
        .filter = {.region = choices[1] & 1 ? choices[1] >> 1 & 3 : -1,
                   .pid = choices[1] & 8 ? 4242 : 0,
                   .by_uid = choices[1] & 16,
                   .uid = 1000},
        .root = host_tree_path(),
    };

    options.csv = !options.json && options.view == VIEW_TABLE && choices[0] & 64;
    options.query_processes =
        options.csv ? "pid,user,devices,container,dram_bytes,dram_peak_bytes,shm_dram_bytes,idle_seconds,command"
                    : NULL;
    return options;
}

static void check_text(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        CHECK((text[i] >= ' ' && text[i] <= '~') || text[i] == '\n');
}

static void check_json(const char *text, size_t length)
{
    json_error_t error;
    json_t *document = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);

    CHECK(json_is_object(document));
    json_decref(document);
}

static void show_sample(const struct snapshot *snapshot, const struct options *options)
{
    const struct style style = {.width = 100};
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    CHECK(out);
    CHECK(show(out, snapshot, options, &style) == 0);
    CHECK(fclose(out) == 0);
    check_text(text, length);
    if (options->json)
        check_json(text, length);
    free(text);
}

static void take_sample(struct tt_alloc_connection *connection, int error, const struct options *options,
                        unsigned parts, bool is_shown)
{
    struct snapshot snapshot;

    CHECK(snapshot_take(connection, "/run/a-server", error, options->root, parts, &snapshot) == 0);
    CHECK(details_ask(connection, options, &snapshot) == 0);
    CHECK(snapshot_select(&snapshot, &options->filter) == 0);
    complete += snapshot.error == 0;
    CHECK(snapshot.error <= 0 && (snapshot.error == 0 || snapshot.details.top.answer == NULL));
    if (is_shown)
        show_sample(&snapshot, options);
    snapshot_clear(&snapshot);
}

/* What is asked for besides samples. */
static void ask_more(struct tt_alloc_connection *connection)
{
    struct tt_alloc_device_totals totals;
    struct tt_alloc_list *list = NULL;
    const struct tt_alloc_history *series;
    uint64_t sum = 0;

    if (tt_alloc_list_history(connection, NULL, TT_ALLOC_HISTORY_SECOND, &list) == 0) {
        for (size_t i = 0; (series = tt_alloc_list_series(list, i)); i++)
            for (size_t j = 0; j < series->count; j++)
                sum += series->samples[j] / TT_ALLOC_HISTORY_UNIT;
        CHECK(sum < UINT64_MAX);
    }
    tt_alloc_list_free(list);
    if (tt_alloc_list_figures(connection, &list) == 0) {
        for (size_t i = 0; i < tt_alloc_list_count(list); i++)
            CHECK(strlen(tt_alloc_list_figure(list, i)->name) < 48);
        tt_alloc_list_free(list);
    }
    (void)tt_alloc_reset_peaks(connection, 0, 0);
    (void)tt_alloc_query_device(connection, 0, &totals);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tt_alloc_connection *connection = NULL;
    struct options options;
    unsigned parts = 0;
    int error;

    if (size < CHOICES)
        return 0;
    if (!host_tree_has("proc/"))
        host_tree_fill((const uint8_t *)host_files, strlen(host_files));
    if (data[2] & 1)
        parts = HOST_IDENTITY | HOST_HOLDERS | HOST_TOTALS;
    options = choose_options(data);
    users_set_root(options.root);
    fake_server_begin(data + CHOICES, size - CHOICES, 1 + (size_t)data[3] * 16);
    error = tt_alloc_connect("/run/a-server", &connection);
    if (error == 0 && data[2] & 2)
        ask_more(connection);
    take_sample(connection, error, &options, parts, data[2] & 4);
    tt_alloc_disconnect(connection);
    users_clear();
    return 0;
}

void fuzz_check_corpus(size_t inputs)
{
    CHECK(complete > inputs / 2);
}
