/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_server_core */

/*
 * The registry, driven as a session drives it, with made-up peers. check() is the heart of it: whatever happened, every
 * device row is the sum of what its processes hold there, every user's account is the sum of his processes', and every
 * report is counted exactly once. It runs after each step of the tests, and often in the random ones.
 */

#include "tests/unit/fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "server/clock.h"
#include "server/registry.h"

#define ALICE 70001
#define BOB 70002
#define NOW UINT64_C(1000000000)
#define ANY LEDGER_ANY_REGION
#define HELD_MAX 64

/* A registry, and the remains it handed out that were not given back yet. */
struct world {
    struct registry registry;
    struct remains held[HELD_MAX];
    size_t held_count;
    size_t told; /* how often on_remains was called */
    struct remains last;
    uint64_t last_buffers;
    bool keep; /* hold remains as the reporter does, instead of giving them back at once */
};

static void give_back(struct remains *remains)
{
    remains_release_devices(remains);
    remains->ledger = ledger_free(remains->ledger);
    remains_settle(remains);
}

static void on_remains(struct remains remains, void *userdata)
{
    struct world *world = userdata;

    world->told++;
    world->last = remains;
    world->last_buffers = ledger_count(remains.ledger);
    if (world->keep && world->held_count < HELD_MAX)
        world->held[world->held_count++] = remains;
    else
        give_back(&remains);
}

static void world_init(struct world *world)
{
    *world = (struct world){0};
    registry_init(&world->registry, on_remains, world);
}

static void world_done(struct world *world)
{
    while (world->held_count > 0)
        give_back(&world->held[--world->held_count]);
    registry_done(&world->registry);
}

/* ---- What must always hold ---- */

static void check_ledger(const struct process *process)
{
    struct usage walked[LEDGER_DEVICES_MAX] = {0};
    struct ledger_buffer buffer;
    uint64_t cursor = 0, count = 0;

    while (ledger_walk(process->ledger, &cursor, NULL, &buffer)) {
        for (size_t i = 0; i < ledger_device_count(process->ledger); i++)
            if (ledger_device(process->ledger, i) == buffer.device)
                usage_add(&walked[i], buffer.region, buffer.size);
        count++;
    }
    assert_int_equal(count, ledger_count(process->ledger));
    for (size_t i = 0; i < ledger_device_count(process->ledger); i++) {
        const struct usage *usage = &ledger_device(process->ledger, i)->usage;

        for (unsigned region = 0; region < USAGE_REGIONS; region++) {
            assert_true(usage->region[region].bytes == walked[i].region[region].bytes);
            assert_int_equal(usage->buffers[region], walked[i].buffers[region]);
            if (ledger_stale(process->ledger) == 0)
                assert_true(usage->region[region].peak >= usage->region[region].bytes);
        }
    }
}

/* Whether all that is counted on the rows is known to be there, so that peaks follow. */
static bool is_settled(const struct registry *registry)
{
    list_for_each (link, &registry->processes.all)
        if (LIST_ENTRY(link, struct process, link)->is_unsettled)
            return false;
    return true;
}

/* Places on a row of processes that count what is gone. */
static uint32_t unsettled_places(const struct registry *registry, const struct device *device)
{
    uint32_t places = 0;

    list_for_each (link, &registry->processes.all) {
        struct process *process = LIST_ENTRY(link, struct process, link);

        for (size_t i = 0; process->is_unsettled && i < ledger_device_count(process->ledger); i++)
            places += ledger_device(process->ledger, i)->userdata == device;
    }
    return places;
}

/* What all processes hold on a row; how many have it, and under how many device ids of theirs. */
static void add_up(const struct registry *registry, const struct device *device, struct usage *total,
                   uint32_t *ret_processes, uint32_t *ret_places)
{
    uint32_t processes = 0, places = 0;

    *total = (struct usage){0};
    list_for_each (link, &registry->processes.all) {
        struct process *process = LIST_ENTRY(link, struct process, link);
        uint32_t before = places;

        for (size_t i = 0; i < ledger_device_count(process->ledger); i++) {
            struct ledger_device *place = ledger_device(process->ledger, i);

            if (place->userdata != device)
                continue;
            usage_merge(total, &place->usage);
            places++;
        }
        processes += places > before;
    }
    *ret_processes = processes;
    *ret_places = places;
}

static uint32_t references_held(const struct world *world, const struct device *device)
{
    uint32_t references = 0;

    for (size_t held = 0; held < world->held_count; held++)
        for (size_t i = 0; i < ledger_device_count(world->held[held].ledger); i++)
            references += ledger_device(world->held[held].ledger, i)->userdata == device;
    return references;
}

static void check_rows(const struct world *world)
{
    const struct devices *devices = &world->registry.devices;

    for (size_t i = 0; i < devices->count; i++) {
        const struct device *row = devices->rows[i];
        uint32_t processes, places;
        struct usage total;

        add_up(&world->registry, row, &total, &processes, &places);
        assert_int_equal(row->processes, processes);
        assert_int_equal(row->references, places + references_held(world, row));
        assert_true(row->processes_ever >= row->processes);
        assert_int_equal(row->unsettled, unsettled_places(&world->registry, row));
        for (unsigned region = 0; region < USAGE_REGIONS; region++) {
            assert_true(row->usage.region[region].bytes == total.region[region].bytes);
            if (is_settled(&world->registry))
                assert_true(row->usage.region[region].peak >= total.region[region].bytes);
            assert_int_equal(row->usage.buffers[region], total.buffers[region]);
        }
        for (unsigned pool = 0; pool < USAGE_POOLS; pool++)
            assert_true(row->usage.pool[pool].bytes == total.pool[pool].bytes);
        assert_true(i == 0 || devices->rows[i - 1]->number < row->number);
        for (size_t k = 0; k < i; k++)
            assert_false(!row->is_physical && !devices->rows[k]->is_physical &&
                         row->logical_id == devices->rows[k]->logical_id);
    }
}

