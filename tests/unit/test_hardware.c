/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_server_core */

/*
 * How the server keeps its picture of the host, on a host that is made up: of one device, which may be in a reset, may
 * not be read at all, or may change while nobody looks. The functions here take the place of host/watch.c; real trees
 * of files are for tests/integration/test_placement.py.
 */

#include "tests/unit/fixture.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>

#include "server/clock.h"
#include "server/hardware.h"
#include "server/log.h"

#define PID 10 /* has the device open */

/* What the host says. */
static struct {
    int list_error, devices_error, read_error, asic_error, holders_error, device_holders_error;
    bool has_others;
    unsigned reads;
    time_t ahead; /* of the real clock */
} told;

int clock_gettime(clockid_t id, struct timespec *ret)
{
    int result = (int)syscall(SYS_clock_gettime, id, ret);

    ret->tv_sec += told.ahead;
    return result;
}

int host_list_devices(const char *root, struct host *ret)
{
    (void)root;
    if (told.list_error < 0)
        return told.list_error;
    *ret = (struct host){.devices = calloc(1, sizeof(*ret->devices)), .device_count = 1};
    ret->devices_error = told.devices_error;
    return 0;
}

int host_read_device(const char *root, struct host_device *device)
{
    (void)root;
    told.reads++;
    device->card_type.error = device->pci_address.error = device->board_id.error = -ENODATA;
    device->asic_id = (struct host_id){.error = told.asic_error, .value = told.asic_error ? 0 : 0x77};
    return told.read_error;
}

bool host_has_other_devices(const char *root, const struct host *host)
{
    (void)root;
    (void)host;
    return told.has_others;
}

int host_read_holders(const char *root, struct host *host)
{
    struct host_device *device = &host->devices[0];

    (void)root;
    if (told.holders_error < 0)
        return told.holders_error;
    free(device->holders);
    device->holders = calloc(1, sizeof(device->holders[0]));
    device->holders[0].pid = PID;
    device->holder_count = 1;
    device->holders_error = told.device_holders_error;
    return 0;
}

/* ---- A server that looks at it ---- */

struct scene {
    struct registry registry;
    struct process *process;
    struct ev_loop *loop;
    struct hardware hardware;
};

static void on_remains(struct remains remains, void *userdata)
{
    (void)userdata;
    remains_release_devices(&remains);
    ledger_free(remains.ledger);
    remains_settle(&remains);
}

static int scene_begin(void **state)
{
    static struct scene scene;
    struct peer peer = {.pid = PID, .uid = 1000, .pidfd = -1};

    told = (typeof(told)){0};
    log_open(LOG_EMERG - 1);
    fixture_begin(state);
    scene = (struct scene){.loop = ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV)};
    registry_init(&scene.registry, on_remains, NULL);
    *state = &scene;
    return registry_attach(&scene.registry, &peer, &scene.process);
}

static int scene_end(void **state)
{
    struct scene *scene = *state;

    hardware_done(&scene->hardware);
    registry_detach(&scene->registry, scene->process, true);
    registry_done(&scene->registry);
    ev_loop_destroy(scene->loop);
    return fixture_end(state);
}

static int init(struct scene *scene)
{
    return hardware_init(&scene->hardware, scene->loop, &scene->registry, NULL);
}

/* The process says that it has this device, and the server looks until nobody waits. */
static void report(struct scene *scene, int32_t device_id)
{
    registry_allocate(&scene->registry, scene->process, device_id, TT_ALLOC_L1, 1, 1, clock_now());
    hardware_attend(&scene->hardware);
    while (!list_is_empty(&scene->registry.unlocated))
        ev_run(scene->loop, EVRUN_ONCE);
}

static const struct device *row(struct scene *scene, int32_t device_id)
{
    return registry_resolve(&scene->registry, scene->process, device_id);
}

static bool is_known(const struct scene *scene)
{
    return scene->registry.devices.nodes.all[0].facts.known & TT_ALLOC_KNOWN_ASIC_ID;
}

