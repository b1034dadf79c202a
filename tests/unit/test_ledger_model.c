/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_ledger */

/*
 * The ledger against a model that is too simple to be wrong: a search tree of buffers, sums in plain loops, and for
 * each buffer the number of the report that made it. Millions of random reports over several shapes of ids, every
 * answer compared, and from time to time everything that can be asked. Resyncs begin at random too, tell some of the
 * buffers, others, and the same with other sizes, and are swept in small steps or left unfinished. The same again with
 * each single allocation failing.
 */

#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger/ledger.h"
#include "ledger/memory.h"

#define DEVICES_MAX 40
#define TICK 10000000

struct buffer {
    int32_t device;
    uint8_t region;
    uint64_t id;
    uint64_t size;
    uint64_t born;
    uint64_t serial; /* of the report that made it */
    uint32_t references;
    unsigned resync; /* the last one before it was told of */
    unsigned visit;  /* the walk that saw it last */
};

struct model_device {
    bool used;
    unsigned __int128 bytes[USAGE_REGIONS], peak[USAGE_REGIONS], pool_peak[USAGE_POOLS];
    uint64_t buffers[USAGE_REGIONS], allocations[USAGE_REGIONS], frees[USAGE_REGIONS];
    uint64_t last_activity;
};

struct model {
    void *tree;
    uint64_t count;
    uint64_t serial;
    uint64_t stale;
    unsigned resync;
    unsigned visit;
    struct model_device devices[DEVICES_MAX]; /* by device id */
};

/* Which reports a run is made of. */
struct shape {
    const char *name;
    uint64_t (*id)(uint64_t number);
    uint64_t ids;
    int devices;
    int regions;
    unsigned operations;
    unsigned checks;  /* full comparisons */
    unsigned resyncs; /* one report in so many begins one; 0: none does */
};

struct run {
    const struct shape *shape;
    uint64_t seed;
    uint64_t random;
    unsigned operation;
    uint64_t now;
    uint64_t sweep; /* cursor */
    struct ledger *ledger;
    struct model model;
};

#define agree(run, condition)                                                                                          \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            fail_msg("%s, seed %" PRIu64 ", operation %u: %s", (run)->shape->name, (run)->seed, (run)->operation,      \
                     #condition);                                                                                      \
    } while (0)

static uint64_t next_random(struct run *run, uint64_t below)
{
    run->random ^= run->random << 13;
    run->random ^= run->random >> 7;
    run->random ^= run->random << 17;
    return (run->random >> 16) % below;
}

/* ---- The model ---- */

static int compare(const void *a, const void *b)
{
    const struct buffer *x = a, *y = b;

    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return x->region - y->region;
}

static struct buffer *model_find(struct model *model, int32_t device, uint8_t region, uint64_t id)
{
    struct buffer key = {.device = device, .region = region, .id = id}, **found = tfind(&key, &model->tree, compare);

    return found ? *found : NULL;
}

static unsigned __int128 pool_bytes(const struct model_device *device, int pool)
{
    const unsigned __int128 *bytes = device->bytes;

    if (pool == 0)
        return bytes[0] + bytes[4];
    return pool == 1 ? bytes[1] + bytes[3] + bytes[5] : bytes[2];
}

static void device_peaks(struct model_device *device)
{
    for (int region = 0; region < USAGE_REGIONS; region++)
        if (device->peak[region] < device->bytes[region])
            device->peak[region] = device->bytes[region];
    for (int pool = 0; pool < USAGE_POOLS; pool++)
        if (device->pool_peak[pool] < pool_bytes(device, pool))
            device->pool_peak[pool] = pool_bytes(device, pool);
}

/* While anything is stale no peak rises; after that all may have to. */
static void model_peaks(struct model *model)
{
    if (model->stale == 0)
        for (int device = 0; device < DEVICES_MAX; device++)
            device_peaks(&model->devices[device]);
}

static bool model_is_stale(const struct model *model, const struct buffer *buffer)
{
    return buffer->resync != model->resync;
}

static void model_make_fresh(struct model *model, struct buffer *buffer)
{
    model->stale -= model_is_stale(model, buffer);
    buffer->resync = model->resync;
}

static struct buffer *model_add(struct model *model, int32_t device, uint8_t region, uint64_t id)
{
    struct buffer *buffer = calloc(1, sizeof(*buffer));