/* What his processes hold, and what ended ones left that was not given back yet: both are the server's memory. */
static void check_user(const struct world *world, const struct user *user)
{
    const struct registry *registry = &world->registry;
    uint64_t buffers = 0, devices = 0;

    list_for_each (link, &registry->processes.all) {
        const struct process *process = LIST_ENTRY(link, struct process, link);

        buffers += process->user == user ? ledger_count(process->ledger) : 0;
    }
    for (size_t held = 0; held < world->held_count; held++)
        buffers += world->held[held].user == user ? world->held[held].buffers : 0;
    for (size_t i = 0; i < registry->devices.count; i++)
        devices += registry->devices.rows[i]->creator == user;
    assert_int_equal(user->buffers, buffers);
    assert_int_equal(user->devices, devices);
}

static void check_figures(const struct figures *figures)
{
    assert_int_equal(figures->reports, figures->allocations + figures->frees + figures->unknown_free +
                                           figures->overtaken + figures->refused_device + figures->refused_size +
                                           figures->refused_region + figures->refused_limit + figures->refused_memory);
}

static void check(const struct world *world)
{
    const struct registry *registry = &world->registry;
    uint64_t processes = 0;

    list_for_each (link, &registry->processes.all) {
        check_ledger(LIST_ENTRY(link, struct process, link));
        processes++;
    }
    assert_int_equal(processes, registry->processes.count);
    check_rows(world);
    for (size_t i = 0; i < USER_BUCKETS; i++)
        list_for_each (link, &registry->users.buckets[i])
            check_user(world, LIST_ENTRY(link, struct user, link));
    check_figures(&registry->figures);
}

/* ---- Shorthand ---- */

/* Without a pidfd nothing is known of a peer, so that every attach makes a process. */
static struct process *attach(struct world *world, uid_t uid, pid_t pid)
{
    struct peer peer = {.pid = pid, .uid = uid, .gid = uid, .pidfd = -1};
    struct process *process = NULL;

    assert_int_equal(registry_attach(&world->registry, &peer, &process), 0);
    assert_non_null(process);
    return process;
}

static void detach(struct world *world, struct process *process)
{
    registry_detach(&world->registry, process, true);
    check(world);
}

static int allocate(struct world *world, struct process *process, int32_t device, uint8_t region, uint64_t id,
                    uint64_t size)
{
    int result = registry_allocate(&world->registry, process, device, region, id, size, NOW);

    check(world);
    return result;
}

static int release(struct world *world, struct process *process, int32_t device, uint8_t region, uint64_t id)
{
    int result = registry_release(&world->registry, process, device, region, id, NOW);

    check(world);
    return result;
}

static int describe(struct world *world, struct process *process, struct tt_alloc_device_record facts)
{
    int result = registry_describe(&world->registry, process, &facts);

    check(world);
    return result;
}

static struct tt_alloc_device_record chip(int32_t device_id, uint64_t asic_id)
{
    return (struct tt_alloc_device_record){.device_id = device_id, .known = TT_ALLOC_KNOWN_ASIC_ID, .asic_id = asic_id};
}

static uint64_t bytes_on(const struct world *world, int32_t number, uint8_t region)
{
    const struct device *device = devices_find(&world->registry.devices, number);

    assert_non_null(device);
    return usage_clamp(device->usage.region[region].bytes);
}

/* ---- Reports ---- */

static void test_same_key_same_size_is_shared(void **state)
{
    struct world world;
    struct process *process;

    (void)state;
    world_init(&world);
    process = attach(&world, ALICE, 10);
    assert_int_equal(allocate(&world, process, 0, TT_ALLOC_DRAM, 1, 100), 0);
    assert_int_equal(allocate(&world, process, 0, TT_ALLOC_DRAM, 1, 100), 0);
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_DRAM), 100);
    assert_int_equal(world.registry.figures.shared, 1);
    assert_int_equal(process->user->buffers, 1);
    assert_int_equal(release(&world, process, 0, ANY, 1), 0);
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_DRAM), 100);
    assert_int_equal(release(&world, process, 0, ANY, 1), 0);
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_DRAM), 0);
    assert_int_equal(world.registry.figures.allocations, 2);
    assert_int_equal(world.registry.figures.frees, 2);
    assert_int_equal(devices_find(&world.registry.devices, 0)->usage.allocations[TT_ALLOC_DRAM], 2);
    assert_int_equal(devices_find(&world.registry.devices, 0)->usage.frees[TT_ALLOC_DRAM], 2);
    world_done(&world);
}

static void test_same_key_other_size_replaces(void **state)
{
    struct world world;
    struct process *process;

    (void)state;
    world_init(&world);
    process = attach(&world, ALICE, 10);
    allocate(&world, process, 0, TT_ALLOC_L1, 1, 100);
    allocate(&world, process, 0, TT_ALLOC_L1, 1, 30);
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_L1), 30);
    assert_int_equal(world.registry.figures.replaced, 1);
    /* The two never stood side by side. */
    assert_true(devices_find(&world.registry.devices, 0)->usage.region[TT_ALLOC_L1].peak == 100);
    assert_int_equal(process->user->buffers, 1);
    release(&world, process, 0, ANY, 1);
    release(&world, process, 0, ANY, 1);
    assert_int_equal(world.registry.figures.unknown_free, 1);
    world_done(&world);
}

static void test_regions_and_pools(void **state)
{
    struct world world;
    struct process *process;
    const struct device *device;

    (void)state;
    world_init(&world);
    process = attach(&world, ALICE, 10);
    for (uint8_t region = 0; region < TT_ALLOC_REGIONS; region++)
        assert_int_equal(allocate(&world, process, 0, region, 64, UINT64_C(1) << (7 * region)), 0);
    device = devices_find(&world.registry.devices, 0);
    for (uint8_t region = 0; region < TT_ALLOC_REGIONS; region++)
        assert_int_equal(bytes_on(&world, 0, region), UINT64_C(1) << (7 * region));
    assert_true(device->usage.pool[TT_ALLOC_POOL_DRAM].bytes == (1 | 1 << 28)); /* DRAM + TRACE */
    assert_true(device->usage.pool[TT_ALLOC_POOL_L1].bytes ==
                (UINT64_C(1) << 7 | 1 << 21 | UINT64_C(1) << 35));        /* L1 + L1_SMALL + CB */
    assert_true(device->usage.pool[TT_ALLOC_POOL_HOST].bytes == 1 << 14); /* and KERNEL in none */
    assert_int_equal(process->user->buffers, 7);
    world_done(&world);
}

