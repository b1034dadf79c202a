/* SPDX-License-Identifier: Apache-2.0 */

#include "bench/gates.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "bench/bench.h"
#include "bench/table.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* value = median(figure) / median(over) / unit; at most the gate, or at least where more is better. */
static const struct gate {
    const char *name;
    const char *figure, *over;
    double unit;
    double gate, aim;
    bool more_is_better;
    bool most; /* the worst run counts, not the median */
} gates[] = {
    {"report, 10,000 live / getppid", "ring.fifo.10000.bursts.client_ns", "floor.getppid_ns", 1, 0.35, 0.20, false,
     false},
    {"report, 10,000 live / model's client", "ring.fifo.10000.bursts.client_ns", "model.fifo.10000.bursts.client_ns", 1,
     1.0 / 20, 1.0 / 40, false, false},
    {"CPU of all, 100,000/s, 8 clients, %", "ring.eight.1000.shared.cpu_percent", NULL, 1, 1, 0.4, false, false},
    {"throughput x model, 1,000 live", "ring.fifo.1000.saturated.millions", "model.fifo.1000.saturated.millions", 1, 20,
     40, true, false},
    {"throughput x model, 1,000,000 live", "ring.fifo.1000000.saturated.millions",
     "model.fifo.1000000.saturated.millions", 1, 10, 20, true, false},
    {"older clients: server CPU / model's", "older.fifo.10000.saturated.server_ns",
     "model.fifo.10000.saturated.server_ns", 1, 0.8, 0.6, false, false},
    {"server bytes per buffer, 1,000,000 live", "ring.fifo.1000000.bytes_per_buffer", NULL, 1, 52, 40, false, false},
    {"time per report, 10^7 live / 10^3", "ring.fifo.1000.saturated.millions", "ring.fifo.10000000.saturated.millions",
     1, 10, 6, false, false},
    {"the same, in random order", "ring.fifo.1000.saturated.millions", "ring.random.10000000.saturated.millions", 1, 10,
     6, false, false},
    {"longest turn of the loop, ms", "server.longest_turn_ns", NULL, 1e6, 5, 1, false, true},
    {"1,000,000 leaked: summary, ms", "leaks.summary.ms", NULL, 1, 50, 15, false, false},
    {"wake-ups per second, idle", "idle.alone.wakes_per_s", NULL, 1, 0, 0, false, true},
    {"wake-ups per second, idle connections", "idle.connections.wakes_per_s", NULL, 1, 0, 0, false, true},
    {"call with reporting off, ns", "disabled.call_ns", NULL, 1, 2, 0.5, false, false},
    {"reports neither applied nor counted lost", NULL, NULL, 1, 0, 0, false, false},
};

static double value_of(const struct bench *bench, const struct gate *gate)
{
    double value;

    if (!gate->figure)
        return bench->reports.sent > 0 ? (double)bench->reports.astray : NAN;
    value = gate->most ? book_most(&bench->book, gate->figure) : book_median(&bench->book, gate->figure);
    if (gate->over)
        value /= book_median(&bench->book, gate->over);
    return value / gate->unit;
}

static bool reaches(const struct gate *gate, double value, double mark)
{
    return gate->more_is_better ? value >= mark : value <= mark;
}

size_t gates_count(void)
{
    return COUNT(gates);
}

struct gate_result gates_result(const struct bench *bench, size_t index)
{
    const struct gate *gate = &gates[index];
    struct gate_result result = {
        .name = gate->name, .value = value_of(bench, gate), .gate = gate->gate, .aim = gate->aim};

    if (isnan(result.value))
        result.verdict = VERDICT_UNKNOWN;
    else if (reaches(gate, result.value, gate->aim))
        result.verdict = VERDICT_AIM;
    else
        result.verdict = reaches(gate, result.value, gate->gate) ? VERDICT_OK : VERDICT_MISS;
    return result;
}

const char *gates_verdict(enum verdict verdict)
{
    static const char *const words[] = {
        [VERDICT_UNKNOWN] = "-", [VERDICT_MISS] = "miss", [VERDICT_OK] = "ok", [VERDICT_AIM] = "ok, aim reached"};

    return words[verdict];
}

void gates_print(const struct bench *bench)
{
    printf("\n%-44s%10s%10s%10s\n", "Numbers to hold", "gate", "aim", "here");
    for (size_t i = 0; i < COUNT(gates); i++) {
        struct gate_result result = gates_result(bench, i);
        char value[32], gate[32], aim[32];

        table_number(result.gate, gate, sizeof(gate));
        table_number(result.aim, aim, sizeof(aim));
        table_number(result.value, value, sizeof(value));
        printf("%-44s%10s%10s%10s  %s\n", result.name, gate, aim, value, gates_verdict(result.verdict));
    }
}