    assert_non_null(buffer);
    *buffer = (struct buffer){.device = device, .region = region, .id = id, .resync = model->resync};
    assert_non_null(tsearch(buffer, &model->tree, compare));
    model->count++;
    model->devices[device].buffers[region]++;
    return buffer;
}

static void model_remove(struct model *model, struct buffer *buffer)
{
    model->count--;
    model->stale -= model_is_stale(model, buffer);
    model->devices[buffer->device].bytes[buffer->region] -= buffer->size;
    model->devices[buffer->device].buffers[buffer->region]--;
    tdelete(buffer, &model->tree, compare);
    free(buffer);
    model_peaks(model);
}

/* The youngest of all that were born in the same tick. */
static void model_set(struct model *model, struct buffer *buffer, uint64_t size, uint64_t born)
{
    unsigned __int128 *bytes = &model->devices[buffer->device].bytes[buffer->region];

    model_make_fresh(model, buffer);
    *bytes = *bytes - buffer->size + size;
    buffer->size = size;
    buffer->born = born;
    buffer->serial = ++model->serial;
    buffer->references = 1;
    model_peaks(model);
}

static struct ledger_change model_allocate(struct model *model, int32_t device_id, uint8_t region, uint64_t id,
                                           uint64_t size, uint64_t now)
{
    struct buffer *buffer = model_find(model, device_id, region, id);
    struct model_device *device = &model->devices[device_id];
    struct ledger_change change = {.effect = LEDGER_REPLACED, .region = region, .size_after = size};

    device->used = true;
    device->allocations[region]++;
    device->last_activity = now;
    if (buffer && buffer->size == size && !model_is_stale(model, buffer)) {
        change.effect = LEDGER_SHARED;
        change.size_before = size;
        buffer->references++;
        return change;
    }
    if (!buffer) {
        change.effect = LEDGER_ADDED;
        buffer = model_add(model, device_id, region, id);
    }
    change.size_before = buffer->size;
    model_set(model, buffer, size, now);
    return change;
}

static struct ledger_change model_announce(struct model *model, const struct buffer *truth, uint64_t now)
{
    struct buffer *buffer = model_find(model, truth->device, truth->region, truth->id);
    struct model_device *device = &model->devices[truth->device];
    struct ledger_change change = {.effect = LEDGER_REPLACED, .region = truth->region, .size_after = truth->size};

    device->used = true;
    device->last_activity = now;
    if (!buffer) {
        change.effect = LEDGER_ADDED;
        device->allocations[truth->region]++;
        buffer = model_add(model, truth->device, truth->region, truth->id);
    } else if (buffer->size == truth->size) {
        change.effect = LEDGER_SHARED;
    }
    change.size_before = buffer->size;
    if (change.effect != LEDGER_ADDED && buffer->born / TICK == truth->born / TICK) {
        uint64_t serial = buffer->serial;

        model_set(model, buffer, truth->size, truth->born);
        buffer->serial = serial;
    } else {
        model_set(model, buffer, truth->size, truth->born);
    }
    buffer->references = truth->references;
    return change;
}

static void model_resync(struct model *model)
{
    model->resync++;
    model->stale = model->count;
}

static bool is_younger(const struct buffer *a, const struct buffer *b)
{
    return a->born / TICK != b->born / TICK ? a->born > b->born : a->serial > b->serial;
}

static struct buffer *model_youngest(struct model *model, int32_t device, uint64_t id, unsigned *ret_count)
{
    struct buffer *youngest = NULL;

    *ret_count = 0;
    for (uint8_t region = 0; region < 5; region++) {
        struct buffer *buffer = model_find(model, device, region, id);

        if (!buffer)
            continue;
        ++*ret_count;
        if (!youngest || is_younger(buffer, youngest))
            youngest = buffer;
    }
    return youngest;
}

static struct ledger_change model_release(struct model *model, int32_t device_id, uint8_t region, uint64_t id,
                                          uint64_t now)
{
    struct model_device *device = &model->devices[device_id];
    struct ledger_change change = {.effect = LEDGER_UNKNOWN, .region = region};
    unsigned count = 1;
    struct buffer *buffer = region == LEDGER_ANY_REGION ? model_youngest(model, device_id, id, &count)
                                                        : model_find(model, device_id, region, id);

    if (!buffer)
        return change;
    change.region = buffer->region;
    change.ambiguous = count > 1;
    change.size_before = buffer->size;
    device->frees[buffer->region]++;
    device->last_activity = now;
    if (--buffer->references > 0) {
        change.effect = LEDGER_UNSHARED;
        change.size_after = buffer->size;
        return change;
    }
    change.effect = LEDGER_REMOVED;
    model_remove(model, buffer);
    return change;
}

