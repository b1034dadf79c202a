/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_host */

/*
 * Which device a totals file is about: by ids, by processes, by locks; and that nothing is said where nothing is
 * certain.
 */

#include "tests/unit/process_fixture.h"

#include "host/join.h"

#define DEVICES 3

/* A host of three devices, and of files that each have slots of at most two processes. */
struct scene {
    struct tree tree;
    struct host_root root;
    struct host host;
    struct host_device devices[DEVICES];
    struct host_holder holders[DEVICES][4];
    struct host_totals totals[3];
    struct host_slot slots[3][2];
};

static void scene_open(struct scene *scene)
{
    *scene = (struct scene){.tree = tree_open()};
    tree_mkdir(&scene->tree, "dev/shm/x");
    assert_int_equal(host_root_open(scene->tree.path, &scene->root), 0);
    scene->host.devices = scene->devices;
    scene->host.device_count = DEVICES;
    scene->host.totals = scene->totals;
    for (int i = 0; i < DEVICES; i++) {
        scene->devices[i].number = 10 * i; /* a number is no index */
        scene->devices[i].asic_id.error = -ENOENT;
        scene->devices[i].board_id.error = -ENOENT;
        scene->devices[i].holders = scene->holders[i];
    }
}

static void scene_close(struct scene *scene)
{
    host_root_close(&scene->root);
    tree_close(&scene->tree);
}

static void set_ids(struct scene *scene, size_t device, uint64_t asic, uint64_t board)
{
    scene->devices[device].asic_id = (struct host_id){.value = asic};
    scene->devices[device].board_id = (struct host_id){.value = board};
}

/* Ascending, for each device. */
static void add_holder(struct scene *scene, size_t device, int32_t pid)
{
    struct host_device *one = &scene->devices[device];

    one->holders[one->holder_count++] = (struct host_holder){.pid = pid, .opens = 1};
}

/* A file with a live slot for each PID; 0: none. In the writer's own namespace they have 1000 less. */
static void add_file(struct scene *scene, uint64_t id, int32_t pid, int32_t other_pid)
{
    size_t index = scene->host.totals_count++;
    int32_t pids[] = {pid, other_pid};
    struct host_totals *totals = &scene->totals[index];

    *totals = (struct host_totals){.id = id, .slots = scene->slots[index]};
    for (size_t i = 0; i < 2; i++)
        if (pids[i])
            totals->slots[totals->slot_count++] =
                (struct host_slot){.pid = pids[i], .inner_pid = pids[i] - 1000, .state = HOST_SLOT_LIVE};
}

static void add_lock(const struct scene *scene, const char *directory, int number, int32_t pid, uint64_t tag)
{
    uint8_t bytes[56] = {0};
    char name[128];

    memcpy(bytes + 40, &tag, sizeof(tag));
    memcpy(bytes + 52, &pid, sizeof(pid));
    snprintf(name, sizeof(name), "%s/TT_UMD_LOCK.CHIP_IN_USE_%d_PCIe", directory, number);
    tree_write_bytes(&scene->tree, name, bytes, sizeof(bytes));
}

#define TAG 0x5454554d444d5458ULL

static void join(struct scene *scene)
{
    assert_int_equal(host_totals_join(&scene->root, &scene->host), 0);
}

static void assert_join(const struct scene *scene, size_t file, enum host_join how, int32_t device)
{
    assert_int_equal(scene->totals[file].join, how);
    assert_int_equal(scene->totals[file].device, device);
}

