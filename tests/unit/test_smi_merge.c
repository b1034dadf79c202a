/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_smi_core */

/*
 * Rows made of hosts that are put together by hand: which chip is whose, what is known of it and what is not. At the
 * end hosts are made at random, and whatever they are, no byte and no process may be lost or stand there twice.
 */

#include "tests/unit/fixture.h"

#include "client/list.h"
#include "smi/sample/merge.h"
#include "smi/sample/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define SECOND UINT64_C(1000000000)
#define NOW (UINT64_C(1790000000) * SECOND)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define ASIC 0x5000 /* of node 0; those of the others follow */
#define FAR 0x9000  /* of chips without a node */

#define NODES_MAX 32
#define HOLDERS_MAX 32
#define PROCESSES_MAX 64
#define TOTALS_MAX 16
#define SLOTS_MAX 16
#define TOLD_MAX 16

/* A host, what the server says about it, and room for all that they point to. */
struct scene {
    struct host host;
    struct host_device nodes[NODES_MAX];
    struct host_holder holders[NODES_MAX][HOLDERS_MAX];
    struct host_process seen[PROCESSES_MAX];
    struct host_totals totals[TOTALS_MAX];
    struct host_slot slots[TOTALS_MAX][SLOTS_MAX];
    bool is_told;
    struct tt_alloc_list device_list, process_list;
    struct tt_alloc_device devices[TOLD_MAX];
    struct tt_alloc_usage usages[TOLD_MAX];
    struct tt_alloc_process processes[PROCESSES_MAX];
    struct merged merged;
};

static struct scene *scene_new(void)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    assert_non_null(scene);
    scene->host.devices = scene->nodes;
    scene->host.processes = scene->seen;
    scene->host.totals = scene->totals;
    scene->device_list = (struct tt_alloc_list){.kind = TT_ALLOC_DEVICE, .items.items = scene->devices};
    scene->process_list = (struct tt_alloc_list){.kind = TT_ALLOC_PROCESS, .items.items = scene->processes};
    return scene;
}

static void scene_free(struct scene *scene)
{
    merged_clear(&scene->merged);
    free(scene);
}

static const struct merged *merge(struct scene *scene)
{
    const struct tt_alloc_list *devices = scene->is_told ? &scene->device_list : NULL;
    const struct tt_alloc_list *processes = scene->is_told ? &scene->process_list : NULL;

    merged_clear(&scene->merged);
    assert_int_equal(merge_rows(devices, processes, &scene->host, NOW, &scene->merged), 0);
    return &scene->merged;
}

static struct host_device *add_node(struct scene *scene, const char *type)
{
    size_t index = scene->host.device_count++;
    struct host_device *node = &scene->nodes[index];

    *node = (struct host_device){
        .number = (int32_t)index,
        .card = host_card_by_type(type),
        .pci_address.value = (index + 1) << 8,
        .asic_id.value = ASIC + index,
        .holders = scene->holders[index],
    };
    node->arch = node->card ? node->card->arch : NULL;
    snprintf(node->card_type.text, sizeof(node->card_type.text), "%s", type);
    return node;
}

/* In ascending order of PIDs. */
static void add_holder(struct host_device *node, int32_t pid)
{
    node->holders[node->holder_count++] = (struct host_holder){.pid = pid, .opens = 1};
}

/* The same. */
static struct host_process *add_seen(struct scene *scene, int32_t pid)
{
    struct host_process *process = &scene->seen[scene->host.process_count++];

    *process = (struct host_process){
        .pid = pid, .inner_pid = pid, .has_uid = true, .uid = 1000, .start_time = NOW - 5 * SECOND, .comm = "python3"};
    return process;
}

static struct host_totals *add_totals(struct scene *scene, uint64_t id, int32_t device)
{
    size_t index = scene->host.totals_count++;
    struct host_totals *totals = &scene->totals[index];

    *totals = (struct host_totals){
        .id = id,
        .slots = scene->slots[index],
        .join = device >= 0 ? HOST_JOIN_ID : HOST_JOIN_NONE,
        .device = device,
    };
    return totals;
}

static struct host_slot *add_slot(struct host_totals *totals, enum host_slot_state state, int32_t pid, uint64_t dram)
{
    struct host_slot *slot = &totals->slots[totals->slot_count++];

    *slot = (struct host_slot){.inner_pid = pid, .state = state, .comm = "worker", .held[HOST_DRAM] = {true, dram}};
    slot->pid = state == HOST_SLOT_LIVE || state == HOST_SLOT_REUSED ? pid : 0;
    return slot;
}

/* A chip of the server's, of which something is described. */
static struct tt_alloc_device *tell_device(struct scene *scene, int32_t number, uint64_t asic_id, bool is_remote)
{
    size_t index = scene->device_list.items.count++;
    struct tt_alloc_device *device = &scene->devices[index];

    scene->is_told = true;
    scene->usages[index] = (struct tt_alloc_usage){
        .device = number, .logical_id = number, .index = TT_ALLOC_DRAM, .bytes = GIB, .buffers = 2, .peak_bytes = GIB};
    *device = (struct tt_alloc_device){.device = number, .usage = &scene->usages[index], .usage_count = 1};
    if (asic_id != 0)
        device->description = (struct tt_alloc_device_description){
            .known = TT_ALLOC_KNOWN_ASIC_ID | TT_ALLOC_KNOWN_REMOTE, .asic_id = asic_id, .remote = is_remote};
    return device;
}

static struct tt_alloc_process *tell_process(struct scene *scene, int32_t pid)
{
    struct tt_alloc_process *process = &scene->processes[scene->process_list.items.count++];

    scene->is_told = true;
    *process = (struct tt_alloc_process){.pid = pid, .label_pid = pid, .uid = 7, .comm = "told", .command = "told all"};
    return process;
}

static const struct filter everything = {.region = -1};

static struct sum region_of_device(const struct device_row *row, uint32_t region)
{
    return sum_region(row->facts.usage, row->facts.usage_count, region, &everything);
}

