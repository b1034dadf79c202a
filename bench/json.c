/* SPDX-License-Identifier: Apache-2.0 */

/*
 * All names here are our own and need no escaping.
 */

#include "bench/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "bench/bench.h"
#include "bench/gates.h"

#define SCHEMA 1

static void print_number(const char *key, double value)
{
    if (isfinite(value))
        printf("\"%s\": %.6g", key, value);
    else
        printf("\"%s\": null", key);
}

static void print_head(const struct bench *bench)
{
    struct utsname system = {0};

    uname(&system);
    printf("{\n  \"schema\": %d,\n  \"generator\": \"tt-alloc-bench %s\",\n", SCHEMA, TT_ALLOC_VERSION);
    printf("  \"kernel\": \"%s\",\n  \"machine\": \"%s\",\n  \"two_cores\": %s,\n", system.release, system.machine,
           bench->has_two_cores ? "true" : "false");
    printf("  \"runs\": %u,\n  \"quick\": %s,\n  \"large\": %s,\n", bench->options.runs,
           bench->options.quick ? "true" : "false", bench->options.large ? "true" : "false");
}

static void print_figure(const struct book *book, const struct book_entry *entry)
{
    printf("    \"%s\": {", entry->name);
    print_number("median", book_median(book, entry->name));
    printf(", ");
    print_number("least", book_least(book, entry->name));
    printf(", ");
    print_number("most", book_most(book, entry->name));
    printf(", \"samples\": %zu}", entry->count);
}

static void print_gate(const struct gate_result *gate)
{
    printf("    {\"name\": \"%s\", ", gate->name);
    print_number("gate", gate->gate);
    printf(", ");
    print_number("aim", gate->aim);
    printf(", ");
    print_number("value", gate->value);
    printf(", \"verdict\": \"%s\"}", gates_verdict(gate->verdict));
}

void json_print(const struct bench *bench)
{
    print_head(bench);
    printf("  \"reports\": {\"sent\": %" PRIu64 ", \"applied\": %" PRIu64 ", \"lost\": %" PRIu64
           ", \"caught_up\": %" PRIu64 ", \"astray\": %" PRIu64 "},\n",
           bench->reports.sent, bench->reports.applied, bench->reports.lost, bench->reports.caught_up,
           bench->reports.astray);
    printf("  \"figures\": {\n");
    for (size_t i = 0; i < bench->book.count; i++) {
        print_figure(&bench->book, &bench->book.entries[i]);
        printf(i + 1 < bench->book.count ? ",\n" : "\n");
    }
    printf("  },\n  \"gates\": [\n");
    for (size_t i = 0; i < gates_count(); i++) {
        struct gate_result gate = gates_result(bench, i);

        print_gate(&gate);
        printf(i + 1 < gates_count() ? ",\n" : "\n");
    }
    printf("  ]\n}\n");
}