static void test_free_without_region_takes_the_youngest(void **state)
{
    struct world world;
    struct process *process;

    (void)state;
    world_init(&world);
    process = attach(&world, ALICE, 10);
    allocate(&world, process, 0, TT_ALLOC_L1, 7, 10);
    allocate(&world, process, 0, TT_ALLOC_TRACE, 7, 20);
    allocate(&world, process, 0, TT_ALLOC_DRAM, 7, 30);
    allocate(&world, process, 0, TT_ALLOC_CB, 7, 40); /* never meant by a FREE */
    release(&world, process, 0, ANY, 7);
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_DRAM), 0);
    release(&world, process, 0, ANY, 7);
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_TRACE), 0);
    assert_int_equal(world.registry.figures.ambiguous_free, 2);
    release(&world, process, 0, ANY, 7);
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_L1), 0);
    assert_int_equal(world.registry.figures.ambiguous_free, 2);
    release(&world, process, 0, ANY, 7);
    assert_int_equal(world.registry.figures.unknown_free, 1);
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_CB), 40);
    world_done(&world);
}

static void test_free_with_region_is_exact(void **state)
{
    struct world world;
    struct process *process;

    (void)state;
    world_init(&world);
    process = attach(&world, ALICE, 10);
    allocate(&world, process, 0, TT_ALLOC_DRAM, 7, 10);
    allocate(&world, process, 0, TT_ALLOC_L1, 7, 20);
    release(&world, process, 0, TT_ALLOC_TRACE, 7);
    assert_int_equal(world.registry.figures.unknown_free, 1);
    release(&world, process, 0, TT_ALLOC_DRAM, 7);
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_DRAM), 0);
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_L1), 20);
    assert_int_equal(world.registry.figures.ambiguous_free, 0);
    world_done(&world);
}

static void test_unknown_frees_change_nothing(void **state)
{
    struct world world;
    struct process *process;

    (void)state;
    world_init(&world);
    process = attach(&world, ALICE, 10);
    assert_int_equal(release(&world, process, 3, ANY, 7), 0);
    assert_int_equal(world.registry.devices.count, 0);
    allocate(&world, process, 0, TT_ALLOC_DRAM, 7, 10);
    release(&world, process, 1, ANY, 7); /* another device */
    release(&world, process, 0, ANY, 8); /* another id */
    assert_int_equal(world.registry.figures.unknown_free, 3);
    assert_int_equal(world.registry.figures.frees, 0);
    assert_int_equal(world.registry.devices.count, 1);
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_DRAM), 10);
    assert_int_equal(process->lost, 0);
    world_done(&world);
}

static void test_another_process_is_never_touched(void **state)
{
    struct world world;
    struct process *mine, *other;

    (void)state;
    world_init(&world);
    mine = attach(&world, ALICE, 10);
    other = attach(&world, ALICE, 11);
    allocate(&world, mine, 0, TT_ALLOC_DRAM, 7, 10);
    release(&world, other, 0, ANY, 7);
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_DRAM), 10);
    allocate(&world, other, 0, TT_ALLOC_DRAM, 7, 500); /* the same address in two processes is two buffers */
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_DRAM), 510);
    assert_int_equal(world.registry.figures.replaced, 0);
    release(&world, other, 0, ANY, 7);
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_DRAM), 10);
    assert_int_equal(devices_find(&world.registry.devices, 0)->processes, 2);
    world_done(&world);
}

static void test_impossible_fields_are_refused_and_counted(void **state)
{
    struct world world;
    struct process *process;
    const struct figures *figures = &world.registry.figures;

    (void)state;
    world_init(&world);
    process = attach(&world, ALICE, 10);
    assert_int_equal(allocate(&world, process, -1, TT_ALLOC_DRAM, 1, 1), -EINVAL);
    assert_int_equal(allocate(&world, process, INT32_MIN, TT_ALLOC_DRAM, 1, 1), -EINVAL);
    assert_int_equal(release(&world, process, -1, ANY, 1), -EINVAL);
    assert_int_equal(figures->refused_device, 3);
    assert_int_equal(allocate(&world, process, 0, TT_ALLOC_REGIONS, 1, 1), -EINVAL);
    assert_int_equal(allocate(&world, process, 0, ANY, 1, 1), -EINVAL);
    assert_int_equal(release(&world, process, 0, TT_ALLOC_REGIONS, 1), -EINVAL);
    assert_int_equal(figures->refused_region, 3);
    assert_int_equal(allocate(&world, process, 0, TT_ALLOC_DRAM, 1, LEDGER_SIZE_LIMIT), -EFBIG);
    assert_int_equal(allocate(&world, process, 0, TT_ALLOC_DRAM, 1, UINT64_MAX), -EFBIG);
    assert_int_equal(figures->refused_size, 2);
    assert_int_equal(process->lost, 8);
    assert_false(process_is_inexact(process)); /* nothing real was left out */
    assert_int_equal(world.registry.devices.count, 0);
    assert_int_equal(figures->reports, 8);

    assert_int_equal(allocate(&world, process, INT32_MAX, TT_ALLOC_DRAM, UINT64_MAX, LEDGER_SIZE_LIMIT - 1), 0);
    assert_int_equal(allocate(&world, process, INT32_MAX, TT_ALLOC_DRAM, 0, 0), 0);
    assert_int_equal(bytes_on(&world, INT32_MAX, TT_ALLOC_DRAM), LEDGER_SIZE_LIMIT - 1);
    world_done(&world);
}

static void test_sums_saturate(void **state)
{
    struct world world;
    struct process *process;

    (void)state;
    world_init(&world);
    process = attach(&world, ALICE, 10);
    for (uint64_t id = 0; id < 70000; id++)
        registry_allocate(&world.registry, process, 0, TT_ALLOC_DRAM, id, LEDGER_SIZE_LIMIT - 1, NOW);
    check(&world);
    assert_true(bytes_on(&world, 0, TT_ALLOC_DRAM) == INT64_MAX);
    for (uint64_t id = 0; id < 70000; id++)
        registry_release(&world.registry, process, 0, TT_ALLOC_DRAM, id, NOW);
    check(&world);
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_DRAM), 0);
    world_done(&world);
}

/* ---- Processes ---- */