static struct sum region_of_process(const struct process_row *row, uint32_t region)
{
    return sum_region(row->facts.usage, row->facts.usage_count, region, &everything);
}

/* The only one of that PID. */
static const struct process_row *process_of(const struct merged *merged, int32_t pid)
{
    const struct process_row *found = NULL;

    for (size_t i = 0; i < merged->process_count; i++) {
        if (merged->processes[i].facts.pid == pid) {
            assert_null(found);
            found = &merged->processes[i];
        }
    }
    assert_non_null(found);
    return found;
}

static void assert_labels(const struct merged *merged, const char *expected)
{
    char text[512] = "";

    for (size_t i = 0; i < merged->device_count; i++) {
        strncat(text, i > 0 ? " " : "", sizeof(text) - strlen(text) - 1);
        strncat(text, device_row_label(&merged->devices[i]).text, sizeof(text) - strlen(text) - 1);
    }
    assert_string_equal(text, expected);
}

/* ---- Chips ---- */

static void test_numbers_and_ranks(void **state)
{
    const int32_t ascending[] = {0,
                                 device_remote_number(0, 0),
                                 device_remote_number(0, DEVICE_FAR_CHIPS - 1),
                                 1,
                                 device_remote_number(1, 0),
                                 31,
                                 device_remote_number(31, 1),
                                 INT32_MAX,
                                 DEVICE_UNKNOWN,
                                 DEVICE_UNKNOWN + 1,
                                 DEVICE_UNKNOWN_END - 1};

    (void)state;
    for (size_t i = 1; i < COUNT(ascending); i++)
        assert_true(device_rank(ascending[i - 1]) < device_rank(ascending[i]));
    assert_string_equal(device_label(31).text, "31");
    assert_string_equal(device_label(device_remote_number(0, 0)).text, "0R");
    assert_string_equal(device_label(device_remote_number(31, 0)).text, "31R");
    assert_string_equal(device_label(device_remote_number(31, 2)).text, "31R3");
    assert_string_equal(device_label(DEVICE_UNKNOWN).text, "?");
    assert_string_equal(device_label(DEVICE_UNKNOWN_END - 1).text, "?");
    assert_string_equal(device_label(device_remote_number(INT32_MAX, 0)).text, "?");
}

static void test_nothing(void **state)
{
    struct scene *scene = scene_new();

    (void)state;
    assert_int_equal(merge(scene)->device_count, 0);
    assert_int_equal(merge(scene)->process_count, 0);
    scene->is_told = true;
    assert_int_equal(merge(scene)->device_count, 0);
    scene_free(scene);
}

/* One board, two chips, one node: the far one is named after the near one, and is what that is. */
static void test_far_chip_of_a_board(void **state)
{
    struct scene *scene = scene_new();
    const struct merged *merged;

    (void)state;
    add_holder(add_node(scene, "n300"), 100);
    add_seen(scene, 100);
    add_slot(add_totals(scene, ASIC, 0), HOST_SLOT_LIVE, 100, GIB);
    add_slot(add_totals(scene, FAR, -1), HOST_SLOT_LIVE, 100, 2 * GIB);
    merged = merge(scene);
    assert_labels(merged, "0 0R");
    assert_true(merged->devices[0].is_placed && merged->devices[1].is_placed);
    assert_null(merged->devices[1].node);
    assert_true(merged->devices[1].facts.description.remote);
    assert_int_equal(merged->devices[1].facts.description.asic_id, FAR);
    assert_string_equal(merged->devices[1].facts.description.board, "n300");
    assert_int_equal(merged->devices[1].facts.description.dram_size, 12 * GIB);
    assert_true(merged->devices[1].is_nominal);
    assert_int_equal(region_of_device(&merged->devices[0], TT_ALLOC_DRAM).bytes, GIB);
    assert_int_equal(region_of_device(&merged->devices[1], TT_ALLOC_DRAM).bytes, 2 * GIB);
    assert_int_equal(region_of_process(process_of(merged, 100), TT_ALLOC_DRAM).bytes, 3 * GIB);
    scene_free(scene);
}

/* A job on all four boards: which of the far chips is whose cannot be said, but what they are can. */
static void test_far_chips_of_unknown_boards(void **state)
{
    struct scene *scene = scene_new();
    const struct merged *merged;

    (void)state;
    add_seen(scene, 100);
    for (int32_t number = 0; number < 4; number++) {
        add_holder(add_node(scene, "n300"), 100);
        add_slot(add_totals(scene, FAR + (uint64_t)number, -1), HOST_SLOT_LIVE, 100, GIB);
    }
    merged = merge(scene);
    assert_labels(merged, "0 1 2 3 ? ? ? ?");
    for (size_t i = 4; i < 8; i++) {
        assert_string_equal(merged->devices[i].facts.description.board, "n300");
        assert_true(merged->devices[i].is_nominal);
        for (size_t j = 4; j < i; j++)
            assert_int_not_equal(merged->devices[i].facts.device, merged->devices[j].facts.device);
    }
    scene_free(scene);
}

static void test_far_chip_near_different_cards(void **state)
{
    struct scene *scene = scene_new();
    const struct merged *merged;

    (void)state;
    add_holder(add_node(scene, "n300"), 100);
    add_holder(add_node(scene, "n150"), 100);
    add_slot(add_totals(scene, FAR, -1), HOST_SLOT_LIVE, 100, GIB);
    merged = merge(scene);
    assert_labels(merged, "0 1 ?");
    assert_int_equal(merged->devices[2].facts.description.known, TT_ALLOC_KNOWN_ASIC_ID);
    assert_false(merged->devices[2].is_nominal);
    scene_free(scene);
}