/* ---- Comparing ---- */

static void agree_on_change(struct run *run, int32_t device, const struct ledger_change *said,
                            const struct ledger_change *expected)
{
    bool used = run->model.devices[device].used;

    agree(run, said->effect == expected->effect);
    agree(run, said->region == expected->region);
    agree(run, said->ambiguous == expected->ambiguous);
    agree(run, said->size_before == expected->size_before);
    agree(run, said->size_after == expected->size_after);
    agree(run, said->uncertain == (run->model.stale > 0));
    agree(run, used == (said->device != NULL));
    agree(run, !used || said->device->device_id == device);
}

static void agree_on_device(struct run *run, int32_t device_id)
{
    struct model_device *expected = &run->model.devices[device_id];
    const struct ledger_device *device = ledger_find_device(run->ledger, device_id);

    agree(run, expected->used == (device != NULL));
    if (!device)
        return;
    agree(run, device->device_id == device_id);
    agree(run, device->usage.last_activity == expected->last_activity);
    for (int region = 0; region < USAGE_REGIONS; region++) {
        agree(run, device->usage.region[region].bytes == expected->bytes[region]);
        agree(run, device->usage.region[region].peak == expected->peak[region]);
        agree(run, device->usage.buffers[region] == expected->buffers[region]);
        agree(run, device->usage.allocations[region] == expected->allocations[region]);
        agree(run, device->usage.frees[region] == expected->frees[region]);
    }
    for (int pool = 0; pool < USAGE_POOLS; pool++) {
        agree(run, device->usage.pool[pool].bytes == pool_bytes(expected, pool));
        agree(run, device->usage.pool[pool].peak == expected->pool_peak[pool]);
    }
}

static void agree_on_walk(struct run *run)
{
    struct ledger_buffer said;
    uint64_t cursor = 0, visited = 0;

    run->model.visit++;
    while (ledger_walk(run->ledger, &cursor, NULL, &said)) {
        struct buffer *buffer = model_find(&run->model, said.device->device_id, said.region, said.id);

        agree(run, buffer != NULL);
        agree(run, buffer->visit != run->model.visit);
        buffer->visit = run->model.visit;
        agree(run, said.size == buffer->size);
        agree(run, said.references == buffer->references);
        agree(run, said.born <= buffer->born && buffer->born - said.born < TICK);
        visited++;
    }
    agree(run, visited == run->model.count);
}

static void agree_on_everything(struct run *run)
{
    size_t used = 0;

    agree(run, ledger_count(run->ledger) == run->model.count);
    agree(run, ledger_stale(run->ledger) == run->model.stale);
    for (int32_t device = 0; device < DEVICES_MAX; device++) {
        used += run->model.devices[device].used;
        agree_on_device(run, device);
    }
    agree(run, ledger_device_count(run->ledger) == used);
    agree_on_walk(run);
}

/* ---- Reports ---- */

static void report_release(struct run *run, int32_t device, uint8_t region, uint64_t id)
{
    struct ledger_change said, expected;

    if (next_random(run, 3) == 0)
        region = LEDGER_ANY_REGION;
    agree(run, ledger_release(run->ledger, device, region, id, run->now, &said) == 0);
    expected = model_release(&run->model, device, region, id, run->now);
    agree_on_change(run, device, &said, &expected);
}

static uint64_t random_size(struct run *run)
{
    static const uint64_t sizes[] = {0, 2048, 2048, 2048, 4096, LEDGER_SIZE_LIMIT - 1};

    return sizes[next_random(run, 6)];
}

/* Returns whether there was memory for it; if not, nothing may have changed. */
static bool report_allocation(struct run *run, int32_t device, uint8_t region, uint64_t id)
{
    uint64_t size = random_size(run);
    struct ledger_change said, expected;
    int r = ledger_allocate(run->ledger, device, region, id, size, run->now, &said);

    if (r == -ENOMEM) {
        agree_on_everything(run);
        return false;
    }
    agree(run, r == 0);
    expected = model_allocate(&run->model, device, region, id, size, run->now);
    agree_on_change(run, device, &said, &expected);
    return true;
}