static void test_unknown_peers_are_processes_of_their_own(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    assert_ptr_not_equal(attach(&world, ALICE, 10), attach(&world, ALICE, 10));
    assert_int_equal(world.registry.processes.count, 2);
    world_done(&world);
}

static void test_sessions_of_one_process_share_it(void **state)
{
    struct world world;
    struct peer self = {.pid = getpid(), .uid = getuid(), .gid = getgid()};
    struct process *first, *second;

    (void)state;
    world_init(&world);
    self.pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    assert_true(self.pidfd >= 0);
    assert_int_equal(registry_attach(&world.registry, &self, &first), 0);
    assert_int_equal(registry_attach(&world.registry, &self, &second), 0);
    assert_ptr_equal(first, second);
    assert_int_equal(first->sessions, 2);
    assert_ptr_equal(processes_find_pid(&world.registry.processes, getpid()), first);
    allocate(&world, first, 0, TT_ALLOC_DRAM, 1, 1);

    detach(&world, first);
    assert_int_equal(world.told, 0);
    assert_int_equal(world.registry.processes.count, 1);
    detach(&world, first);
    assert_int_equal(world.told, 1);
    assert_int_equal(world.registry.processes.count, 0);

    assert_int_equal(registry_attach(&world.registry, &self, &second), 0);
    assert_int_equal(ledger_count(second->ledger), 0);
    assert_true(second->serial > 1);
    close(self.pidfd);
    world_done(&world);
}

static void test_the_end_is_told_exactly_once(void **state)
{
    struct world world;
    struct process *process, *other;
    const struct ended *entry;

    (void)state;
    world_init(&world);
    world.keep = true;
    process = attach(&world, ALICE, 10);
    other = attach(&world, BOB, 11);
    allocate(&world, process, 0, TT_ALLOC_DRAM, 1, 100);
    allocate(&world, process, 0, TT_ALLOC_L1, 2, 200);
    allocate(&world, other, 0, TT_ALLOC_DRAM, 1, 1000);

    registry_detach(&world.registry, process, false);
    check(&world);
    assert_int_equal(world.told, 1);
    assert_int_equal(world.last.pid, 10);
    assert_int_equal(world.last.user->uid, ALICE);
    assert_int_equal(world.last.reason, TT_ALLOC_REASON_HUNG_UP);
    assert_int_equal(world.last_buffers, 2);
    assert_int_equal(world.registry.figures.leaked_processes, 1);
    assert_int_equal(world.registry.figures.leaked_buffers, 2);
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_DRAM), 1000); /* at once, although the report is not written yet */
    assert_int_equal(world.last.user->buffers, 2);              /* charged until their memory is given back */
    entry = ended_after(&world.registry.ended, 0);
    assert_int_equal(entry->buffers, 2);
    assert_int_equal(entry->pid, 10);

    give_back(&world.held[--world.held_count]);
    check(&world);
    assert_int_equal(world.last.user->buffers, 0);

    release(&world, other, 0, ANY, 1);
    detach(&world, other);
    assert_int_equal(world.told, 2);
    assert_int_equal(world.last.reason, TT_ALLOC_REASON_EXITED);
    assert_int_equal(world.last_buffers, 0);
    assert_int_equal(world.registry.figures.leaked_processes, 1);
    assert_int_equal(ended_after(&world.registry.ended, 1)->pid, 11);
    world_done(&world);
}

static void test_living_processes_leave_nothing_at_the_servers_end(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    allocate(&world, attach(&world, ALICE, 10), 0, TT_ALLOC_DRAM, 1, 100);
    world_done(&world);
    assert_int_equal(world.told, 0);
}

static void test_serials_are_never_used_twice(void **state)
{
    struct world world;
    uint64_t last = 0;

    (void)state;
    world_init(&world);
    for (pid_t pid = 1; pid < 50; pid++) {
        struct process *process = attach(&world, ALICE, pid);

        assert_true(process->serial > last);
        last = process->serial;
        detach(&world, process);
    }
    assert_null(processes_after(&world.registry.processes, 0));
    world_done(&world);
}

/* ---- Which device ---- */

static void test_undescribed_devices_share_a_row_by_number(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    allocate(&world, attach(&world, ALICE, 10), 4, TT_ALLOC_DRAM, 1, 100);
    allocate(&world, attach(&world, BOB, 11), 4, TT_ALLOC_DRAM, 1, 10);
    assert_int_equal(world.registry.devices.count, 1);
    assert_int_equal(bytes_on(&world, 4, TT_ALLOC_DRAM), 110);
    world_done(&world);
}

static void test_two_chips_with_the_same_logical_id(void **state)
{
    struct world world;
    struct process *a, *b, *c;

    (void)state;
    world_init(&world);
    a = attach(&world, ALICE, 10);
    b = attach(&world, BOB, 11);
    c = attach(&world, ALICE, 12);
    assert_int_equal(describe(&world, a, chip(0, 100)), 0);
    assert_int_equal(describe(&world, b, chip(0, 200)), 0);
    assert_int_equal(describe(&world, c, chip(1, 100)), 0);
    allocate(&world, a, 0, TT_ALLOC_DRAM, 1, 10);
    allocate(&world, b, 0, TT_ALLOC_DRAM, 1, 1000);
    allocate(&world, c, 1, TT_ALLOC_DRAM, 1, 5);
    assert_int_equal(world.registry.devices.count, 2);
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_DRAM), 15);
    assert_int_equal(bytes_on(&world, 1, TT_ALLOC_DRAM), 1000);

    assert_int_equal(registry_resolve(&world.registry, a, 0)->number, 0);
    assert_int_equal(registry_resolve(&world.registry, b, 0)->number, 1);
    assert_int_equal(registry_resolve(&world.registry, c, 1)->number, 0);
    assert_int_equal(registry_resolve(&world.registry, NULL, 1)->number, 1);
    assert_int_equal(registry_resolve(&world.registry, a, 1)->number, 1); /* not its own: the server's number */
    assert_null(registry_resolve(&world.registry, a, 2));
    world_done(&world);
}

