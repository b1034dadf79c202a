/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The server is put together as server_init() does it and taken apart as by server_done(), without what is of the
 * program and not of the sessions: signals, limits, listening sockets. The loop is one of its own, on poll(), which
 * costs one system call a turn.
 */

#include "tests/fuzz/world.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/log.h"
#include "server/session.h"
#include "tests/fuzz/fake_socket.h"

#define GROUP 4711
#define FD_LIMIT 64
#define TURNS_MAX 100000

static int free_fd(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    CHECK(fd >= 0);
    close(fd);
    return fd;
}

static void on_remains(struct remains remains, void *userdata)
{
    struct server *server = userdata;

    reporter_add_remains(&server->reporter, remains);
}

static void on_status(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events;
}

void world_open(struct world *world, bool has_nodes)
{
    struct server *server = &world->server;

    log_open(LOG_EMERG - 1);
    world->first_free_fd = free_fd();
    fake_host_begin(has_nodes);
    *server = (struct server){.started = clock_now(), .listeners.spare_fd = -1, .group = GROUP};
    places_init(&server->places, FD_LIMIT);
    list_init(&server->sessions);
    registry_init(&server->registry, on_remains, server);
    server->loop = ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV);
    server->scratch = malloc(SERVER_READ_SIZE + TT_ALLOC_FRAME_MAX);
    CHECK(server->loop && server->scratch);
    ev_timer_init(&server->status, on_status, 1., 0.);
    reporter_init(&server->reporter, server->loop, &server->registry, 5);
    drain_init(&server->drain, server);
    hardware_init(&server->hardware, server->loop, &server->registry, "/");
    fake_host_tell_nodes(&server->registry);
    pace_start(server);
}

void world_close(struct world *world)
{
    struct server *server = &world->server;

    world_check(world);
    while (!list_is_empty(&server->sessions))
        session_finish(LIST_ENTRY(server->sessions.next, struct session, link));
    drain_done(&server->drain);
    hardware_done(&server->hardware);
    reporter_done(&server->reporter);
    registry_done(&server->registry);
    free(server->scratch);
    ev_loop_destroy(server->loop);
    fake_host_end();
    CHECK(free_fd() == world->first_free_fd);
}

int world_connect(struct world *world, const struct fake_process *process)
{
    int pair[2];

    fake_socket_pair(pair);
    fake_host_connects(process);
    if (session_open(&world->server, pair[0]) == 0)
        return pair[1];
    close(pair[1]);
    return -1;
}

/* ---- The loop ---- */

void world_turn(struct world *world)
{
    ev_run(world->server.loop, EVRUN_NOWAIT);
}

/* Whether what the session waits for is there. */
static bool is_ready(const struct session *session)
{
    struct pollfd socket = {
        .fd = session->fd,
        .events =
            (short)((ev_is_active(&session->readable) ? POLLIN : 0) | (ev_is_active(&session->writable) ? POLLOUT : 0)),
    };

    return socket.events && poll(&socket, 1, 0) == 1;
}

bool world_is_busy(const struct world *world)
{
    const struct server *server = &world->server;

    if (ev_is_active(&server->drain.slice) || ev_is_active(&server->reporter.slice))
        return true;
    list_for_each (link, &server->sessions)
        if (is_ready(LIST_ENTRY(link, struct session, link)))
            return true;
    return false;
}

void world_settle(struct world *world)
{
    size_t turns = 0;

    do {
        world_turn(world);
        CHECK(++turns < TURNS_MAX);
    } while (world_is_busy(world));
}

/* ---- What must hold ---- */

static struct usage sum_of_buffers(struct ledger *ledger, const struct ledger_device *place)
{
    struct usage sum = {0};
    struct ledger_buffer buffer;
    uint64_t cursor = 0;

    while (ledger_walk(ledger, &cursor, NULL, &buffer)) {
        CHECK(buffer.references > 0 && buffer.region < USAGE_REGIONS && buffer.size < LEDGER_SIZE_LIMIT);
        if (buffer.device == place)
            usage_add(&sum, buffer.region, buffer.size);
    }
    return sum;
}

static void check_same(const struct usage *a, const struct usage *b)
{
    for (size_t i = 0; i < USAGE_REGIONS; i++)
        CHECK(a->region[i].bytes == b->region[i].bytes && a->buffers[i] == b->buffers[i]);
    for (size_t i = 0; i < USAGE_POOLS; i++)
        CHECK(a->pool[i].bytes == b->pool[i].bytes);
}