/* Several chips behind one node, and more of them than there are numbers for. */
static void test_far_chips_of_one_node(void **state)
{
    struct scene *scene = scene_new();

    (void)state;
    add_holder(add_node(scene, "n300"), 100);
    for (uint64_t i = 0; i < 3; i++)
        add_slot(add_totals(scene, FAR + i, -1), HOST_SLOT_LIVE, 100, GIB);
    assert_labels(merge(scene), "0 0R 0R2 0R3");
    scene_free(scene);
}

/* Figures of files that nobody uses any more make no chip of their own. */
static void test_totals_without_figures_make_no_row(void **state)
{
    static const enum host_totals_state states[] = {HOST_TOTALS_STALE, HOST_TOTALS_INITIALISING, HOST_TOTALS_TRUNCATED,
                                                    HOST_TOTALS_UNSUPPORTED, HOST_TOTALS_UNREADABLE};
    struct scene *scene = scene_new();
    const struct merged *merged;

    (void)state;
    add_node(scene, "n150");
    for (size_t i = 0; i < COUNT(states); i++)
        add_totals(scene, FAR + i, -1)->state = states[i];
    add_totals(scene, ASIC, 0)->state = HOST_TOTALS_STALE;
    merged = merge(scene);
    assert_labels(merged, "0");
    assert_ptr_equal(merged->devices[0].totals, &scene->totals[COUNT(states)]);
    for (size_t i = 0; i < COUNT(states); i++)
        assert_int_equal(merged->totals[i], DEVICE_UNKNOWN);
    assert_int_equal(merged->totals[COUNT(states)], 0);
    assert_false(region_of_device(&merged->devices[0], TT_ALLOC_DRAM).used);
    scene_free(scene);
}

/* The host's /dev/shm and a container's may each have a file of one chip. */
static void test_two_files_of_one_chip(void **state)
{
    struct scene *scene = scene_new();
    const struct merged *merged;

    (void)state;
    add_node(scene, "n150");
    for (int32_t pid = 100; pid < 102; pid++) {
        add_seen(scene, pid);
        add_slot(add_totals(scene, ASIC, 0), HOST_SLOT_LIVE, pid, GIB);
        add_slot(add_totals(scene, FAR, -1), HOST_SLOT_LIVE, pid, MIB);
    }
    merged = merge(scene);
    assert_labels(merged, "0 ?");
    assert_int_equal(region_of_device(&merged->devices[0], TT_ALLOC_DRAM).bytes, 2 * GIB);
    assert_int_equal(region_of_device(&merged->devices[1], TT_ALLOC_DRAM).bytes, 2 * MIB);
    assert_ptr_equal(merged->devices[0].totals, &scene->totals[0]);
    scene_free(scene);
}

/* A number of the server's that nobody described may be any chip here; of a host without chips it is what it says. */
static void test_told_numbers(void **state)
{
    struct scene *scene = scene_new();

    (void)state;
    tell_device(scene, 0, 0, false);
    assert_labels(merge(scene), "0");
    add_node(scene, "n150");
    assert_labels(merge(scene), "0? 0");
    scene_free(scene);
}

static void test_told_chip_is_the_node_of_its_asic_id(void **state)
{
    struct scene *scene = scene_new();
    struct tt_alloc_device *device;
    const struct merged *merged;

    (void)state;
    add_node(scene, "n150");
    add_node(scene, "n150");
    device = tell_device(scene, 0, ASIC + 1, false);
    device->description.known |= TT_ALLOC_KNOWN_PCI;
    device->description.pci_address = (uint32_t)scene->nodes[0].pci_address.value; /* the id says more */
    merged = merge(scene);
    assert_int_equal(merged->device_count, 2);
    assert_ptr_equal(merged_find_device(merged, 0)->node, &scene->nodes[0]);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(merged->devices[i].is_told, merged->devices[i].node == &scene->nodes[1]);
    scene_free(scene);
}

static void test_told_sizes_go_first(void **state)
{
    struct scene *scene = scene_new();
    struct tt_alloc_device *device;
    const struct device_row *row;

    (void)state;
    add_node(scene, "n150");
    device = tell_device(scene, 0, ASIC, false);
    row = merge(scene)->devices;
    assert_true(row->is_nominal);
    assert_int_equal(row->facts.description.dram_size, 12 * GIB);
    device->description.known |= TT_ALLOC_KNOWN_DRAM_SIZE;
    device->description.dram_size = 11 * GIB;
    row = merge(scene)->devices;
    assert_false(row->is_nominal);
    assert_int_equal(row->facts.description.dram_size, 11 * GIB);
    assert_false(row->facts.description.known & TT_ALLOC_KNOWN_L1_SIZE); /* one half of each is worse than none */
    device->description.known |= TT_ALLOC_KNOWN_NOMINAL;
    assert_true(merge(scene)->devices->is_nominal);
    scene_free(scene);
}

/* The server's name for a far chip may be the number of a node: what is held there must not move to that. */
static void test_told_far_chip_with_the_number_of_a_node(void **state)
{
    struct scene *scene = scene_new();
    const struct merged *merged;

    (void)state;
    add_node(scene, "n300");
    add_holder(add_node(scene, "n300"), 100);
    tell_device(scene, 1, FAR, true);
    add_seen(scene, 100);
    add_slot(add_totals(scene, FAR, -1), HOST_SLOT_LIVE, 100, MIB);
    merged = merge(scene);
    assert_int_equal(merged->device_count, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct device_row *row = &merged->devices[i];

        assert_int_equal(region_of_device(row, TT_ALLOC_DRAM).bytes, row->is_told ? GIB + MIB : 0);
        assert_int_equal(row->totals != NULL, row->is_told);
    }
    scene_free(scene);
}

/* ---- Processes ---- */