static void test_a_row_of_one_process_becomes_the_chips(void **state)
{
    struct world world;
    struct process *process;
    const struct device *row;

    (void)state;
    world_init(&world);
    process = attach(&world, ALICE, 10);
    allocate(&world, process, 3, TT_ALLOC_DRAM, 1, 10);
    row = devices_find(&world.registry.devices, 3);
    describe(&world, process, chip(3, 100));
    assert_ptr_equal(devices_find(&world.registry.devices, 3), row);
    assert_true(row->is_physical);
    assert_int_equal(row->facts.asic_id, 100);
    assert_int_equal(row->usage.allocations[TT_ALLOC_DRAM], 1); /* nothing moved, nothing was counted again */
    assert_int_equal(world.registry.devices.count, 1);
    world_done(&world);
}

static void test_a_shared_row_is_left_behind(void **state)
{
    struct world world;
    struct process *a, *b;
    const struct device *chip_row;

    (void)state;
    world_init(&world);
    a = attach(&world, ALICE, 10);
    b = attach(&world, BOB, 11);
    allocate(&world, a, 0, TT_ALLOC_DRAM, 1, 10);
    allocate(&world, b, 0, TT_ALLOC_DRAM, 1, 100);
    describe(&world, a, chip(0, 7));
    chip_row = registry_resolve(&world.registry, a, 0);
    assert_int_equal(chip_row->number, 1);
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_DRAM), 100);
    assert_int_equal(bytes_on(&world, 1, TT_ALLOC_DRAM), 10);
    describe(&world, b, chip(0, 7));
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_DRAM), 0);
    assert_int_equal(bytes_on(&world, 1, TT_ALLOC_DRAM), 110);
    assert_int_equal(chip_row->processes, 2);
    world_done(&world);
}

/* The process is the only one that ever used the logical row, and the chip has a row: the former goes away. */
static void test_a_row_that_nobody_else_used_goes_away(void **state)
{
    struct world world;
    struct process *a, *b;

    (void)state;
    world_init(&world);
    a = attach(&world, ALICE, 10);
    b = attach(&world, BOB, 11);
    describe(&world, a, chip(5, 7));
    allocate(&world, b, 0, TT_ALLOC_DRAM, 1, 100);
    assert_int_equal(world.registry.devices.count, 2);
    describe(&world, b, chip(0, 7));
    assert_int_equal(world.registry.devices.count, 1);
    assert_int_equal(bytes_on(&world, 5, TT_ALLOC_DRAM), 100);
    assert_true(devices_find(&world.registry.devices, 5)->usage.region[TT_ALLOC_DRAM].peak == 100);
    assert_int_equal(devices_find(&world.registry.devices, 5)->usage.allocations[TT_ALLOC_DRAM], 1);
    world_done(&world);
}

static void test_a_device_described_as_another_chip_moves(void **state)
{
    struct world world;
    struct process *process;

    (void)state;
    world_init(&world);
    process = attach(&world, ALICE, 10);
    describe(&world, process, chip(0, 1));
    allocate(&world, process, 0, TT_ALLOC_DRAM, 1, 10);
    describe(&world, process, chip(0, 2));
    assert_int_equal(world.registry.devices.count, 2);
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_DRAM), 0);
    assert_int_equal(bytes_on(&world, 1, TT_ALLOC_DRAM), 10);
    assert_int_equal(devices_find(&world.registry.devices, 0)->processes, 0);
    release(&world, process, 0, ANY, 1);
    assert_int_equal(bytes_on(&world, 1, TT_ALLOC_DRAM), 0);
    world_done(&world);
}

static void test_two_ids_of_one_process_for_one_chip(void **state)
{
    struct world world;
    struct process *process;

    (void)state;
    world_init(&world);
    process = attach(&world, ALICE, 10);
    describe(&world, process, chip(0, 1));
    describe(&world, process, chip(1, 1));
    allocate(&world, process, 0, TT_ALLOC_DRAM, 1, 10);
    allocate(&world, process, 1, TT_ALLOC_DRAM, 1, 20);
    assert_int_equal(world.registry.devices.count, 1);
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_DRAM), 30);
    assert_int_equal(devices_find(&world.registry.devices, 0)->processes, 1);
    describe(&world, process, chip(1, 2)); /* one of the two goes to another chip, the process stays on the first */
    assert_int_equal(devices_find(&world.registry.devices, 0)->processes, 1);
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_DRAM), 10);
    describe(&world, process, chip(1, 1));
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_DRAM), 30);
    detach(&world, process);
    assert_int_equal(bytes_on(&world, 0, TT_ALLOC_DRAM), 0);
    assert_int_equal(devices_find(&world.registry.devices, 0)->processes, 0);
    world_done(&world);
}

static void test_facts_without_a_chip_stay_with_the_number(void **state)
{
    struct world world;
    struct process *process;
    struct tt_alloc_device_record facts = {.device_id = 2, .known = TT_ALLOC_KNOWN_DRAM_SIZE, .dram_size = 12};

    (void)state;
    world_init(&world);
    process = attach(&world, ALICE, 10);
    assert_int_equal(describe(&world, process, facts), 0);
    assert_int_equal(devices_find(&world.registry.devices, 2)->facts.dram_size, 12);
    assert_false(devices_find(&world.registry.devices, 2)->is_physical);
    facts.device_id = -1;
    assert_int_equal(describe(&world, process, facts), -EINVAL);
    assert_int_equal(world.registry.figures.refused_description, 1);
    world_done(&world);
}

/* What one user said of a chip, another one cannot change; root can. */
static void test_who_may_correct_a_description(void **state)
{
    struct world world;
    struct tt_alloc_device_record facts = chip(0, 1);
    const struct device *device;

    (void)state;
    world_init(&world);
    facts.known |= TT_ALLOC_KNOWN_DRAM_SIZE;
    facts.dram_size = 12;
    describe(&world, attach(&world, ALICE, 10), facts);
    device = devices_find(&world.registry.devices, 0);
    facts.dram_size = 999;
    describe(&world, attach(&world, BOB, 11), facts);
    assert_int_equal(device->facts.dram_size, 12);
    describe(&world, attach(&world, 0, 12), facts);
    assert_int_equal(device->facts.dram_size, 999);
    world_done(&world);
}

/* ---- Limits ---- */

