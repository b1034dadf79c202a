/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_world tt_alloc_server_core -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray */

/*
 * A server that has no memory once. The same conversation is had again and again, and each time another one of the
 * server's allocations fails, until none is left that could. Whichever it is: the sums hold (world_check()), an answer
 * comes whole or the connection ends, what was refused makes its process inexact, and a figure tells of it.
 */

#include "tests/unit/fixture.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "ledger/memory.h"
#include "server/clock.h"
#include "server/history.h"
#include "server/session.h"
#include "tests/fuzz/fake_socket.h"
#include "tests/fuzz/world.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_reallocarray(void *memory, size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_reallocarray(void *memory, size_t count, size_t size);

#define MOST 1000 /* allocations of one conversation */

/* ---- Memory ---- */

static bool is_counting;
static unsigned asked, fails_at;
static size_t failed_size;

static bool may_have(size_t size)
{
    if (!is_counting || size == 0 || ++asked != fails_at)
        return true;
    failed_size = size;
    return false;
}

void *__wrap_malloc(size_t size)
{
    return may_have(size) ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return may_have(count * size) ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *memory, size_t size)
{
    return may_have(size) ? __real_realloc(memory, size) : NULL;
}

void *__wrap_reallocarray(void *memory, size_t count, size_t size)
{
    return may_have(count * size) ? __real_reallocarray(memory, count, size) : NULL;
}

/* ---- Who talks ---- */

enum who {
    REPORTER,
    OTHER, /* of the same user */
    ROOT,
    STRANGER,
    CLIENTS,
};

struct scene {
    struct world world;
    int fd[CLIENTS];
};

static const struct fake_process processes[CLIENTS] = {
    [REPORTER] = {.pid = 101, .uid = 1000, .start_ticks = 7, .has_pidfd = true, .life = 1},
    [OTHER] = {.pid = 102, .uid = 1000, .start_ticks = 8, .has_pidfd = true, .life = 1, .held = {0}, .held_count = 1},
    [ROOT] = {.pid = 103, .uid = 0, .start_ticks = 9, .has_pidfd = true, .life = 1},
    [STRANGER] = {.pid = 104, .uid = 2000, .start_ticks = 10, .has_pidfd = true, .life = 1},
};

static void hang_up(struct scene *scene, enum who who)
{
    if (scene->fd[who] >= 0)
        close(scene->fd[who]);
    scene->fd[who] = -1;
    world_settle(&scene->world);
}

static uint64_t refused(const struct scene *scene)
{
    const struct figures *figures = &scene->world.server.registry.figures;

    return figures->refused_memory + figures->refused_announced;
}

static bool is_inexact(const struct scene *scene, enum who who)
{
    return process_is_inexact(processes_find_pid(&scene->world.server.registry.processes, processes[who].pid));
}