static void test_who_holds_it(void **state)
{
    struct scene *scene = *state;

    assert_int_equal(init(scene), 0);
    report(scene, 0);
    assert_int_equal(row(scene, 0)->node, 0);
    assert_int_equal(row(scene, 0)->facts.asic_id, 0x77);
    assert_int_equal(told.reads, 1);
}

/* It is looked at again after a while, and not before. */
static void test_a_device_in_a_reset(void **state)
{
    static const int errors[] = {-ENODATA, -ENODEV};
    struct scene *scene = *state;

    for (int i = 0; i < 2; i++) {
        told.asic_error = errors[i];
        told.ahead += 10;
        hardware_done(&scene->hardware);
        assert_int_equal(init(scene), 0);
        told.asic_error = 0;
        told.reads = 0;
        report(scene, 2 * i);
        assert_false(is_known(scene));
        assert_int_equal(told.reads, 0);
        told.ahead += 10;
        report(scene, 2 * i + 1);
        assert_true(is_known(scene));
        assert_int_equal(told.reads, 1);
    }
}

/* An id that can never be read is no reason to look again. */
static void test_a_device_without_an_id(void **state)
{
    struct scene *scene = *state;

    told.asic_error = -ENOENT;
    assert_int_equal(init(scene), 0);
    told.ahead = 10;
    report(scene, 0);
    assert_int_equal(told.reads, 1);
    assert_int_equal(row(scene, 0)->node, 0);
}

/* What was read before stays, and who waits is served without it, to be looked for again later. */
static void test_a_host_that_cannot_be_read_any_more(void **state)
{
    struct scene *scene = *state;

    assert_int_equal(init(scene), 0);
    for (int i = 0; i < 2; i++) {
        told.has_others = true;
        told.ahead += 10;
        told.list_error = i == 0 ? -ENOMEM : 0;
        told.read_error = told.asic_error = -ENOMEM;
        report(scene, i);
        assert_true(is_known(scene));
        assert_int_equal(row(scene, i)->node, -1);
        assert_true(scene->process->look_again > clock_now());
    }
    told.has_others = false;
    told.read_error = told.asic_error = 0;
    told.ahead += 10;
    report(scene, 0);
    registry_look_again(&scene->registry, scene->process, clock_now());
    report(scene, 0);
    assert_int_equal(row(scene, 0)->node, 0);
}

static void test_holders_that_cannot_be_read(void **state)
{
    struct scene *scene = *state;

    assert_int_equal(init(scene), 0);
    told.holders_error = -ENOMEM;
    report(scene, 0);
    assert_int_equal(row(scene, 0)->node, -1);
    assert_true(scene->process->look_again > clock_now());
    told.holders_error = 0;
    told.device_holders_error = -ENOENT;
    report(scene, 1);
    assert_int_equal(row(scene, 1)->node, -1);
    assert_true(scene->process->look_again > clock_now());
}

static void test_a_host_that_cannot_be_read_at_the_start(void **state)
{
    static const int errors[] = {-ENOSYS, -ENOENT, -ENOMEM};
    struct scene *scene = *state;

    for (size_t i = 0; i < 3; i++) {
        told.list_error = errors[i];
        assert_int_equal(init(scene), errors[i]);
    }
    told.list_error = 0;
    told.devices_error = -EACCES; /* told to the log, and no reason not to start */
    assert_int_equal(init(scene), 0);
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_begin, scene_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(test_who_holds_it),
        SCENE(test_a_device_in_a_reset),
        SCENE(test_a_device_without_an_id),
        SCENE(test_a_host_that_cannot_be_read_any_more),
        SCENE(test_holders_that_cannot_be_read),
        SCENE(test_a_host_that_cannot_be_read_at_the_start),
    };

    return cmocka_run_group_tests_name("hardware", tests, NULL, NULL);
}