static void test_buffers_per_user(void **state)
{
    struct world world;
    struct process *a, *b, *other, *root;

    (void)state;
    world_init(&world);
    a = attach(&world, ALICE, 10);
    b = attach(&world, ALICE, 11);
    other = attach(&world, BOB, 12);
    root = attach(&world, 0, 13);
    a->user->buffers += LIMIT_BUFFERS_DEFAULT - 2; /* as if he had so many */
    root->user->buffers += USER_PRIVILEGED_FACTOR * LIMIT_BUFFERS_DEFAULT - 1;
    registry_allocate(&world.registry, a, 0, TT_ALLOC_DRAM, 1, 1, NOW);
    assert_int_equal(registry_allocate(&world.registry, b, 0, TT_ALLOC_DRAM, 1, 1, NOW), 0);
    assert_int_equal(registry_allocate(&world.registry, a, 0, TT_ALLOC_DRAM, 2, 1, NOW), -EDQUOT);
    assert_int_equal(registry_allocate(&world.registry, b, 0, TT_ALLOC_DRAM, 2, 1, NOW), -EDQUOT);
    assert_int_equal(registry_allocate(&world.registry, other, 0, TT_ALLOC_DRAM, 2, 1, NOW), 0);
    assert_int_equal(registry_allocate(&world.registry, root, 0, TT_ALLOC_DRAM, 2, 1, NOW), 0);
    assert_int_equal(registry_allocate(&world.registry, root, 0, TT_ALLOC_DRAM, 3, 1, NOW), -EDQUOT);
    assert_int_equal(world.registry.figures.refused_limit, 3);
    assert_true(process_is_inexact(a) && process_is_inexact(b) && !process_is_inexact(other));
    assert_int_equal(a->lost, 1);

    assert_int_equal(registry_release(&world.registry, b, 0, TT_ALLOC_DRAM, 1, NOW), 0);
    assert_int_equal(registry_allocate(&world.registry, a, 0, TT_ALLOC_DRAM, 2, 1, NOW), 0);
    a->user->buffers -= LIMIT_BUFFERS_DEFAULT - 2;
    root->user->buffers -= USER_PRIVILEGED_FACTOR * LIMIT_BUFFERS_DEFAULT - 1;
    check(&world);
    detach(&world, a);
    assert_true(world.last.is_inexact); /* "at most" */
    world_done(&world);
}

static void test_devices_per_process(void **state)
{
    struct world world;
    struct process *process;

    (void)state;
    world_init(&world);
    process = attach(&world, ALICE, 10);
    for (int32_t id = 0; id < LEDGER_DEVICES_MAX; id++)
        assert_int_equal(registry_allocate(&world.registry, process, id, TT_ALLOC_DRAM, 1, 1, NOW), 0);
    assert_int_equal(allocate(&world, process, LEDGER_DEVICES_MAX, TT_ALLOC_DRAM, 1, 1), -EDQUOT);
    assert_int_equal(describe(&world, process, chip(LEDGER_DEVICES_MAX, 1)), -EDQUOT);
    assert_int_equal(world.registry.figures.refused_limit, 1);
    assert_int_equal(world.registry.figures.refused_description, 1);
    assert_true(process_is_inexact(process));
    assert_int_equal(world.registry.devices.count, LEDGER_DEVICES_MAX);
    assert_int_equal(allocate(&world, process, 7, TT_ALLOC_DRAM, 2, 1), 0);
    world_done(&world);
}

/* A process with 256 rows that nobody else has. */
static struct process *occupy(struct world *world, uid_t uid, pid_t pid, uint64_t now)
{
    struct process *process = attach(world, uid, pid);

    for (int32_t i = 0; i < LEDGER_DEVICES_MAX; i++)
        assert_int_equal(registry_allocate(&world->registry, process, pid * LEDGER_DEVICES_MAX + i, TT_ALLOC_DRAM, 1, 1,
                                           now + (uint64_t)i),
                         0);
    return process;
}

static void test_rows_per_user(void **state)
{
    struct world world;
    struct process *process;

    (void)state;
    world_init(&world);
    for (pid_t pid = 0; pid < USER_DEVICES_MAX / LEDGER_DEVICES_MAX; pid++)
        occupy(&world, ALICE, pid, NOW);
    process = attach(&world, ALICE, 100);
    assert_int_equal(allocate(&world, process, 100000, TT_ALLOC_DRAM, 1, 1), -EDQUOT);
    assert_int_equal(allocate(&world, process, 100000, TT_ALLOC_DRAM, 1, 1), -EDQUOT);
    assert_int_equal(describe(&world, process, chip(100000, 1)), -EDQUOT);
    assert_int_equal(allocate(&world, process, 5, TT_ALLOC_DRAM, 1, 1), 0); /* a row that is there */
    assert_int_equal(allocate(&world, attach(&world, BOB, 101), 100000, TT_ALLOC_DRAM, 1, 1), 0);
    assert_int_equal(allocate(&world, process, 100000, TT_ALLOC_DRAM, 1, 1), 0); /* now it is there */
    detach(&world, process);
    world_done(&world);
}

static void test_all_rows_taken(void **state)
{
    struct world world;
    struct process *processes[DEVICES_MAX / LEDGER_DEVICES_MAX], *late;

    (void)state;
    world_init(&world);
    for (pid_t pid = 0; pid < DEVICES_MAX / LEDGER_DEVICES_MAX; pid++)
        processes[pid] = occupy(&world, 0, pid, NOW * (uint64_t)(20 - pid));
    check(&world);
    late = attach(&world, ALICE, 1000);
    assert_int_equal(allocate(&world, late, 1 << 20, TT_ALLOC_DRAM, 1, 1), -EDQUOT);

    /* While a leak report of it is being written, a row stays. */
    world.keep = true;
    detach(&world, processes[3]);
    assert_int_equal(allocate(&world, late, 1 << 20, TT_ALLOC_DRAM, 1, 1), -EDQUOT);
    give_back(&world.held[--world.held_count]);
    world.keep = false;
    detach(&world, processes[2]);

    /* Process 3's rows have been idle for longer than process 2's, and its first one for longest. */
    assert_int_equal(allocate(&world, late, 1 << 20, TT_ALLOC_DRAM, 1, 1), 0);
    assert_null(devices_find(&world.registry.devices, 3 * LEDGER_DEVICES_MAX));
    assert_non_null(devices_find(&world.registry.devices, 3 * LEDGER_DEVICES_MAX + 1));
    assert_non_null(devices_find(&world.registry.devices, 2 * LEDGER_DEVICES_MAX));
    assert_int_equal(world.registry.devices.count, DEVICES_MAX);
    world_done(&world);
}