static void test_trackings(void **state)
{
    struct scene *scene = scene_new();
    struct host_totals *totals;
    struct host_device *node;
    const struct merged *merged;

    (void)state;
    node = add_node(scene, "n150");
    for (int32_t pid = 100; pid < 103; pid++) {
        add_seen(scene, pid);
        add_holder(node, pid);
    }
    tell_process(scene, 100);
    totals = add_totals(scene, ASIC, 0);
    add_slot(totals, HOST_SLOT_LIVE, 100, GIB);
    add_slot(totals, HOST_SLOT_LIVE, 101, MIB);
    merged = merge(scene);
    assert_int_equal(merged->process_count, 3);
    assert_int_equal(process_of(merged, 100)->tracking, TRACKING_REPORTING);
    assert_int_equal(process_of(merged, 101)->tracking, TRACKING_SHM_ONLY);
    assert_int_equal(process_of(merged, 102)->tracking, TRACKING_UNTRACKED);
    assert_true(process_of(merged, 100)->is_complete && process_of(merged, 100)->has_peaks);
    assert_false(process_of(merged, 101)->is_complete || process_of(merged, 101)->has_peaks);
    assert_false(process_of(merged, 102)->is_complete || process_of(merged, 102)->has_peaks);
    assert_int_equal(process_of(merged, 102)->facts.usage_count, 0);
    scene_free(scene);
}

/* What the server says of a process is not added to, and what the host says of it stands beside. */
static void test_the_server_goes_first(void **state)
{
    struct scene *scene = scene_new();
    static const struct tt_alloc_usage usage = {.index = TT_ALLOC_DRAM, .bytes = GIB, .buffers = 1};
    struct tt_alloc_process *told;
    const struct process_row *row;
    const struct merged *merged;

    (void)state;
    add_holder(add_node(scene, "n150"), 100);
    add_seen(scene, 100);
    tell_device(scene, 0, ASIC, false);
    told = tell_process(scene, 100);
    told->usage = &usage;
    told->usage_count = 1;
    add_slot(add_totals(scene, ASIC, 0), HOST_SLOT_LIVE, 100, 3 * GIB);
    merged = merge(scene);
    row = process_of(merged, 100);
    assert_string_equal(row->facts.command, "told all");
    assert_int_equal(row->facts.uid, 7);
    assert_ptr_equal(row->seen, &scene->seen[0]);
    assert_int_equal(region_of_process(row, TT_ALLOC_DRAM).bytes, GIB);
    assert_int_equal(region_of_device(&merged->devices[0], TT_ALLOC_DRAM).bytes, GIB);
    assert_true(merged->devices[0].has_peaks && merged->devices[0].is_complete);
    assert_int_equal(process_difference(row, HOST_DRAM).bytes, (int64_t)(2 * GIB));
    assert_int_equal(process_disagreement(row), (int64_t)(2 * GIB));
    scene->slots[0][0].held[HOST_DRAM].bytes = MIB;
    assert_int_equal(process_disagreement(process_of(merge(scene), 100)), -(int64_t)(GIB - MIB));
    scene->slots[0][0].held[HOST_DRAM].known = false;
    assert_int_equal(process_disagreement(process_of(merge(scene), 100)), 0);
    scene_free(scene);
}

static void test_holdings(void **state)
{
    static const int32_t expected[] = {0, 2};
    struct scene *scene = scene_new();
    const struct merged *merged;
    char *text;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        add_node(scene, "n150");
    add_holder(&scene->nodes[0], 100);
    add_holder(&scene->nodes[1], 99);
    add_holder(&scene->nodes[2], 99);
    add_holder(&scene->nodes[2], 100);
    add_seen(scene, 99);
    merged = merge(scene);
    assert_int_equal(process_of(merged, 100)->held_count, 2);
    assert_memory_equal(process_of(merged, 100)->held, expected, sizeof(expected));
    assert_int_equal(process_of(merged, 99)->held_count, 2);
    text = join_devices((const struct process_row *[]){process_of(merged, 100)}, 1, &everything, false);
    assert_string_equal(text, "0,2");
    free(text);
    assert_int_equal(merged->devices[2].facts.processes, 2);
    scene_free(scene);
}

/* A holder of which /proc does not tell, one that is gone, and one of which it does not tell whose it is. */
static void test_processes_that_are_not_seen(void **state)
{
    struct scene *scene = scene_new();
    const struct merged *merged;

    (void)state;
    add_node(scene, "n150");
    add_holder(scene->nodes, 100);
    add_holder(scene->nodes, 101);
    add_holder(scene->nodes, 102);
    add_holder(scene->nodes, 103);
    *add_seen(scene, 101) = (struct host_process){.pid = 101, .error = -ESRCH};
    add_seen(scene, 102)->command = NULL;
    *add_seen(scene, 103) = (struct host_process){.pid = 103, .comm = "python3"};
    merged = merge(scene);
    for (int32_t pid = 100; pid < 102; pid++) {
        assert_false(process_of(merged, pid)->has_uid);
        assert_string_equal(process_of(merged, pid)->facts.command, "?");
    }
    assert_true(process_of(merged, 102)->has_uid);
    assert_string_equal(process_of(merged, 102)->facts.command, "python3");
    assert_int_equal(process_of(merged, 102)->facts.age, 5 * SECOND);
    assert_false(process_of(merged, 103)->has_uid);
    assert_string_equal(process_of(merged, 103)->facts.command, "python3");
    scene_free(scene);
}

/* Whoever wrote the slot may live where we cannot look: it counts, under the number that it has there. */
static void test_unverified_slots(void **state)
{
    struct scene *scene = scene_new();
    struct host_totals *totals;
    const struct process_row *row;
    const struct merged *merged;

    (void)state;
    add_node(scene, "n150");
    totals = add_totals(scene, ASIC, 0);
    add_slot(totals, HOST_SLOT_UNVERIFIED, 7, GIB);
    merged = merge(scene);
    row = process_of(merged, 0);
    assert_int_equal(row->tracking, TRACKING_SHM_ONLY);
    assert_int_equal(row->facts.label_pid, 7);
    assert_string_equal(row->facts.command, "worker");
    assert_false(row->has_uid);
    assert_int_equal(region_of_process(row, TT_ALLOC_DRAM).bytes, GIB);
    assert_int_equal(region_of_device(&merged->devices[0], TT_ALLOC_DRAM).bytes, GIB);
    add_slot(totals, HOST_SLOT_UNVERIFIED, 7, MIB); /* another of that number, in another container */
    merged = merge(scene);
    assert_int_equal(merged->process_count, 2);
    assert_int_equal(region_of_device(&merged->devices[0], TT_ALLOC_DRAM).bytes, GIB + MIB);
    scene_free(scene);
}