static void send_bytes(struct scene *scene, enum who who, const void *bytes, size_t size)
{
    uint64_t before = refused(scene);

    if (scene->fd[who] >= 0 && send(scene->fd[who], bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        assert_int_equal(errno, EPIPE);
    world_settle(&scene->world);
    if (refused(scene) > before)
        assert_true(is_inexact(scene, who));
}

static void connect_as(struct scene *scene, enum who who, uint32_t flags)
{
    struct tt_alloc_hello hello = {
        .type = TT_ALLOC_HELLO,
        .device_id = -1,
        .magic = TT_ALLOC_MAGIC,
        .features = TT_ALLOC_FEATURE_RING | TT_ALLOC_FEATURE_RESYNC | TT_ALLOC_FEATURE_FREE_REGION,
        .flags = TT_ALLOC_HELLO_QUIET | flags,
        .tick = (uint32_t)(clock_read(CLOCK_MONOTONIC) >> TT_ALLOC_TICK_SHIFT),
    };

    scene->fd[who] = world_connect(&scene->world, fake_host_get(who));
    send_bytes(scene, who, &hello, sizeof(hello));
}

/* Who was given up comes again. */
static void say(struct scene *scene, enum who who, const void *frame)
{
    uint8_t byte;

    if (scene->fd[who] >= 0 && recv(scene->fd[who], &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
        hang_up(scene, who);
    if (scene->fd[who] < 0)
        connect_as(scene, who, 0);
    send_bytes(scene, who, frame, TT_ALLOC_FRAME_112);
}

/* ---- Reports ---- */

static void report(struct scene *scene, enum who who, uint8_t type, int32_t device_id, uint8_t region, uint64_t id)
{
    struct tt_alloc_message message = {
        .head = {.type = type, .device_id = device_id, .buffer_type = region, .buffer_id = id, .size = 4096}};

    say(scene, who, &message);
}

static void describe(struct scene *scene, enum who who, int32_t device_id, uint64_t asic_id)
{
    struct tt_alloc_device_record chip = {.type = TT_ALLOC_DESCRIBE_DEVICE,
                                          .device_id = device_id,
                                          .asic_id = asic_id,
                                          .known = asic_id ? TT_ALLOC_KNOWN_ASIC_ID : TT_ALLOC_KNOWN_ARCH};

    say(scene, who, &chip);
}

static void tell(struct scene *scene, enum who who, struct tt_alloc_record record)
{
    struct tt_alloc_records frame = {.type = TT_ALLOC_RECORDS, .device_id = -1, .count = 1, .record[0] = record};

    say(scene, who, &frame);
}

static void resync(struct scene *scene, enum who who)
{
    tell(scene, who, (struct tt_alloc_record){.type = TT_ALLOC_RESYNC_BEGIN, .device_id = -1, .size = 1000});
    for (int32_t i = 0; i < 30; i++)
        tell(scene, who,
             (struct tt_alloc_record){.type = TT_ALLOC_RESYNC_BUFFER,
                                      .device_id = i < 29 ? i % 2 : 10,
                                      .buffer_id = 5000 + (uint64_t)i,
                                      .size = 1,
                                      .references = 1});
    tell(scene, who, (struct tt_alloc_record){.type = TT_ALLOC_RESYNC_COUNTS, .device_id = 11, .buffer_id = 3});
    tell(scene, who, (struct tt_alloc_record){.type = TT_ALLOC_RESYNC_PEAK, .device_id = 12, .buffer_id = 9});
    tell(scene, who, (struct tt_alloc_record){.type = TT_ALLOC_RESYNC_END, .device_id = -1, .size = 1000});
}

static void ask_for_ring(struct scene *scene, enum who who)
{
    struct tt_alloc_ring_message message = {
        .type = TT_ALLOC_RING_REQUEST, .device_id = -1, .slots = TT_ALLOC_RING_SLOTS_MIN};
    ssize_t got;

    say(scene, who, &message);
    got = recv(scene->fd[who], &message, sizeof(message), MSG_DONTWAIT);
    if (got == 0)
        return;
    assert_int_equal(got, sizeof(message));
    assert_int_equal(message.type, TT_ALLOC_RING);
    assert_true(message.status == 0 || message.status == -ENOMEM);
}

/* ---- Questions ---- */

static struct {
    uint8_t bytes[FAKE_SOCKET_BYTES];
    size_t size, used;
} arrived;

/* Whether some came; if not, the connection has ended. */
static bool receive_more(struct scene *scene, enum who who)
{
    ssize_t got;

    while ((got = recv(scene->fd[who], arrived.bytes, sizeof(arrived.bytes), MSG_DONTWAIT)) < 0)
        world_settle(&scene->world);
    arrived.size = (size_t)got;
    arrived.used = 0;
    return got > 0;
}

static bool receive_frame(struct scene *scene, enum who who, void *ret)
{
    for (size_t i = 0; i < TT_ALLOC_FRAME_112; i++) {
        if (arrived.used == arrived.size && !receive_more(scene, who))
            return false;
        ((uint8_t *)ret)[i] = arrived.bytes[arrived.used++];
    }
    return true;
}

static bool receive_answer(struct scene *scene, enum who who, uint8_t type)
{
    struct tt_alloc_end_record frame;

    for (uint64_t frames = 0; receive_frame(scene, who, &frame); frames++) {
        if (frame.type != TT_ALLOC_END)
            continue;
        assert_int_equal(frame.count, frames);
        assert_int_equal(frame.request, type);
        return true;
    }
    return false;
}

static void ask(struct scene *scene, enum who who, struct tt_alloc_list_request request)
{
    request.resolution = TT_ALLOC_HISTORY_SECOND;
    request.region = -1;
    say(scene, who, &request);
    if (scene->fd[who] >= 0 && !receive_answer(scene, who, request.type))
        hang_up(scene, who);
}

static void ask_for_all(struct scene *scene, enum who who)
{
    for (uint8_t type = TT_ALLOC_LIST_DEVICES; type <= TT_ALLOC_FORGET; type++)
        ask(scene, who, (struct tt_alloc_list_request){.type = type, .device_id = -1});
}

static void ask_for_dump(struct scene *scene, enum who who)
{
    struct tt_alloc_message message = {.head = {.type = TT_ALLOC_DUMP_REMAINING, .device_id = -1}};

    say(scene, who, &message);
}

/* ---- The conversation ---- */

static void report_much(struct scene *scene)
{
    static const uint8_t cut[TT_ALLOC_FRAME_112 / 2] = {TT_ALLOC_ALLOC};

    connect_as(scene, REPORTER, TT_ALLOC_HELLO_REPORTER);
    for (uint64_t i = 0; i < 60; i++)
        report(scene, REPORTER, TT_ALLOC_ALLOC, (int32_t)i % 2, (uint8_t)(i % 5), i);
    describe(scene, REPORTER, 1, 0x101);
    describe(scene, REPORTER, 2, 0x102);
    describe(scene, REPORTER, 3, 0);
    resync(scene, REPORTER);
    ask_for_ring(scene, REPORTER);
    send_bytes(scene, REPORTER, cut, sizeof(cut));
    connect_as(scene, OTHER, TT_ALLOC_HELLO_REPORTER);
    for (uint64_t i = 0; i < 5; i++)
        report(scene, OTHER, TT_ALLOC_ALLOC, 0, TT_ALLOC_L1, i);
}

/* Peers that say no HELLO, or only that they ask, and then report all the same. */
static void begin_otherwise(struct scene *scene)
{
    static const uint8_t words[] = {TT_ALLOC_ALLOC,        TT_ALLOC_FREE,    TT_ALLOC_DESCRIBE_DEVICE,
                                    TT_ALLOC_RING_REQUEST, TT_ALLOC_RECORDS, TT_ALLOC_QUERY};

    for (size_t i = 0; i < sizeof(words); i++) {
        uint8_t frame[TT_ALLOC_FRAME_112] = {words[i]};

        say(scene, STRANGER, frame);
        hang_up(scene, STRANGER);
    }
}

static void talk(struct scene *scene)
{
    begin_otherwise(scene);
    report_much(scene);
    fake_host_pass(1000 * NSEC_PER_SEC);
    connect_as(scene, ROOT, 0);
    ask_for_dump(scene, ROOT);
    ask_for_all(scene, ROOT);
    hang_up(scene, REPORTER);
    ask(scene, ROOT, (struct tt_alloc_list_request){.type = TT_ALLOC_LIST_ENDED, .device_id = -1});
    ask(scene, STRANGER, (struct tt_alloc_list_request){.type = TT_ALLOC_LIST_BUFFERS, .device_id = -1});
}

/* ---- What is to be seen of it ---- */

static bool is_told(const struct figures *figures)
{
    return figures->out_of_memory + figures->refused_memory + figures->refused_announced +
               figures->refused_description + figures->sessions_refused_system >
           0;
}

/* Without its history a device is as good as before, and has one with the next report. */
static bool may_go_untold(void)
{
    return failed_size == sizeof(struct history);
}

/* Once there is memory again, a report is where it belongs: on the row of the chip that the process has open. */
static void check_row(struct scene *scene, enum who who)
{
    struct registry *registry = &scene->world.server.registry;

    fake_host_pass(60 * NSEC_PER_SEC);
    report(scene, who, TT_ALLOC_ALLOC, 0, TT_ALLOC_L1, 7000);
    struct process *process = processes_find_pid(&registry->processes, processes[who].pid);
    assert_int_equal(registry_resolve(registry, process, 0)->node, processes[who].held[0]);
}

/* Whether an allocation failed. */
static bool talk_with_one_failing(unsigned which)
{
    struct scene scene;
    bool has_failed;

    world_open(&scene.world, true);
    for (size_t i = 0; i < CLIENTS; i++) {
        *fake_host_get(i) = processes[i];
        scene.fd[i] = -1;
    }
    asked = 0;
    fails_at = which;
    is_counting = true;
    talk(&scene);
    is_counting = false;
    has_failed = asked >= which;
    check_row(&scene, OTHER);
    world_check(&scene.world);
    assert_true(!has_failed || may_go_untold() || is_told(&scene.world.server.registry.figures));
    for (size_t i = 0; i < CLIENTS; i++)
        hang_up(&scene, (enum who)i);
    assert_int_equal(scene.world.server.registry.processes.count, 0);
    world_close(&scene.world);
    return has_failed;
}

static void test_any_allocation_may_fail(void **state)
{
    unsigned which = 1;

    (void)state;
    memory_hook = may_have;
    while (talk_with_one_failing(which))
        assert_true(++which < MOST);
    memory_hook = NULL;
    assert_true(which > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_any_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("server_scarce", tests, NULL, NULL);
}