static void test_log_lines_per_user(void **state)
{
    struct users users;
    struct user *user;
    unsigned told = 0;

    (void)state;
    users_init(&users);
    assert_int_equal(users_get(&users, ALICE, &user), 0);
    user->log_refilled = NOW;
    for (unsigned i = 0; i < 10000; i++)
        told += user_may_log(user, 1, NOW);
    assert_int_equal(told, 2000);
    assert_false(user_may_log(user, 1, NOW));
    assert_true(user_may_log(user, 1, 2 * NOW)); /* a second later there are some */
    users_done(&users);
}

/* A report of more lines than a burst has must not be refused for ever: it takes the whole allowance. */
static void test_a_report_longer_than_the_allowance(void **state)
{
    struct users users;
    struct user *user;

    (void)state;
    users_init(&users);
    assert_int_equal(users_get(&users, ALICE, &user), 0);
    user->log_refilled = NOW;
    assert_true(user_may_log(user, 100000, NOW));
    assert_false(user_may_log(user, 1, NOW));
    assert_false(user_may_log(user, 100000, 50 * NOW));
    assert_true(user_may_log(user, 100000, 102 * NOW));
    users_done(&users);
}

/* ---- Peaks ---- */

static void test_peaks_and_resets(void **state)
{
    struct world world;
    struct process *a, *b;
    const struct usage *row, *place;

    (void)state;
    world_init(&world);
    a = attach(&world, ALICE, 10);
    b = attach(&world, BOB, 11);
    for (int32_t device = 0; device < 2; device++) {
        allocate(&world, a, device, TT_ALLOC_DRAM, 1, 100);
        allocate(&world, a, device, TT_ALLOC_TRACE, 2, 50);
        allocate(&world, b, device, TT_ALLOC_DRAM, 1, 1000);
        release(&world, a, device, ANY, 1);
    }
    row = &devices_find(&world.registry.devices, 1)->usage;
    place = &ledger_find_device(a->ledger, 1)->usage;
    assert_true(row->region[TT_ALLOC_DRAM].peak == 1100);
    assert_true(row->pool[TT_ALLOC_POOL_DRAM].peak == 1150);
    assert_true(place->region[TT_ALLOC_DRAM].peak == 100);
    assert_true(place->pool[TT_ALLOC_POOL_DRAM].peak == 150);

    registry_reset_process_peaks(b, -1);
    assert_false(b->has_reset_peaks); /* all that it ever had is live */
    assert_false(registry_reset_process_peaks(a, 7));
    assert_false(a->has_reset_peaks);
    registry_reset_process_peaks(a, 0); /* the other device's stay */
    assert_true(a->has_reset_peaks);
    assert_true(place->region[TT_ALLOC_DRAM].peak == 100);
    assert_true(ledger_find_device(a->ledger, 0)->usage.region[TT_ALLOC_DRAM].peak == 0);
    registry_reset_process_peaks(a, -1);
    assert_true(place->region[TT_ALLOC_DRAM].peak == 0);
    assert_true(place->pool[TT_ALLOC_POOL_DRAM].peak == 50);
    assert_true(row->region[TT_ALLOC_DRAM].peak == 1100);

    registry_reset_device_peaks(&world.registry, 0);
    assert_true(row->region[TT_ALLOC_DRAM].peak == 1100);
    registry_reset_device_peaks(&world.registry, -1);
    assert_true(row->region[TT_ALLOC_DRAM].peak == 1000);
    assert_true(row->pool[TT_ALLOC_POOL_DRAM].peak == 1050);
    assert_int_equal(world.registry.figures.device_peak_resets, 2);
    registry_reset_device_peaks(&world.registry, -1); /* nothing is lost by that */
    assert_int_equal(world.registry.figures.device_peak_resets, 2);

    detach(&world, b);
    assert_true(row->region[TT_ALLOC_DRAM].peak == 1000); /* the row remembers */
    world_done(&world);
}

static void test_activity(void **state)
{
    struct world world;
    struct process *process;

    (void)state;
    world_init(&world);
    process = attach(&world, ALICE, 10);
    process->last_activity = 0; /* not the moment of this test */
    registry_allocate(&world.registry, process, 0, TT_ALLOC_DRAM, 1, 1, 5 * NOW);
    registry_release(&world.registry, process, 0, TT_ALLOC_DRAM, 1, 6 * NOW);
    registry_release(&world.registry, process, 0, TT_ALLOC_DRAM, 1, 7 * NOW); /* unknown */
    assert_int_equal(devices_find(&world.registry.devices, 0)->usage.last_activity, 6 * NOW);
    assert_int_equal(process->last_activity, 7 * NOW);
    registry_allocate(&world.registry, process, 0, TT_ALLOC_DRAM, 1, 1, 2 * NOW); /* through a slower way */
    assert_int_equal(devices_find(&world.registry.devices, 0)->usage.last_activity, 6 * NOW);
    assert_int_equal(process->last_activity, 7 * NOW);
    world_done(&world);
}

/* ---- Anything at all ---- */

#define CROWD 12

struct crowd {
    struct world world;
    struct fixture_random random;
    struct process *processes[CROWD];
    size_t endings;
};

static struct tt_alloc_device_record random_description(struct fixture_random *random)
{
    struct tt_alloc_device_record facts = {.device_id =
                                               (int32_t)fixture_below(random, 5) - (fixture_below(random, 20) == 0)};

    if (fixture_below(random, 2)) {
        facts.known |= TT_ALLOC_KNOWN_ASIC_ID;
        facts.asic_id = fixture_below(random, 4);
    }
    if (fixture_below(random, 2)) {
        facts.known |= TT_ALLOC_KNOWN_PCI;
        facts.pci_address = (uint32_t)fixture_below(random, 4);
    }
    if (fixture_below(random, 4) == 0) {
        facts.known |= TT_ALLOC_KNOWN_REMOTE;
        facts.remote = 1;
    }
    return facts;
}