/* One process on two chips is one row; of another container, number or name it is another. */
static void test_unverified_slots_of_one_process(void **state)
{
    struct scene *scene = scene_new();
    struct host_totals *other;
    const struct merged *merged;

    (void)state;
    for (int32_t number = 0; number < 2; number++) {
        struct host_totals *totals;

        add_node(scene, "n150");
        totals = add_totals(scene, ASIC + (uint64_t)number, number);
        totals->through_pid = 50;
        for (int i = 0; i < 2; i++) /* two of that number and name in each file */
            add_slot(totals, HOST_SLOT_UNVERIFIED, 7, GIB << i);
    }
    merged = merge(scene);
    assert_int_equal(merged->process_count, 2);
    for (size_t i = 0; i < 2; i++) {
        uint64_t bytes = merged->processes[i].shm[HOST_DRAM].bytes;

        assert_true(bytes == 2 * GIB || bytes == 4 * GIB);
        assert_int_equal(region_of_process(&merged->processes[i], TT_ALLOC_DRAM).bytes, bytes);
    }
    other = add_totals(scene, ASIC + 1, 1);
    other->through_pid = 51;
    add_slot(other, HOST_SLOT_UNVERIFIED, 7, GIB);
    add_slot(&scene->totals[1], HOST_SLOT_UNVERIFIED, 8, GIB);
    snprintf(add_slot(&scene->totals[1], HOST_SLOT_UNVERIFIED, 7, GIB)->comm, sizeof(scene->slots[0][0].comm), "two");
    assert_int_equal(merge(scene)->process_count, 5);
    scene_free(scene);
}

/* A server that cannot see a PID says 0. That is nobody's, and no reason to leave out what a slot holds. */
static void test_unverified_slot_beside_a_told_process_without_pid(void **state)
{
    struct scene *scene = scene_new();
    const struct merged *merged;

    (void)state;
    add_node(scene, "n150");
    for (size_t i = 0; i < 3; i++)
        tell_process(scene, 0);
    add_slot(add_totals(scene, ASIC, 0), HOST_SLOT_UNVERIFIED, 7, GIB);
    merged = merge(scene);
    assert_int_equal(merged->process_count, 4);
    assert_int_equal(region_of_device(&merged->devices[0], TT_ALLOC_DRAM).bytes, GIB);
    scene_free(scene);
}

/* It may be of a process that reports, whose bytes the server's figure has already. */
static void test_unverified_slot_on_a_told_device(void **state)
{
    struct scene *scene = scene_new();
    const struct merged *merged;

    (void)state;
    add_node(scene, "n150");
    tell_device(scene, 0, ASIC, false);
    tell_process(scene, 100);
    add_slot(add_totals(scene, ASIC, 0), HOST_SLOT_UNVERIFIED, 7, GIB);
    merged = merge(scene);
    assert_int_equal(region_of_device(&merged->devices[0], TT_ALLOC_DRAM).bytes, GIB);
    assert_false(merged->devices[0].is_complete);
    assert_true(merged->devices[0].has_peaks);
    assert_int_equal(process_of(merged, 0)->shm[HOST_DRAM].bytes, GIB);
    scene_free(scene);
}

static void test_phantoms_are_nobodys(void **state)
{
    struct scene *scene = scene_new();
    struct host_totals *totals;
    const struct merged *merged;

    (void)state;
    add_node(scene, "n150");
    add_holder(scene->nodes, 101);
    totals = add_totals(scene, ASIC, 0);
    add_slot(totals, HOST_SLOT_GONE, 100, GIB);
    add_slot(totals, HOST_SLOT_REUSED, 101, GIB);
    merged = merge(scene);
    assert_int_equal(merged->process_count, 1);
    assert_int_equal(process_of(merged, 101)->tracking, TRACKING_UNTRACKED);
    assert_false(region_of_device(&merged->devices[0], TT_ALLOC_DRAM).used);
    scene_free(scene);
}

/* ---- What is known ---- */

static void test_completeness(void **state)
{
    struct scene *scene = scene_new();
    struct host_device *node;

    (void)state;
    node = add_node(scene, "n150");
    assert_false(merge(scene)->devices->is_complete); /* nobody was asked who reports */
    scene->is_told = true;
    assert_true(merge(scene)->devices->is_complete); /* nobody has it open */
    add_holder(node, 100);
    assert_false(merge(scene)->devices->is_complete);
    tell_process(scene, 100);
    assert_true(merge(scene)->devices->is_complete);
    add_holder(node, 101);
    assert_false(merge(scene)->devices->is_complete);
    node->holder_count = 1;
    node->hidden_opens = 2;
    assert_false(merge(scene)->devices->is_complete);
    assert_int_equal(merge(scene)->hidden_opens, 2);
    node->hidden_opens = 0;
    node->holder_count = 0;
    node->holders_error = -ENOENT;
    assert_false(merge(scene)->devices->is_complete);
    tell_device(scene, 0, ASIC, false);
    assert_false(merge(scene)->devices->is_complete); /* who else has it open is not known */
    node->holders_error = 0;
    assert_true(merge(scene)->devices->is_complete);
    scene_free(scene);
}

static void test_peaks_are_not_known(void **state)
{
    struct scene *scene = scene_new();
    struct host_totals *totals;

    (void)state;
    add_node(scene, "n150");
    assert_false(merge(scene)->devices->has_peaks);
    tell_device(scene, 0, ASIC, false);
    assert_true(merge(scene)->devices->has_peaks);
    totals = add_totals(scene, ASIC, 0);
    assert_true(merge(scene)->devices->has_peaks);
    add_slot(totals, HOST_SLOT_LIVE, 100, GIB);
    assert_false(merge(scene)->devices->has_peaks);
    assert_int_equal(region_of_device(merge(scene)->devices, TT_ALLOC_DRAM).bytes, 2 * GIB);
    assert_int_equal(scene->usages[0].bytes, GIB); /* the server's answer is left as it was */
    scene_free(scene);
}

