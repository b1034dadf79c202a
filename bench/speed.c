/* SPDX-License-Identifier: Apache-2.0 */

#include "bench/speed.h"

#include <inttypes.h>
#include <stdio.h>

#include "bench/bench.h"
#include "bench/proc.h"
#include "bench/rig.h"
#include "bench/table.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define WAY(way) (1U << (way))
#define EVERY_WAY (WAY(WAY_MODEL) | WAY(WAY_OLDER) | WAY(WAY_SOCKET) | WAY(WAY_RING))
#define PHASE(phase) (1U << (phase))
#define HURRIED (PHASE(PHASE_SATURATED) | PHASE(PHASE_BURSTS))
#define PACED (PHASE(PHASE_10K) | PHASE(PHASE_100K))
#define LARGE 10000000     /* live buffers: only if asked for */
#define MODEST 100000      /* at most so many in a quick run */
#define MEMORY_FROM 100000 /* live buffers, below which other things weigh more */

struct scene {
    const char *name;
    uint64_t live; /* of each client */
    unsigned clients;
    bool is_random, one_core;
    unsigned ways, phases;
};

static const struct scene alone[] = {
    {"fifo", 1000, 1, false, false, EVERY_WAY, HURRIED},
    {"fifo", 10000, 1, false, false, EVERY_WAY, HURRIED | PACED},
    {"fifo", 100000, 1, false, false, EVERY_WAY, HURRIED},
    {"fifo", 1000000, 1, false, false, EVERY_WAY, HURRIED},
    {"random", 1000000, 1, true, false, EVERY_WAY, HURRIED},
    {"onecore", 10000, 1, false, true, EVERY_WAY, HURRIED},
    {"fifo", LARGE, 1, false, false, WAY(WAY_RING), HURRIED},
    {"random", LARGE, 1, true, false, WAY(WAY_RING), HURRIED},
};

static const struct scene eight[] = {
    {"eight", 1000, 8, false, false, EVERY_WAY, PHASE(PHASE_SATURATED) | PHASE(PHASE_SHARED)},
};

static void name_of(const struct scene *scene, enum way way, char ret[BOOK_NAME_SIZE])
{
    snprintf(ret, BOOK_NAME_SIZE, "%s.%s.%" PRIu64, way_name(way), scene->name, scene->live);
}

static void note(struct book *book, const char *name, enum phase phase, const struct outcome *outcome)
{
    book_add(book, outcome->client_ns, "%s.%s.client_ns", name, phase_name(phase));
    book_add(book, outcome->server_ns, "%s.%s.server_ns", name, phase_name(phase));
    book_add(book, outcome->millions, "%s.%s.millions", name, phase_name(phase));
    book_add(book, outcome->cpu_percent, "%s.%s.cpu_percent", name, phase_name(phase));
    book_add(book, outcome->wakes, "%s.%s.wakes", name, phase_name(phase));
}

static void note_memory(struct book *book, const char *name, const struct scene *scene, struct rig *rig)
{
    uint64_t bytes = proc_rss_bytes(rig->target.child.pid) - rig->rss_before;

    if (scene->live >= MEMORY_FROM)
        book_add(book, (double)bytes / (double)scene->live, "%s.bytes_per_buffer", name);
}

static void play(struct bench *bench, const struct scene *scene, enum way way)
{
    struct rig_plan plan = {.way = way,
                            .live = scene->live,
                            .clients = scene->clients,
                            .is_random = scene->is_random,
                            .one_core = scene->one_core};
    char name[BOOK_NAME_SIZE];
    struct rig rig;

    name_of(scene, way, name);
    rig_up(bench, &plan, &rig);
    for (int phase = 0; phase < PHASES; phase++) {
        struct outcome outcome;

        if ((scene->phases & PHASE(phase)) == 0)
            continue;
        rig_run(bench, &rig, (enum phase)phase, &outcome);
        note(&bench->book, name, (enum phase)phase, &outcome);
    }
    note_memory(&bench->book, name, scene, &rig);
    rig_down(bench, &rig);
}

static bool is_wanted(const struct bench *bench, const struct scene *scene)
{
    if (scene->live >= LARGE)
        return bench->options.large;
    return scene->live <= MODEST || !bench->options.quick;
}

static void play_all(struct bench *bench, const struct scene *scenes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (int way = 0; way < WAYS; way++)
            if ((scenes[i].ways & WAY(way)) != 0 && is_wanted(bench, &scenes[i]))
                play(bench, &scenes[i], (enum way)way);
}

void speed_measure(struct bench *bench)
{
    play_all(bench, alone, COUNT(alone));
}

void speed_measure_eight(struct bench *bench)
{
    play_all(bench, eight, COUNT(eight));
}

/* ---- Tables ---- */

static const char *const way_titles[WAYS] = {[WAY_MODEL] = "model",
                                             [WAY_OLDER] = "older client",
                                             [WAY_SOCKET] = "our client, socket",
                                             [WAY_RING] = "our client, ring"};