static void check_peaks(const struct usage *usage)
{
    for (size_t i = 0; i < USAGE_REGIONS; i++)
        CHECK(usage->region[i].bytes <= usage->region[i].peak);
    for (size_t i = 0; i < USAGE_POOLS; i++)
        CHECK(usage->pool[i].bytes <= usage->pool[i].peak);
}

static void check_process(const struct process *process)
{
    struct ledger *ledger = process->ledger;
    uint64_t buffers = 0;

    for (size_t i = 0; i < ledger_device_count(ledger); i++) {
        const struct ledger_device *place = ledger_device(ledger, i);
        struct usage sum = sum_of_buffers(ledger, place);

        check_same(&place->usage, &sum);
        CHECK(place->userdata || usage_buffers(&sum) == 0);
        if (ledger_stale(ledger) == 0)
            check_peaks(&place->usage);
        buffers += usage_buffers(&sum);
    }
    CHECK(buffers == ledger_count(ledger));
    CHECK(ledger_stale(ledger) <= buffers);
    CHECK(process->sessions > 0 && process->resyncs <= process->sessions);
}

/* What the processes hold in a row, and how many of them. */
static struct usage sum_of_places(const struct registry *registry, const struct device *device, uint32_t *ret_processes)
{
    struct usage sum = {0};

    *ret_processes = 0;
    list_for_each (link, &registry->processes.all) {
        struct ledger *ledger = LIST_ENTRY(link, struct process, link)->ledger;
        bool is_there = false;

        for (size_t i = 0; i < ledger_device_count(ledger); i++) {
            const struct ledger_device *place = ledger_device(ledger, i);

            if (place->userdata != device)
                continue;
            usage_merge(&sum, &place->usage);
            is_there = true;
        }
        *ret_processes += is_there;
    }
    return sum;
}

static void check_rows(const struct registry *registry)
{
    for (size_t i = 0; i < registry->devices.count; i++) {
        const struct device *device = registry->devices.rows[i];
        uint32_t processes;
        struct usage sum = sum_of_places(registry, device, &processes);

        check_same(&device->usage, &sum);
        CHECK(device->processes == processes && device->processes <= device->processes_ever);
        CHECK(i == 0 || registry->devices.rows[i - 1]->number < device->number);
        if (device->unsettled == 0)
            check_peaks(&device->usage);
    }
}

/* Each report ended in one counter. */
static void check_figures(const struct server *server)
{
    const struct figures *figures = &server->registry.figures;
    uint64_t sessions = 0, rings = 0, ring_bytes = 0;

    CHECK(figures->reports == figures->allocations + figures->frees + figures->unknown_free + figures->overtaken +
                                  figures->refused_device + figures->refused_size + figures->refused_region +
                                  figures->refused_limit + figures->refused_memory);
    list_for_each (link, &server->sessions) {
        const struct session *session = LIST_ENTRY(link, struct session, link);

        sessions++;
        rings += feed_ring_count(&session->feed);
        ring_bytes += feed_ring_bytes(&session->feed);
        CHECK(session->backlog_size <= SERVER_READ_SIZE + TT_ALLOC_FRAME_MAX);
        CHECK(session->backlog_size < TT_ALLOC_FRAME_MAX || session->is_interrupted);
    }
    CHECK(figures->sessions == sessions && figures->rings == rings && figures->ring_bytes == ring_bytes);
}

static void check_ended(const struct ended_list *ended)
{
    size_t count = 0, placements = 0;

    list_for_each (link, &ended->entries) {
        count++;
        placements += LIST_ENTRY(link, struct ended, link)->placement_count;
    }
    CHECK(count == ended->count && count <= ENDED_MAX);
    CHECK(placements == ended->placements && placements <= ENDED_PLACEMENTS_MAX);
}

/* Nobody is charged for what is not there. Leak reports may still hold some. */
static void check_users(const struct server *server)
{
    uint64_t charged = 0, held = 0;

    for (size_t i = 0; i < USER_BUCKETS; i++)
        list_for_each (link, &server->registry.users.buckets[i])
            charged += LIST_ENTRY(link, struct user, link)->buffers;
    list_for_each (link, &server->registry.processes.all)
        held += ledger_count(LIST_ENTRY(link, struct process, link)->ledger);
    CHECK(list_is_empty(&server->reporter.jobs) ? charged == held : charged >= held);
}

void world_check(const struct world *world)
{
    const struct server *server = &world->server;

    list_for_each (link, &server->registry.processes.all)
        check_process(LIST_ENTRY(link, struct process, link));
    check_rows(&server->registry);
    check_figures(server);
    check_ended(&server->registry.ended);
    check_users(server);
}