static void test_amounts(void **state)
{
    static const struct host_amount held[HOST_MEMORIES] = {
        [HOST_L1] = {true, 0}, [HOST_L1_SMALL] = {true, 3}, [HOST_TRACE] = {false, 9}, [HOST_CB] = {true, 0}};
    struct scene *scene = scene_new();
    const struct device_row *row;
    struct sum pool;

    (void)state;
    add_node(scene, "n150");
    memcpy(add_slot(add_totals(scene, ASIC, 0), HOST_SLOT_LIVE, 100, 0)->held, held, sizeof(held));
    row = merge(scene)->devices;
    assert_false(region_of_device(row, TT_ALLOC_DRAM).used);
    assert_false(region_of_device(row, TT_ALLOC_TRACE).used);
    assert_true(region_of_device(row, TT_ALLOC_L1).used);
    assert_false(region_of_device(row, TT_ALLOC_CB).used); /* tt-metal may not have counted it */
    scene->slots[0][0].held[HOST_CB].bytes = 5;
    row = merge(scene)->devices;
    assert_int_equal(region_of_device(row, TT_ALLOC_CB).bytes, 5);
    pool = sum_pool(row->facts.usage, row->facts.usage_count, TT_ALLOC_POOL_L1, &everything);
    assert_int_equal(pool.bytes, 8);
    pool = sum_pool(row->facts.usage, row->facts.usage_count, TT_ALLOC_POOL_DRAM, &everything);
    assert_false(pool.used);
    scene_free(scene);
}

static void hold(struct host_slot *slot, struct host_amount amount)
{
    for (enum host_memory memory = 0; memory < HOST_MEMORIES; memory++)
        slot->held[memory] = amount;
}

static bool has_pool(const struct device_row *row, uint32_t pool)
{
    return sum_pool(row->facts.usage, row->facts.usage_count, pool, &everything).used;
}

/* A sum without what is not known would pass for the whole. */
static void test_unknown_amounts_win(void **state)
{
    struct scene *scene = scene_new();
    const struct merged *merged;

    (void)state;
    for (int32_t number = 0; number < 2; number++) {
        add_node(scene, "n150");
        for (int32_t pid = 100; pid < 102; pid++)
            hold(add_slot(add_totals(scene, ASIC + (uint64_t)number, number), HOST_SLOT_LIVE, pid, 0),
                 (struct host_amount){true, MIB});
    }
    scene->slots[0][0].held[HOST_TRACE].known = scene->slots[0][0].held[HOST_CB].known = false;
    merged = merge(scene);
    assert_false(has_pool(&merged->devices[0], TT_ALLOC_POOL_DRAM));
    assert_false(region_of_device(&merged->devices[0], TT_ALLOC_TRACE).used);
    assert_false(region_of_device(&merged->devices[0], TT_ALLOC_CB).used);
    assert_int_equal(region_of_device(&merged->devices[0], TT_ALLOC_DRAM).bytes, 2 * MIB);
    assert_true(has_pool(&merged->devices[0], TT_ALLOC_POOL_L1));
    assert_true(has_pool(&merged->devices[1], TT_ALLOC_POOL_DRAM));
    assert_false(process_of(merged, 100)->shm[HOST_TRACE].known);
    assert_false(region_of_process(process_of(merged, 100), TT_ALLOC_TRACE).used);
    assert_int_equal(region_of_process(process_of(merged, 100), TT_ALLOC_DRAM).bytes, 2 * MIB);
    assert_int_equal(process_of(merged, 101)->shm[HOST_TRACE].bytes, 2 * MIB);
    scene->is_told = true;
    assert_false(merge(scene)->devices[0].is_complete);
    assert_true(merge(scene)->devices[1].is_complete);
    scene_free(scene);
}

#define CROWD 4096

/* As many files as a host may have at most, each of a chip that nobody knows: each has a row and a number of its own. A
 * search for each among all would not be over in time. */
static void test_thousands_of_files(void **state)
{
    struct host_totals *crowd = calloc(CROWD, sizeof(*crowd));
    struct scene *scene = scene_new();
    const struct merged *merged;

    (void)state;
    assert_non_null(crowd);
    for (uint64_t i = 0; i < CROWD; i++)
        crowd[i] = (struct host_totals){.id = FAR + i, .device = -1};
    scene->host.totals = crowd;
    scene->host.totals_count = CROWD;
    merged = merge(scene);
    assert_int_equal(merged->device_count, CROWD);
    for (int32_t i = 0; i < CROWD; i++) {
        assert_int_equal(merged->devices[i].facts.device, DEVICE_UNKNOWN + 1 + i);
        assert_ptr_equal(merged->chips[i], &merged->devices[i]);
    }
    scene_free(scene);
    free(crowd);
}

static void test_sums_do_not_wrap(void **state)
{
    struct scene *scene = scene_new();
    struct host_totals *totals;
    const struct merged *merged;

    (void)state;
    add_node(scene, "n150");
    totals = add_totals(scene, ASIC, 0);
    add_slot(totals, HOST_SLOT_LIVE, 100, UINT64_MAX - 1);
    add_slot(totals, HOST_SLOT_LIVE, 101, UINT64_MAX - 1);
    add_slot(add_totals(scene, ASIC, 0), HOST_SLOT_LIVE, 100, UINT64_MAX - 1);
    merged = merge(scene);
    assert_int_equal(region_of_device(&merged->devices[0], TT_ALLOC_DRAM).bytes, UINT64_MAX);
    assert_int_equal(region_of_process(process_of(merged, 100), TT_ALLOC_DRAM).bytes, UINT64_MAX);
    assert_int_equal(process_of(merged, 100)->shm[HOST_DRAM].bytes, UINT64_MAX);
    assert_int_equal(process_disagreement(process_of(merged, 100)), 0);
    scene_free(scene);
}