static void test_by_id(void **state)
{
    static const struct {
        uint64_t id;
        int32_t device;
    } cases[] = {
        {0x111, 0},
        {0x403319141bb, 10},
        {141176416515936, 10}, /* board 0x403319141bb, place 0 */
        {141176416515936 + 31, 10},
        {141176416515936 + 32, -1},
        {141176416515936 - 1, -1},
        {0x333, 20},
        {0x444, -1},
        {0, -1},
        {31, -1}, /* a logical number: also not by the board id 0 that device 2 has */
    };
    struct scene scene;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        scene_open(&scene);
        set_ids(&scene, 0, 0x111, 0x10000);
        set_ids(&scene, 1, 0x222, 0x403319141bb);
        set_ids(&scene, 2, 0x333, 0);
        add_file(&scene, cases[i].id, 0, 0);
        join(&scene);
        assert_join(&scene, 0, cases[i].device < 0 ? HOST_JOIN_NONE : HOST_JOIN_ID, cases[i].device);
        scene_close(&scene);
    }
}

/* An id that could not be read is no id. */
static void test_unread_ids_do_not_match(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene);
    scene.devices[0].asic_id.value = 0x111;
    scene.devices[0].board_id.value = 0x10000;
    add_file(&scene, 0x111, 0, 0);
    add_file(&scene, 0x10000 << 5, 0, 0);
    join(&scene);
    assert_join(&scene, 0, HOST_JOIN_NONE, -1);
    assert_join(&scene, 1, HOST_JOIN_NONE, -1);
    scene_close(&scene);
}

/* An id wins over what the processes say. */
static void test_id_before_process(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene);
    set_ids(&scene, 0, 0x111, 0x10000);
    add_holder(&scene, 1, 4000);
    add_file(&scene, 0x111, 4000, 0);
    join(&scene);
    assert_join(&scene, 0, HOST_JOIN_ID, 0);
    scene_close(&scene);
}

static void test_two_devices_of_one_board(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene);
    set_ids(&scene, 0, 0x111, 0x10000);
    set_ids(&scene, 1, 0x222, 0x10000);
    add_holder(&scene, 0, 4001);
    add_holder(&scene, 1, 4000);
    add_holder(&scene, 2, 4000);
    add_file(&scene, 0x10000 << 5, 0, 0);
    add_file(&scene, (0x10000 << 5) + 1, 4000, 0); /* has two open, but just one of this board */
    add_file(&scene, 0x10000, 4001, 4000);         /* have none in common */
    join(&scene);
    assert_join(&scene, 0, HOST_JOIN_NONE, -1);
    assert_join(&scene, 1, HOST_JOIN_PROCESS, 10);
    assert_join(&scene, 2, HOST_JOIN_NONE, -1);
    scene_close(&scene);
}

static void test_by_process(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene);
    add_holder(&scene, 0, 4000);
    add_holder(&scene, 0, 4001);
    add_holder(&scene, 1, 4001);
    add_holder(&scene, 1, 4002);
    add_holder(&scene, 2, 4002);
    add_file(&scene, 5, 4000, 4001); /* have device 0 in common */
    add_file(&scene, 6, 4002, 0);    /* has two */
    add_file(&scene, 7, 4003, 0);    /* has none */
    join(&scene);
    assert_join(&scene, 0, HOST_JOIN_PROCESS, 0);
    assert_join(&scene, 1, HOST_JOIN_NONE, -1);
    assert_join(&scene, 2, HOST_JOIN_NONE, -1);
    scene_close(&scene);
}

/* Who does not live has no device open; whoever has its PID now may. */
static void test_only_live_slots_count(void **state)
{
    static const enum host_slot_state states[] = {HOST_SLOT_GONE, HOST_SLOT_REUSED, HOST_SLOT_UNVERIFIED};
    struct scene scene;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        scene_open(&scene);
        add_holder(&scene, 0, 4000);
        add_file(&scene, 5, 4000, 0);
        scene.slots[0][0].state = states[i];
        add_lock(&scene, "dev/shm", 0, 3000, TAG);
        join(&scene);
        assert_join(&scene, 0, HOST_JOIN_NONE, -1);
        scene_close(&scene);
    }
}