static bool announce(struct run *run, int32_t device, uint8_t region, uint64_t id)
{
    struct buffer truth = {.device = device, .region = region, .id = id, .size = random_size(run)};
    struct ledger_change said, expected;
    int r;

    truth.born = run->now - next_random(run, 10) * TICK / 2;
    truth.references = 1 + (uint32_t)next_random(run, 3);
    r = ledger_announce(run->ledger, device, region, id, truth.size, truth.references, truth.born, run->now, &said);
    if (r == -ENOMEM) {
        agree_on_everything(run);
        return false;
    }
    agree(run, r == 0);
    expected = model_announce(&run->model, &truth, run->now);
    agree(run, said.announced);
    agree_on_change(run, device, &said, &expected);
    return true;
}

/* The stale buffer that a sweep finds next, going as many steps; NULL: none. */
static struct buffer *next_stale(struct run *run, uint64_t cursor, size_t steps)
{
    struct ledger_buffer said;

    while (run->model.stale > 0 && ledger_walk(run->ledger, &cursor, &steps, &said)) {
        struct buffer *buffer = model_find(&run->model, said.device->device_id, said.region, said.id);

        if (model_is_stale(&run->model, buffer))
            return buffer;
    }
    return NULL;
}

static struct ledger_change model_sweep(struct model *model, struct buffer *buffer)
{
    struct ledger_change change = {.effect = LEDGER_SWEPT, .region = buffer->region, .size_before = buffer->size};

    model_remove(model, buffer);
    return change;
}

static void sweep(struct run *run)
{
    size_t steps = next_random(run, 100);
    struct ledger_change said, expected;

    for (;;) {
        struct buffer *buffer = next_stale(run, run->sweep, steps);
        int32_t device = buffer ? buffer->device : -1;

        agree(run, ledger_sweep(run->ledger, &run->sweep, &steps, run->now, &said) == (buffer != NULL));
        if (!buffer)
            break;
        expected = model_sweep(&run->model, buffer);
        agree_on_change(run, device, &said, &expected);
    }
    agree(run, steps == 0 || run->model.stale == 0);
}

static void begin_resync(struct run *run)
{
    agree(run, ledger_resync_begin(run->ledger) == 0);
    model_resync(&run->model);
    run->sweep = 0;
}

/* Some resyncs are swept at once in large part, others stay as they are for long. */
static bool resync(struct run *run, int32_t device, uint8_t region, uint64_t id)
{
    if (next_random(run, run->shape->resyncs) == 0)
        begin_resync(run);
    if (run->model.resync % 3 > 0 && next_random(run, 4) == 0)
        sweep(run);
    return announce(run, device, region, id);
}

/* Mostly allocations for a while, then mostly releases, and again: the ledger fills and empties several times. */
static bool report(struct run *run)
{
    const struct shape *shape = run->shape;
    unsigned phase = run->operation / (shape->operations / 6) % 2;
    uint64_t id = shape->id(next_random(run, shape->ids));
    int32_t device = (int32_t)next_random(run, (uint64_t)shape->devices);
    uint8_t region = (uint8_t)next_random(run, (uint64_t)shape->regions);

    run->operation++;
    run->now += next_random(run, 1000000);
    if (shape->resyncs > 0 && next_random(run, 4) == 0)
        return resync(run, device, region, id);
    if (next_random(run, 10) < (phase == 0 ? 8 : 3))
        return report_allocation(run, device, region, id);
    report_release(run, device, region, id);
    return true;
}

static void run_init(struct run *run, const struct shape *shape, uint64_t seed)
{
    uint64_t key[2] = {seed, ~seed};

    *run = (struct run){.shape = shape, .seed = seed, .random = seed * 0x9e3779b97f4a7c15, .now = seed << 40};
    assert_int_equal(ledger_new(&run->ledger, key), 0);
}

static void run_done(struct run *run)
{
    run->ledger = ledger_free(run->ledger);
    tdestroy(run->model.tree, free);
}

static void run_shape(const struct shape *shape, uint64_t seed)
{
    struct run run;

    run_init(&run, shape, seed);
    while (run.operation < shape->operations) {
        agree(&run, report(&run));
        if (run.operation % (shape->operations / shape->checks) == 0)
            agree_on_everything(&run);
    }
    run_done(&run);
}

static uint64_t id_small(uint64_t number)
{
    return number;
}

static uint64_t id_page(uint64_t number)
{
    return 0x800000000 + number * 2048;
}

static uint64_t id_power(uint64_t number)
{
    return number << 44;
}

static uint64_t id_high(uint64_t number)
{
    return number << 32 | 0xfffffff0;
}