/* ---- Any host ---- */

#define FIRST_PID 100
#define PIDS 24
#define BITS 60 /* each slot holds a power of two, so that every sum tells of whom it is */

static bool one_in(struct fixture_random *random, size_t count)
{
    return fixture_below(random, count) == 0;
}

static void make_nodes(struct scene *scene, struct fixture_random *random)
{
    static const char *const types[] = {"n150", "n300", "p150a", "x9000"};

    for (size_t left = fixture_below(random, 6); left > 0; left--) {
        struct host_device *node = add_node(scene, types[fixture_below(random, COUNT(types))]);

        node->asic_id.error = one_in(random, 5) ? -ENODATA : 0;
        node->hidden_opens = one_in(random, 5);
        node->holders_error = one_in(random, 8) ? -ENOENT : 0;
        for (int32_t pid = FIRST_PID; node->holders_error == 0 && pid < FIRST_PID + PIDS; pid++) {
            if (one_in(random, 6))
                add_holder(node, pid);
        }
    }
}

static void make_processes(struct scene *scene, struct fixture_random *random)
{
    for (int32_t pid = FIRST_PID; pid < FIRST_PID + PIDS; pid++) {
        if (!one_in(random, 4))
            add_seen(scene, pid)->error = one_in(random, 8) ? -ESRCH : 0;
    }
}

static void make_slots(struct host_totals *totals, struct fixture_random *random, unsigned *bit)
{
    static const enum host_slot_state states[] = {HOST_SLOT_LIVE, HOST_SLOT_LIVE, HOST_SLOT_UNVERIFIED, HOST_SLOT_GONE,
                                                  HOST_SLOT_REUSED};

    for (size_t left = fixture_below(random, SLOTS_MAX); left > 0 && *bit < BITS; left--) {
        int32_t pid = FIRST_PID + (int32_t)fixture_below(random, PIDS);

        add_slot(totals, states[fixture_below(random, COUNT(states))], pid, UINT64_C(1) << (*bit)++);
    }
}

static int compare_ids(const void *a, const void *b)
{
    const struct host_totals *left = a, *right = b;

    return (left->id > right->id) - (left->id < right->id);
}

/* By id, as the host lists them: files of nodes, of chips without, several of one chip, and some that tell nothing. */
static void make_totals(struct scene *scene, struct fixture_random *random)
{
    unsigned bit = 0;

    for (size_t left = fixture_below(random, TOTALS_MAX); left > 0; left--) {
        int32_t node = (int32_t)fixture_below(random, scene->host.device_count + 1) - 1;
        uint64_t id = (node < 0 ? FAR : ASIC) + (node < 0 ? fixture_below(random, 6) : (uint64_t)node);
        struct host_totals *totals = add_totals(scene, id, node);

        totals->state = one_in(random, 6) ? HOST_TOTALS_STALE + fixture_below(random, 5) : HOST_TOTALS_OK;
        if (totals->state == HOST_TOTALS_OK)
            make_slots(totals, random, &bit);
    }
    qsort(scene->totals, scene->host.totals_count, sizeof(scene->totals[0]), compare_ids);
}

/* Chips are told under any number, and described or not. */
static void make_told(struct scene *scene, struct fixture_random *random)
{
    int32_t number = 0;

    scene->is_told = !one_in(random, 3);
    if (!scene->is_told)
        return;
    for (size_t i = 0; i < scene->host.device_count; i++) {
        if (one_in(random, 2))
            tell_device(scene, number++, ASIC + i, false);
    }
    for (uint64_t i = 0; i < 6; i++) {
        if (one_in(random, 4))
            tell_device(scene, number++, one_in(random, 2) ? FAR + i : 0, true);
    }
    for (int32_t pid = FIRST_PID; pid < FIRST_PID + PIDS; pid++) {
        if (one_in(random, 3))
            tell_process(scene, one_in(random, 8) ? 0 : pid);
    }
}

static bool is_told_process(const struct scene *scene, int32_t pid)
{
    for (size_t i = 0; pid > 0 && i < scene->process_list.items.count; i++) {
        if (scene->processes[i].pid == pid)
            return true;
    }
    return false;
}

static bool is_live(const struct host_slot *slot)
{
    return slot->state == HOST_SLOT_LIVE || slot->state == HOST_SLOT_UNVERIFIED;
}

/* Where a file's bytes belong: to the node that the host joined it to, or the chip of its id. */
static bool is_row_of(const struct device_row *row, const struct host_totals *totals)
{
    if (row->node)
        return totals->join != HOST_JOIN_NONE && row->node->number == totals->device;
    return row->facts.description.asic_id == totals->id;
}

/* The row of each file is that of its chip, and has its number. */
static void check_chips(const struct scene *scene)
{
    for (size_t i = 0; i < scene->host.totals_count; i++) {
        const struct device_row *row = scene->merged.chips[i];

        assert_int_equal(scene->merged.totals[i], row ? row->facts.device : DEVICE_UNKNOWN);
        assert_true(row ? is_row_of(row, &scene->totals[i]) : scene->totals[i].state != HOST_TOTALS_OK);
    }
}

static bool is_on_told_device(const struct merged *merged, const struct host_totals *totals)
{
    for (size_t i = 0; i < merged->device_count; i++) {
        if (is_row_of(&merged->devices[i], totals))
            return merged->devices[i].is_told;
    }
    return false;
}