/* A chip behind another one has a file, but no device. */
static void test_two_chips_claim_one_device(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene);
    add_holder(&scene, 1, 4000);
    add_file(&scene, 5, 4000, 0);
    add_file(&scene, 6, 4000, 0);
    join(&scene);
    assert_join(&scene, 0, HOST_JOIN_NONE, -1);
    assert_join(&scene, 1, HOST_JOIN_NONE, -1);

    set_ids(&scene, 1, 5, 0x10000); /* now it is known which of them has it */
    join(&scene);
    assert_join(&scene, 0, HOST_JOIN_ID, 10);
    assert_join(&scene, 1, HOST_JOIN_NONE, -1);

    scene.totals[1].id = 5; /* in another /dev/shm */
    set_ids(&scene, 1, 9, 0x10000);
    join(&scene);
    assert_join(&scene, 0, HOST_JOIN_PROCESS, 10);
    assert_join(&scene, 1, HOST_JOIN_PROCESS, 10);
    scene_close(&scene);
}

static void test_by_lock(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene);
    add_file(&scene, 5, 4000, 4001);
    add_lock(&scene, "dev/shm", 10, 3001, TAG);
    add_lock(&scene, "dev/shm", 0, 4001, TAG); /* not as the owner sees itself */
    join(&scene);
    assert_join(&scene, 0, HOST_JOIN_LOCK, 10);

    add_lock(&scene, "dev/shm", 20, 3000, TAG);
    join(&scene); /* two locks are as good as none */
    assert_join(&scene, 0, HOST_JOIN_NONE, -1);

    add_lock(&scene, "dev/shm", 20, 3000, TAG + 1); /* of another architecture */
    join(&scene);
    assert_join(&scene, 0, HOST_JOIN_LOCK, 10);
    tree_write(&scene.tree, "dev/shm/TT_UMD_LOCK.CHIP_IN_USE_10_PCIe", "short");
    join(&scene);
    assert_join(&scene, 0, HOST_JOIN_NONE, -1);
    add_lock(&scene, "dev/shm", 10, 0, TAG); /* nobody's */
    join(&scene);
    assert_join(&scene, 0, HOST_JOIN_NONE, -1);
    scene_close(&scene);
}

/* A lock says who has a device in use, if the processes hold several. */
static void test_lock_after_process(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene);
    add_holder(&scene, 0, 4000);
    add_holder(&scene, 1, 4000);
    add_file(&scene, 5, 4000, 0);
    add_lock(&scene, "dev/shm", 0, 3000, TAG);
    join(&scene);
    assert_join(&scene, 0, HOST_JOIN_LOCK, 0);
    add_lock(&scene, "dev/shm", 20, 3000, TAG); /* left behind: it does not have 20 open */
    join(&scene);
    assert_join(&scene, 0, HOST_JOIN_LOCK, 0);
    add_file(&scene, 6, 4000, 0); /* and which of the two chips is it? */
    join(&scene);
    assert_join(&scene, 0, HOST_JOIN_NONE, -1);
    assert_join(&scene, 1, HOST_JOIN_NONE, -1);
    scene_close(&scene);
}

/* The numbers in a lock are of those who see its directory. */
static void test_locks_of_a_container(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene);
    add_file(&scene, 5, 4000, 0);
    scene.totals[0].through_pid = 4000;
    add_lock(&scene, "dev/shm", 0, 3000, TAG);
    add_lock(&scene, "proc/4000/root/dev/shm", 20, 3000, TAG);
    join(&scene);
    assert_join(&scene, 0, HOST_JOIN_LOCK, 20);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_by_id),
        FIXTURE(test_unread_ids_do_not_match),
        FIXTURE(test_id_before_process),
        FIXTURE(test_two_devices_of_one_board),
        FIXTURE(test_by_process),
        FIXTURE(test_only_live_slots_count),
        FIXTURE(test_two_chips_claim_one_device),
        FIXTURE(test_by_lock),
        FIXTURE(test_lock_after_process),
        FIXTURE(test_locks_of_a_container),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