static uint64_t id_low_and_high(uint64_t number)
{
    return number | ~number << 40;
}

static void test_few_keys(void **state)
{
    static const struct shape shape = {"few keys", id_small, 12, 2, 7, 100000, 1000, 30};

    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++)
        run_shape(&shape, seed);
}

static void test_some_keys_on_many_devices(void **state)
{
    static const struct shape shape = {"some keys on many devices", id_page, 40, DEVICES_MAX, 7, 300000, 30, 5000};

    (void)state;
    for (uint64_t seed = 11; seed <= 12; seed++)
        run_shape(&shape, seed);
}

static void test_many_keys(void **state)
{
    static const struct shape shape = {"many keys", id_page, 400000, 1, 1, 1500000, 6, 0};

    (void)state;
    run_shape(&shape, 21);
}

static void test_many_keys_told_again(void **state)
{
    static const struct shape shape = {"many keys told again", id_page, 50000, 2, 2, 600000, 6, 10000};

    (void)state;
    run_shape(&shape, 22);
}

static void test_nasty_ids(void **state)
{
    static const struct shape shapes[] = {
        {"multiples of 2^44", id_power, 1 << 20, 2, 2, 150000, 10, 10000},
        {"equal low halves", id_high, 20000, 2, 2, 150000, 10, 10000},
        {"both ends", id_low_and_high, 20000, 2, 2, 150000, 10, 10000},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
        for (uint64_t seed = 31; seed <= 32; seed++)
            run_shape(&shapes[i], seed);
}

/* ---- Memory that runs out ---- */

static unsigned allocations_left;

static bool all_but_the_last(size_t size)
{
    (void)size;
    return --allocations_left != 0;
}

static int set_hook(void **state)
{
    (void)state;
    memory_hook = all_but_the_last;
    return 0;
}

static int clear_hook(void **state)
{
    (void)state;
    memory_hook = NULL;
    return 0;
}

static void test_new_without_memory(void **state)
{
    struct ledger *ledger = NULL;
    unsigned n;

    (void)state;
    for (n = 1;; n++) {
        allocations_left = n;
        if (ledger_new(&ledger, "0123456789abcdef") == 0)
            break;
        assert_null(ledger);
    }
    assert_in_range(n, 2, 10);
    assert_null(ledger_free(ledger));
}

/* The n-th allocation fails, for every n that the run has; the same report is welcome when it is made again. */
static void test_every_allocation_fails_once(void **state)
{
    static const struct shape shape = {"failing allocations", id_page, 8000, DEVICES_MAX, 2, 9000, 1, 500};
    unsigned failures, n = 0;

    (void)state;
    do {
        struct run run;

        allocations_left = UINT32_MAX;
        run_init(&run, &shape, 41);
        allocations_left = ++n;
        failures = 0;
        while (run.operation < shape.operations)
            failures += !report(&run);
        agree(&run, failures <= 1);
        agree_on_everything(&run);
        run_done(&run);
    } while (failures > 0);
    assert_in_range(n, 50, 1000);
}

static void test_device_without_memory(void **state)
{
    struct ledger_device *device = NULL;
    struct ledger *ledger;
    unsigned failures = 0;

    (void)state;
    allocations_left = UINT32_MAX;
    assert_int_equal(ledger_new(&ledger, "0123456789abcdef"), 0);
    for (int32_t id = 0; id < LEDGER_DEVICES_MAX; id++)
        for (unsigned n = 1;; n++) {
            allocations_left = n;
            if (ledger_add_device(ledger, id, &device) == 0)
                break;
            assert_int_equal(ledger_device_count(ledger), id);
            assert_null(ledger_find_device(ledger, id));
            failures++;
        }
    assert_true(failures >= LEDGER_DEVICES_MAX);
    for (int32_t id = 0; id < LEDGER_DEVICES_MAX; id++)
        assert_ptr_equal(ledger_device(ledger, (size_t)id), ledger_find_device(ledger, id));
    ledger_free(ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_keys),
        cmocka_unit_test(test_some_keys_on_many_devices),
        cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_many_keys_told_again),
        cmocka_unit_test(test_nasty_ids),
        cmocka_unit_test_setup_teardown(test_new_without_memory, set_hook, clear_hook),
        cmocka_unit_test_setup_teardown(test_every_allocation_fails_once, set_hook, clear_hook),
        cmocka_unit_test_setup_teardown(test_device_without_memory, set_hook, clear_hook),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