static void random_report(struct crowd *crowd, struct process *process)
{
    struct fixture_random *random = &crowd->random;
    int32_t device = (int32_t)fixture_below(random, 6) - (fixture_below(random, 50) == 0);
    uint8_t region = (uint8_t)fixture_below(random, 8);
    uint64_t id = fixture_below(random, 12);

    if (fixture_below(random, 5) < 3)
        registry_allocate(&crowd->world.registry, process, device, region, id,
                          fixture_below(random, 60) ? 1 + fixture_below(random, 3) : UINT64_C(1) << 48, NOW);
    else
        registry_release(&crowd->world.registry, process, device, fixture_below(random, 2) ? region : ANY, id, NOW);
}

static void random_announcement(struct crowd *crowd, struct process *process)
{
    struct fixture_random *random = &crowd->random;
    const struct announcement announcement = {
        .device_id = (int32_t)fixture_below(random, 6) - (fixture_below(random, 50) == 0),
        .region = (uint8_t)fixture_below(random, 8),
        .references = (uint32_t)fixture_below(random, 4),
        .buffer_id = fixture_below(random, 12),
        .size = 1 + fixture_below(random, 3),
        .born = NOW / 2,
    };

    registry_announce(&crowd->world.registry, process, &announcement, NOW);
}

/* A part of a resync; those of some processes are merged. */
static void random_resync(struct crowd *crowd, struct process *process)
{
    struct fixture_random *random = &crowd->random;
    struct registry *registry = &crowd->world.registry;
    bool merge = process->serial % 4 == 0;
    size_t what = fixture_below(random, 20), steps = fixture_below(random, 10);

    if (process->is_sweeping && what > 0)
        registry_sweep(registry, process, &steps);
    else if (process->resyncs == 0)
        registry_resync_begin(process, merge);
    else if (what < 14)
        random_announcement(crowd, process);
    else if (what < 16)
        registry_resync_counts(registry, process, (int32_t)fixture_below(random, 6), TT_ALLOC_L1, 100, 50);
    else if (what < 18)
        registry_resync_peak(registry, process, (int32_t)fixture_below(random, 6), TT_ALLOC_RECORD_POOL, 100);
    else if (what < 19)
        registry_resync_end(registry, process, merge, fixture_below(random, 20));
    else
        registry_resync_call_off(process);
}

static void random_step(struct crowd *crowd)
{
    struct world *world = &crowd->world;
    struct process **slot = &crowd->processes[fixture_below(&crowd->random, CROWD)];
    size_t what = fixture_below(&crowd->random, 100);

    if (!*slot) {
        *slot = attach(world, ALICE + (uid_t)fixture_below(&crowd->random, 3), (pid_t)fixture_below(&crowd->random, 5));
    } else if (what < 65) {
        random_report(crowd, *slot);
    } else if (what < 85) {
        random_resync(crowd, *slot);
    } else if (what < 95) {
        struct tt_alloc_device_record facts = random_description(&crowd->random);

        registry_describe(&world->registry, *slot, &facts);
    } else if (what < 96) {
        registry_reset_device_peaks(&world->registry, (int32_t)fixture_below(&crowd->random, 4) - 1);
        registry_reset_process_peaks(*slot, (int32_t)fixture_below(&crowd->random, 4) - 1);
    } else if (what < 98) {
        registry_detach(&world->registry, *slot, what % 2);
        *slot = NULL;
        crowd->endings++;
    } else if (world->held_count > 0)
        give_back(&world->held[--world->held_count]);
}

static void test_random_operations(void **state)
{
    struct crowd crowd = {.random = {42}};

    (void)state;
    world_init(&crowd.world);
    crowd.world.keep = true;
    for (size_t i = 0; i < 60000; i++) {
        random_step(&crowd);
        if (i % 7 == 0)
            check(&crowd.world);
    }
    assert_int_equal(crowd.world.told, crowd.endings);
    assert_int_equal(crowd.world.registry.ended.next_serial, crowd.endings + 1);
    assert_true(crowd.endings > 100 && crowd.world.registry.devices.count > 5);
    assert_true(crowd.world.registry.figures.refused_device > 0 && crowd.world.registry.figures.refused_size > 0);
    assert_true(crowd.world.registry.figures.swept > 500 && crowd.world.registry.figures.resync_mismatch > 100);
    for (size_t i = 0; i < CROWD; i++)
        if (crowd.processes[i])
            detach(&crowd.world, crowd.processes[i]);
    for (size_t i = 0; i < crowd.world.registry.devices.count; i++)
        assert_int_equal(usage_buffers(&crowd.world.registry.devices.rows[i]->usage), 0);
    world_done(&crowd.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_same_key_same_size_is_shared),
        FIXTURE(test_same_key_other_size_replaces),
        FIXTURE(test_regions_and_pools),
        FIXTURE(test_free_without_region_takes_the_youngest),
        FIXTURE(test_free_with_region_is_exact),
        FIXTURE(test_unknown_frees_change_nothing),
        FIXTURE(test_another_process_is_never_touched),
        FIXTURE(test_impossible_fields_are_refused_and_counted),
        FIXTURE(test_sums_saturate),
        FIXTURE(test_unknown_peers_are_processes_of_their_own),
        FIXTURE(test_sessions_of_one_process_share_it),
        FIXTURE(test_the_end_is_told_exactly_once),
        FIXTURE(test_living_processes_leave_nothing_at_the_servers_end),
        FIXTURE(test_serials_are_never_used_twice),
        FIXTURE(test_undescribed_devices_share_a_row_by_number),
        FIXTURE(test_two_chips_with_the_same_logical_id),
        FIXTURE(test_a_row_of_one_process_becomes_the_chips),
        FIXTURE(test_a_shared_row_is_left_behind),
        FIXTURE(test_a_row_that_nobody_else_used_goes_away),
        FIXTURE(test_a_device_described_as_another_chip_moves),
        FIXTURE(test_two_ids_of_one_process_for_one_chip),
        FIXTURE(test_facts_without_a_chip_stay_with_the_number),
        FIXTURE(test_who_may_correct_a_description),
        FIXTURE(test_buffers_per_user),
        FIXTURE(test_devices_per_process),
        FIXTURE(test_rows_per_user),
        FIXTURE(test_all_rows_taken),
        FIXTURE(test_log_lines_per_user),
        FIXTURE(test_a_report_longer_than_the_allowance),
        FIXTURE(test_peaks_and_resets),
        FIXTURE(test_activity),
        FIXTURE(test_random_operations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