static void check_slot_on_devices(const struct scene *scene, const struct host_totals *totals,
                                  const struct host_slot *slot)
{
    bool may_be_told = slot->state == HOST_SLOT_UNVERIFIED && is_on_told_device(&scene->merged, totals);
    bool is_expected = is_live(slot) && !may_be_told && !is_told_process(scene, slot->pid);
    size_t rows = 0;

    for (size_t i = 0; i < scene->merged.device_count; i++) {
        const struct device_row *row = &scene->merged.devices[i];
        bool has =
            row->made.count > 0 &&
            (region_of_device(row, TT_ALLOC_DRAM).bytes - (row->is_told ? GIB << 33 : 0)) & slot->held[HOST_DRAM].bytes;

        rows += has;
        assert_true(!has || is_row_of(row, totals));
    }
    assert_int_equal(rows, is_expected);
}

static void check_slot_on_processes(const struct scene *scene, const struct host_slot *slot)
{
    size_t rows = 0;

    for (size_t i = 0; i < scene->merged.process_count; i++) {
        const struct process_row *row = &scene->merged.processes[i];
        bool has = row->shm[HOST_DRAM].bytes & slot->held[HOST_DRAM].bytes;

        rows += has;
        if (!has)
            continue;
        assert_int_equal(row->facts.pid, slot->pid);
        assert_true(slot->state == HOST_SLOT_LIVE || row->facts.label_pid == slot->inner_pid);
        assert_int_equal(row->tracking, is_told_process(scene, slot->pid) ? TRACKING_REPORTING : TRACKING_SHM_ONLY);
        if (row->tracking == TRACKING_SHM_ONLY)
            assert_int_equal(region_of_process(row, TT_ALLOC_DRAM).bytes, row->shm[HOST_DRAM].bytes);
    }
    assert_int_equal(rows, is_live(slot));
}

static void check_slots(const struct scene *scene)
{
    for (size_t i = 0; i < scene->host.totals_count; i++) {
        for (size_t j = 0; j < scene->totals[i].slot_count; j++) {
            check_slot_on_devices(scene, &scene->totals[i], &scene->totals[i].slots[j]);
            check_slot_on_processes(scene, &scene->totals[i].slots[j]);
        }
    }
}

static const struct device_row *row_of(const struct merged *merged, const struct host_device *node)
{
    const struct device_row *found = NULL;

    for (size_t i = 0; i < merged->device_count; i++) {
        if (merged->devices[i].node == node) {
            assert_null(found);
            found = &merged->devices[i];
        }
    }
    assert_non_null(found);
    return found;
}

static void check_holders(const struct scene *scene)
{
    for (size_t i = 0; i < scene->host.device_count; i++) {
        const struct host_device *node = &scene->nodes[i];
        int32_t number = row_of(&scene->merged, node)->facts.device;

        for (size_t j = 0; j < node->holder_count; j++) {
            const struct process_row *row = process_of(&scene->merged, node->holders[j].pid);
            bool is_there = false;

            for (size_t k = 0; k < row->held_count; k++)
                is_there = is_there || row->held[k] == number;
            assert_true(is_there);
        }
    }
}

static void check_order(const struct merged *merged)
{
    for (size_t i = 1; i < merged->device_count; i++)
        assert_true(device_rank(merged->devices[i - 1].facts.device) <= device_rank(merged->devices[i].facts.device));
    for (size_t i = 1; i < merged->process_count; i++)
        assert_true(merged->processes[i - 1].facts.pid <= merged->processes[i].facts.pid);
    for (size_t i = 1; i < merged->holding_count; i++)
        assert_true(merged->holdings[i - 1].pid <= merged->holdings[i].pid);
}

static void check_counts(const struct scene *scene)
{
    const struct merged *merged = &scene->merged;
    size_t told = 0, reporting = 0;

    for (size_t i = 0; i < merged->device_count; i++)
        told += merged->devices[i].is_told;
    for (size_t i = 0; i < merged->process_count; i++)
        reporting += merged->processes[i].tracking == TRACKING_REPORTING;
    assert_int_equal(told, scene->device_list.items.count);
    assert_int_equal(reporting, scene->process_list.items.count);
}

static void test_any_host(void **state)
{
    struct fixture_random random = {20251123};

    (void)state;
    for (size_t round = 0; round < 4000; round++) {
        struct scene *scene = scene_new();

        make_nodes(scene, &random);
        make_processes(scene, &random);
        make_totals(scene, &random);
        make_told(scene, &random);
        for (size_t i = 0; i < scene->device_list.items.count; i++)
            scene->usages[i].bytes = GIB << 33; /* above all bits of slots */
        merge(scene);
        check_chips(scene);
        check_slots(scene);
        check_holders(scene);
        check_order(&scene->merged);
        check_counts(scene);
        scene_free(scene);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_numbers_and_ranks),
        FIXTURE(test_nothing),
        FIXTURE(test_far_chip_of_a_board),
        FIXTURE(test_far_chips_of_unknown_boards),
        FIXTURE(test_far_chip_near_different_cards),
        FIXTURE(test_far_chips_of_one_node),
        FIXTURE(test_totals_without_figures_make_no_row),
        FIXTURE(test_two_files_of_one_chip),
        FIXTURE(test_told_numbers),
        FIXTURE(test_told_chip_is_the_node_of_its_asic_id),
        FIXTURE(test_told_sizes_go_first),
        FIXTURE(test_told_far_chip_with_the_number_of_a_node),
        FIXTURE(test_trackings),
        FIXTURE(test_the_server_goes_first),
        FIXTURE(test_holdings),
        FIXTURE(test_processes_that_are_not_seen),
        FIXTURE(test_unverified_slots),
        FIXTURE(test_unverified_slots_of_one_process),
        FIXTURE(test_unverified_slot_beside_a_told_process_without_pid),
        FIXTURE(test_unverified_slot_on_a_told_device),
        FIXTURE(test_phantoms_are_nobodys),
        FIXTURE(test_completeness),
        FIXTURE(test_peaks_are_not_known),
        FIXTURE(test_amounts),
        FIXTURE(test_unknown_amounts_win),
        FIXTURE(test_thousands_of_files),
        FIXTURE(test_sums_do_not_wrap),
        FIXTURE(test_any_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