static void print_phase(const struct bench *bench, const char *title, const struct table_column *columns, size_t count,
                        const struct scene *scenes, size_t scene_count)
{
    struct table table = {&bench->book, columns, count};

    table_title(&table, title);
    for (size_t i = 0; i < scene_count; i++)
        for (int way = WAY_MODEL; way < WAYS; way++) {
            char name[BOOK_NAME_SIZE], model[BOOK_NAME_SIZE], label[BOOK_NAME_SIZE];

            if ((scenes[i].ways & WAY(way)) == 0)
                continue;
            name_of(&scenes[i], (enum way)way, name);
            name_of(&scenes[i], WAY_MODEL, model);
            snprintf(label, sizeof(label), "%-7s %8" PRIu64 "  %s", scenes[i].name, scenes[i].live, way_titles[way]);
            table_row(&table, label, name, model);
        }
}

static void print_saturated(const struct bench *bench, const char *title, const struct scene *scenes, size_t count)
{
    static const struct table_column columns[] = {
        {"M/s / model", ".saturated.millions", TABLE_OVER_BASE, 1},
        {"server/model", ".saturated.server_ns", TABLE_OVER_BASE, 1},
        {"client/model", ".saturated.client_ns", TABLE_OVER_BASE, 1},
        {"M/s", ".saturated.millions", TABLE_PLAIN, 1},
        {"least", ".saturated.millions", TABLE_LEAST, 1},
        {"most", ".saturated.millions", TABLE_MOST, 1},
        {"server ns", ".saturated.server_ns", TABLE_PLAIN, 1},
        {"client ns", ".saturated.client_ns", TABLE_PLAIN, 1},
    };

    print_phase(bench, title, columns, COUNT(columns), scenes, count);
}

void speed_print(const struct bench *bench)
{
    static const struct table_column bursts[] = {
        {"/ getppid", ".bursts.client_ns", TABLE_OVER_GETPPID, 1},
        {"client/model", ".bursts.client_ns", TABLE_OVER_BASE, 1},
        {"server/model", ".bursts.server_ns", TABLE_OVER_BASE, 1},
        {"client ns", ".bursts.client_ns", TABLE_PLAIN, 1},
        {"least", ".bursts.client_ns", TABLE_LEAST, 1},
        {"most", ".bursts.client_ns", TABLE_MOST, 1},
        {"server ns", ".bursts.server_ns", TABLE_PLAIN, 1},
        {"wakes/1M", ".bursts.wakes", TABLE_PLAIN, 1},
    };
    static const struct table_column paced[] = {
        {"10k/getppid", ".paced10k.client_ns", TABLE_OVER_GETPPID, 1},
        {"client/model", ".paced10k.client_ns", TABLE_OVER_BASE, 1},
        {"client ns", ".paced10k.client_ns", TABLE_PLAIN, 1},
        {"server ns", ".paced10k.server_ns", TABLE_PLAIN, 1},
        {"100k/getppid", ".paced100k.client_ns", TABLE_OVER_GETPPID, 1},
        {"client/model", ".paced100k.client_ns", TABLE_OVER_BASE, 1},
        {"client ns", ".paced100k.client_ns", TABLE_PLAIN, 1},
        {"server ns", ".paced100k.server_ns", TABLE_PLAIN, 1},
    };
    static const struct table_column memory[] = {
        {"/ model", ".bytes_per_buffer", TABLE_OVER_BASE, 1},
        {"bytes", ".bytes_per_buffer", TABLE_PLAIN, 1},
        {"least", ".bytes_per_buffer", TABLE_LEAST, 1},
        {"most", ".bytes_per_buffer", TABLE_MOST, 1},
    };

    print_saturated(bench, "Saturated: one client, as fast as it is let; M/s until the server has applied all", alone,
                    COUNT(alone));
    print_phase(bench, "In bursts of 200 at 500,000/s: the client's own cost", bursts, COUNT(bursts), alone,
                COUNT(alone));
    print_phase(bench, "Evenly paced at 10,000/s and 100,000/s", paced, COUNT(paced), alone, COUNT(alone));
    print_phase(bench, "Server's memory per live buffer", memory, COUNT(memory), alone, COUNT(alone));
}

void speed_print_eight(const struct bench *bench)
{
    static const struct table_column shared[] = {
        {"CPU/model", ".shared.cpu_percent", TABLE_OVER_BASE, 1},
        {"server/model", ".shared.server_ns", TABLE_OVER_BASE, 1},
        {"% of a core", ".shared.cpu_percent", TABLE_PLAIN, 1},
        {"least", ".shared.cpu_percent", TABLE_LEAST, 1},
        {"most", ".shared.cpu_percent", TABLE_MOST, 1},
        {"server ns", ".shared.server_ns", TABLE_PLAIN, 1},
        {"client ns", ".shared.client_ns", TABLE_PLAIN, 1},
        {"wakes/1M", ".shared.wakes", TABLE_PLAIN, 1},
    };

    print_saturated(bench, "Eight clients on one core, saturated; a client's ns are by the wall clock", eight,
                    COUNT(eight));
    print_phase(bench, "Eight clients, 100,000 reports/s in total, in bursts of 32: CPU of all, pacing left out",
                shared, COUNT(shared), eight, COUNT(eight));
}
