/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_world tt_alloc_server_core */

/*
 * What a peer can say that no client of ours says, and what is rare among real processes: each against a whole server
 * in this process, whose peers are made up (tests/fuzz/world.h). What happens on real sockets is for tests/integration.
 */

#include "tests/unit/fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "server/log.h"
#include "server/session.h"
#include "tests/fuzz/world.h"

#define ALL_FEATURES                                                                                                   \
    (TT_ALLOC_FEATURE_FREE_REGION | TT_ALLOC_FEATURE_RING | TT_ALLOC_FEATURE_RESYNC | TT_ALLOC_FEATURE_FORGET)

enum who {
    ALICE,
    BOB,
    ROOT,
    HIDDEN, /* in a PID namespace out of sight */
    PEERS,
};

struct scene {
    struct world world;
    int fd[PEERS];
};

static int scene_begin(void **state)
{
    static struct scene scene;

    world_open(&scene.world, false);
    *fake_host_get(ALICE) =
        (struct fake_process){.pid = 101, .uid = 1000, .start_ticks = 1, .has_pidfd = true, .life = 1};
    *fake_host_get(BOB) =
        (struct fake_process){.pid = 102, .uid = 2000, .start_ticks = 1, .has_pidfd = true, .life = 1};
    *fake_host_get(ROOT) = (struct fake_process){.pid = 103, .uid = 0, .start_ticks = 1, .has_pidfd = true, .life = 1};
    *fake_host_get(HIDDEN) = (struct fake_process){.pid = 0, .uid = 1000, .life = 1};
    for (size_t i = 0; i < PEERS; i++)
        scene.fd[i] = -1;
    *state = &scene;
    return 0;
}

static int scene_end(void **state)
{
    struct scene *scene = *state;

    for (size_t i = 0; i < PEERS; i++)
        if (scene->fd[i] >= 0)
            close(scene->fd[i]);
    world_settle(&scene->world);
    world_close(&scene->world);
    return 0;
}

static const struct figures *figures(const struct scene *scene)
{
    return &scene->world.server.registry.figures;
}

static void say(struct scene *scene, enum who who, const void *frame)
{
    assert_int_equal(send(scene->fd[who], frame, TT_ALLOC_FRAME_112, MSG_DONTWAIT), TT_ALLOC_FRAME_112);
    world_settle(&scene->world);
}

static void connect_with(struct scene *scene, enum who who, struct tt_alloc_hello hello)
{
    hello.type = TT_ALLOC_HELLO;
    hello.device_id = -1;
    hello.magic = TT_ALLOC_MAGIC;
    scene->fd[who] = world_connect(&scene->world, fake_host_get(who));
    assert_true(scene->fd[who] >= 0);
    say(scene, who, &hello);
}

static void connect_as(struct scene *scene, enum who who, uint64_t features)
{
    connect_with(scene, who, (struct tt_alloc_hello){.flags = TT_ALLOC_HELLO_QUIET, .features = features});
}

static void allocate(struct scene *scene, enum who who, int32_t device_id, uint64_t id)
{
    struct tt_alloc_message message = {
        .head = {.type = TT_ALLOC_ALLOC, .device_id = device_id, .buffer_id = id, .size = 4096}};

    say(scene, who, &message);
}

static bool is_closed(const struct scene *scene, enum who who)
{
    uint8_t byte;

    return recv(scene->fd[who], &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* What a peer reads makes room for more. */
static void receive(struct scene *scene, enum who who, void *ret)
{
    for (size_t size = 0; size < TT_ALLOC_FRAME_112;) {
        ssize_t got = recv(scene->fd[who], (uint8_t *)ret + size, TT_ALLOC_FRAME_112 - size, MSG_DONTWAIT);

        assert_int_not_equal(got, 0);
        size += got > 0 ? (size_t)got : 0;
        if (got < 0)
            world_settle(&scene->world);
    }
}

/* The END of the answer; *ret_records: how many records of the type stood before it. */
static struct tt_alloc_end_record ask(struct scene *scene, enum who who, struct tt_alloc_list_request request,
                                      uint8_t type, unsigned *ret_records)
{
    struct tt_alloc_end_record frame;

    say(scene, who, &request);
    *ret_records = 0;
    do {
        receive(scene, who, &frame);
        *ret_records += frame.type == type;
    } while (frame.type != TT_ALLOC_END);
    return frame;
}

static int status_of(struct scene *scene, enum who who, struct tt_alloc_list_request request)
{
    unsigned records;

    return ask(scene, who, request, 0, &records).status;
}

static struct process *process_of(struct scene *scene, enum who who)
{
    return processes_find_pid(&scene->world.server.registry.processes, fake_host_get(who)->pid);
}

/* ---- Questions ---- */

static void test_questions_that_make_no_sense(void **state)
{
    static const struct tt_alloc_list_request questions[] = {
        {.type = TT_ALLOC_LIST_PROCESSES, .device_id = -1, .process_id = -1},
        {.type = TT_ALLOC_LIST_PROCESSES, .device_id = -2},
        {.type = TT_ALLOC_LIST_BUFFERS, .device_id = -1, .process_id = -7, .region = -1},
        {.type = TT_ALLOC_LIST_BUFFERS, .device_id = -1, .region = -2},
        {.type = TT_ALLOC_LIST_BUFFERS, .device_id = -1, .region = TT_ALLOC_REGIONS},
        {.type = TT_ALLOC_LIST_DEVICES, .device_id = INT32_MIN},
        {.type = TT_ALLOC_LIST_HISTORY, .device_id = -1, .resolution = 1001},
    };

    connect_as(*state, ROOT, 0);
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
        assert_int_equal(status_of(*state, ROOT, questions[i]), -EINVAL);
}

static void test_lists_of_one_device(void **state)
{
    struct tt_alloc_list_request processes = {.type = TT_ALLOC_LIST_PROCESSES, .device_id = 1};
    struct tt_alloc_list_request ended = {.type = TT_ALLOC_LIST_ENDED, .device_id = 1};
    struct scene *scene = *state;
    unsigned records;

    connect_as(scene, ALICE, 0);
    allocate(scene, ALICE, 0, 1);
    allocate(scene, ALICE, 1, 2);
    connect_as(scene, BOB, 0);
    allocate(scene, BOB, 0, 3);
    connect_as(scene, ROOT, 0);
    assert_int_equal(ask(scene, ROOT, processes, TT_ALLOC_PROCESS, &records).status, 0);
    assert_int_equal(records, 1);
    fake_host_exit(fake_host_get(ALICE));
    fake_host_exit(fake_host_get(BOB));
    world_settle(&scene->world);
    assert_int_equal(ask(scene, ROOT, ended, TT_ALLOC_ENDED, &records).status, 0);
    assert_int_equal(records, 1);
    ended.process_id = fake_host_get(BOB)->pid;
    assert_int_equal(ask(scene, ROOT, ended, TT_ALLOC_ENDED, &records).status, 0);
    assert_int_equal(records, 0);
}

/* More than are made at once. */
static void test_very_many_processes(void **state)
{
    enum { PROCESSES = 1000 };
    struct tt_alloc_list_request request = {.type = TT_ALLOC_LIST_PROCESSES, .device_id = -1};
    struct scene *scene = *state;
    struct process *process;
    unsigned records;

    for (pid_t i = 0; i < PROCESSES; i++) {
        struct peer peer = {.pid = 1000 + i, .uid = 1000, .pidfd = -1};

        assert_int_equal(registry_attach(&scene->world.server.registry, &peer, &process), 0);
    }
    connect_as(scene, ROOT, 0);
    assert_int_equal(ask(scene, ROOT, request, TT_ALLOC_PROCESS, &records).status, 0);
    assert_int_equal(records, PROCESSES);
    request.limit = 700;
    assert_int_equal(ask(scene, ROOT, request, TT_ALLOC_PROCESS, &records).status, 0);
    assert_int_equal(records, 700);
}

/* Who asks without having reported is taken for the process of that number, unless it is another user's, or nobody's.
 */
static void test_whose_peaks(void **state)
{
    struct tt_alloc_list_request reset = {.type = TT_ALLOC_RESET_PEAKS, .device_id = 0};
    struct tt_alloc_message release = {.head = {.type = TT_ALLOC_FREE, .buffer_id = 1}};
    struct scene *scene = *state;

    connect_as(scene, ALICE, 0);
    allocate(scene, ALICE, 0, 1);
    connect_as(scene, HIDDEN, 0);
    assert_int_equal(status_of(scene, HIDDEN, reset), -ESRCH);
    fake_host_get(BOB)->pid = fake_host_get(ALICE)->pid;
    connect_as(scene, BOB, 0);
    assert_int_equal(status_of(scene, BOB, reset), -ESRCH);
    assert_false(process_of(scene, ALICE)->has_reset_peaks);
    assert_int_equal(status_of(scene, ALICE, reset), 0);
    assert_false(process_of(scene, ALICE)->has_reset_peaks); /* it holds what it held at most */
    say(scene, ALICE, &release);
    reset.device_id = 1;
    assert_int_equal(status_of(scene, ALICE, reset), -ENODEV);
    assert_false(process_of(scene, ALICE)->has_reset_peaks);
    reset.device_id = 0;
    assert_int_equal(status_of(scene, ALICE, reset), 0);
    assert_true(process_of(scene, ALICE)->has_reset_peaks);
}

static void test_what_root_resets_and_forgets(void **state)
{
    struct tt_alloc_list_request reset = {.type = TT_ALLOC_RESET_PEAKS, .process_id = -1};
    struct tt_alloc_list_request forget = {.type = TT_ALLOC_FORGET, .device_id = -1};
    struct tt_alloc_message message = {.head = {.type = TT_ALLOC_FREE, .buffer_id = 1}};
    struct scene *scene = *state;
    const struct usage *usage;

    connect_as(scene, ALICE, 0);
    allocate(scene, ALICE, 0, 1);
    say(scene, ALICE, &message);
    usage = &devices_find(&scene->world.server.registry.devices, 0)->usage;
    assert_int_equal(usage->pool[TT_ALLOC_POOL_DRAM].peak, 4096);
    connect_as(scene, ROOT, ALL_FEATURES);
    reset.device_id = 1;
    assert_int_equal(status_of(scene, ROOT, reset), -ENODEV);
    assert_int_equal(usage->pool[TT_ALLOC_POOL_DRAM].peak, 4096);
    reset.device_id = 0;
    assert_int_equal(status_of(scene, ROOT, reset), 0);
    assert_int_equal(usage->pool[TT_ALLOC_POOL_DRAM].peak, 0);
    assert_int_equal(status_of(scene, ROOT, forget), 0); /* all leaks, of which there are none */
    forget.serial = 12345;
    assert_int_equal(status_of(scene, ROOT, forget), -ESRCH);
}

/* ---- Rings and records ---- */

static const struct tt_alloc_ring_message ring_request = {
    .type = TT_ALLOC_RING_REQUEST, .device_id = -1, .slots = TT_ALLOC_RING_SLOTS_MIN};

static void test_rings_and_records_must_be_agreed_on(void **state)
{
    struct tt_alloc_records records = {.type = TT_ALLOC_RECORDS, .device_id = -1, .count = 1};
    struct scene *scene = *state;

    connect_as(scene, ALICE, 0);
    say(scene, ALICE, &ring_request);
    assert_int_equal(figures(scene)->bad_frames, 1);
    say(scene, ALICE, &records);
    assert_int_equal(figures(scene)->bad_frames, 2);
    connect_as(scene, BOB, ALL_FEATURES);
    for (uint64_t count = 0; count <= TT_ALLOC_RECORDS_MAX + 1; count += TT_ALLOC_RECORDS_MAX + 1) {
        records.count = count;
        say(scene, BOB, &records);
    }
    assert_int_equal(figures(scene)->bad_frames, 4);
    assert_int_equal(figures(scene)->rings, 0);
}

static void test_sizes_of_rings(void **state)
{
    static const uint64_t sizes[] = {0, 1, TT_ALLOC_RING_SLOTS_MIN / 2, TT_ALLOC_RING_SLOTS_MIN + 1,
                                     2 * TT_ALLOC_RING_SLOTS_MAX};
    struct tt_alloc_ring_message message = ring_request;
    struct scene *scene = *state;

    connect_as(scene, ALICE, ALL_FEATURES);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct tt_alloc_ring_message answer;

        message.slots = sizes[i];
        say(scene, ALICE, &message);
        receive(scene, ALICE, &answer);
        assert_int_equal(answer.status, -EINVAL);
        assert_int_equal(answer.slots, 0);
    }
    assert_int_equal(figures(scene)->rings, 0);
}

/* Too many descriptors are on their way to a peer who takes none: who would wait for a ring must not wait for ever. */
static void test_a_ring_that_cannot_travel(void **state)
{
    struct scene *scene = *state;

    connect_as(scene, ALICE, ALL_FEATURES);
    say(scene, ALICE, &ring_request);
    assert_int_equal(figures(scene)->rings, 1);
    say(scene, ALICE, &ring_request);
    assert_int_equal(figures(scene)->sessions, 0);
    assert_int_equal(figures(scene)->rings, 0);
    assert_int_equal(figures(scene)->ring_bytes, 0);
}

/* The client's end of the ring that it is given. */
static struct tt_alloc_ring *get_ring(struct scene *scene, enum who who)
{
    struct tt_alloc_ring_message answer;
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec data = {.iov_base = &answer, .iov_len = sizeof(answer)};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    void *memory;
    int fd;

    say(scene, who, &ring_request);
    assert_int_equal(recvmsg(scene->fd[who], &message, MSG_DONTWAIT), sizeof(answer));
    assert_int_equal(answer.status, 0);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
    memory = mmap(NULL, TT_ALLOC_RING_RECORDS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(memory != MAP_FAILED);
    close(fd);
    return memory;
}

static const struct tt_alloc_ring_message wake = {.type = TT_ALLOC_RING_WAKE, .device_id = -1};

/* Whether or not there is a line left to tell of it. */
static void test_a_wild_tail(void **state)
{
    struct scene *scene = *state;
    struct tt_alloc_ring *ring;

    for (uint64_t lines = 0; lines < 2; lines++) {
        scene->world.server.registry.users.limits.most[LIMIT_LOG_LINES] = lines;
        connect_as(scene, ALICE, ALL_FEATURES);
        ring = get_ring(scene, ALICE);
        ring->tail += 2 * TT_ALLOC_RING_SLOTS_MAX;
        say(scene, ALICE, &wake);
        assert_true(is_closed(scene, ALICE));
        assert_int_equal(figures(scene)->cut_off, lines + 1);
        assert_int_equal(figures(scene)->rings, 0);
        munmap(ring, TT_ALLOC_RING_RECORDS);
        close(scene->fd[ALICE]);
        scene->fd[ALICE] = -1;
    }
}

/* The same reporter in a new connection: the former one is cut off first, and nothing of its books is believed. */
static void test_who_follows_a_wild_tail(void **state)
{
    const struct tt_alloc_hello hello = {
        .flags = TT_ALLOC_HELLO_QUIET | TT_ALLOC_HELLO_REPORTER, .features = ALL_FEATURES, .instance = 77};
    struct scene *scene = *state;
    struct tt_alloc_ring *ring;
    int former_fd;

    connect_with(scene, ALICE, hello);
    allocate(scene, ALICE, 0, 1);
    ring = get_ring(scene, ALICE);
    ring->tail += 2 * TT_ALLOC_RING_SLOTS_MAX;
    former_fd = scene->fd[ALICE];
    connect_with(scene, ALICE, hello);
    close(former_fd);
    munmap(ring, TT_ALLOC_RING_RECORDS);
    assert_int_equal(figures(scene)->sessions, 1);
    assert_int_equal(figures(scene)->rings, 0);
    assert_int_equal(figures(scene)->cut_off, 1);
    assert_int_equal(figures(scene)->leaked_buffers, 1);
    assert_int_equal(figures(scene)->lost_reports, 0);
    assert_int_equal(ledger_count(process_of(scene, ALICE)->ledger), 0);
}

/* ---- Rights ---- */

static void test_members_of_the_group_see_all(void **state)
{
    struct tt_alloc_list_request buffers = {.type = TT_ALLOC_LIST_BUFFERS, .device_id = -1, .region = -1};
    struct scene *scene = *state;
    unsigned records;

    connect_as(scene, BOB, 0);
    allocate(scene, BOB, 0, 1);
    connect_as(scene, ALICE, 0);
    assert_int_equal(ask(scene, ALICE, buffers, TT_ALLOC_BUFFER, &records).hidden, 1);
    assert_int_equal(records, 0);
    close(scene->fd[ALICE]);
    fake_host_get(ALICE)->is_in_group = true;
    connect_as(scene, ALICE, 0);
    assert_int_equal(ask(scene, ALICE, buffers, TT_ALLOC_BUFFER, &records).hidden, 0);
    assert_int_equal(records, 1);
    scene->world.server.group = (gid_t)-1; /* there is no such group on this host */
    close(scene->fd[ALICE]);
    connect_as(scene, ALICE, 0);
    assert_int_equal(ask(scene, ALICE, buffers, TT_ALLOC_BUFFER, &records).hidden, 1);
}

/* ---- Dumps ---- */

/* What the server logs from here on. */
static FILE *begin_log(int *ret_stderr)
{
    FILE *file = tmpfile();

    assert_non_null(file);
    *ret_stderr = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    log_open(LOG_INFO);
    return file;
}

static void end_log(FILE *file, int former_stderr, char *ret, size_t size)
{
    log_open(LOG_EMERG - 1);
    dup2(former_stderr, STDERR_FILENO);
    close(former_stderr);
    rewind(file);
    ret[fread(ret, 1, size - 1, file)] = '\0';
    fclose(file);
}

/* Of a process with more buffers than one slice looks at, one with few, and one that has none: who has some is told
 * once. */
static void test_a_long_dump(void **state)
{
    struct tt_alloc_message dump = {.head = {.type = TT_ALLOC_DUMP_REMAINING, .device_id = -1}};
    struct scene *scene = *state;
    char text[4096], *line;
    int former_stderr;
    FILE *log;

    connect_as(scene, ALICE, 0);
    connect_as(scene, BOB, 0);
    for (uint64_t i = 0; i < 2; i++)
        allocate(scene, i ? BOB : ALICE, 0, 1);
    for (uint64_t i = 2; i <= 20000; i++)
        registry_allocate(&scene->world.server.registry, process_of(scene, ALICE), 0, TT_ALLOC_L1, i, 1, 1);
    connect_with(scene, ROOT, (struct tt_alloc_hello){.flags = TT_ALLOC_HELLO_QUIET | TT_ALLOC_HELLO_REPORTER});
    log = begin_log(&former_stderr);
    say(scene, ROOT, &dump);
    end_log(log, former_stderr, text, sizeof(text));
    line = strstr(text, "Process 101");
    assert_non_null(line);
    assert_non_null(strstr(line, "holds 20000 buffers"));
    assert_non_null(strstr(line, "... and 19995 more"));
    assert_null(strstr(line + 1, "Process 101"));
    assert_non_null(strstr(line, "Process 102"));
    assert_null(strstr(line, "Process 103"));
}

/* ---- Limits ---- */

/* When much was read in a turn of the loop, by all together, the rest gets little, and goes on in the next turn. */
static void test_little_is_read_after_much(void **state)
{
    struct tt_alloc_message reports[100] = {0};
    struct scene *scene = *state;
    struct server *server = &scene->world.server;

    for (size_t i = 0; i < 100; i++)
        reports[i].head = (struct tt_alloc_message_72){.type = TT_ALLOC_ALLOC, .buffer_id = i, .size = 1};
    connect_as(scene, ALICE, 0);
    assert_int_equal(send(scene->fd[ALICE], reports, sizeof(reports), MSG_DONTWAIT), sizeof(reports));
    server->turn = ev_iteration(server->loop) + 1;
    server->read_in_turn = 1 << 20;
    world_turn(&scene->world);
    assert_int_equal(figures(scene)->reports, 45);
    world_turn(&scene->world);
    assert_int_equal(figures(scene)->reports, 100);
}

static void tell(struct scene *scene, enum who who, struct tt_alloc_record record)
{
    struct tt_alloc_records frame = {.type = TT_ALLOC_RECORDS, .device_id = -1, .count = 1, .record[0] = record};

    say(scene, who, &frame);
}

/* At his limit a user may still tell of what is known. What is new is refused, and leaves no trace but the count. */
static void test_a_resync_at_the_limit(void **state)
{
    const struct tt_alloc_record begin = {.type = TT_ALLOC_RESYNC_BEGIN, .device_id = -1, .size = 2};
    struct tt_alloc_record told = {.type = TT_ALLOC_RESYNC_BUFFER, .buffer_id = 1, .size = 4096, .references = 1};
    struct scene *scene = *state;
    struct users *users = &scene->world.server.registry.users;

    users->limits.most[LIMIT_BUFFERS] = 2;
    connect_as(scene, ALICE, ALL_FEATURES);
    allocate(scene, ALICE, 0, 1);
    allocate(scene, ALICE, 0, 2);
    tell(scene, ALICE, begin);
    tell(scene, ALICE, told);
    assert_int_equal(figures(scene)->announced, 1);
    told.buffer_id = 3;
    tell(scene, ALICE, told);
    assert_int_equal(figures(scene)->announced, 1);
    assert_int_equal(figures(scene)->refused_announced, 1);
    assert_int_equal(users->refused[LIMIT_BUFFERS], 1);
    assert_int_equal(ledger_count(process_of(scene, ALICE)->ledger), 2);
    assert_true(process_is_inexact(process_of(scene, ALICE)));
    world_check(&scene->world);
}

/* Places are kept for others: one user cannot have them all, and root still comes in. */
static void test_places_for_others(void **state)
{
    enum { DESCRIPTORS = 40, MOST = DESCRIPTORS / 2 };
    struct scene *scene = *state;
    int fds[MOST], count = 0, left;
    bool is_in;

    places_init(&scene->world.server.places, DESCRIPTORS);
    while (count < MOST && (fds[count] = world_connect(&scene->world, fake_host_get(ALICE))) >= 0)
        count++;
    connect_as(scene, ROOT, 0);
    is_in = !is_closed(scene, ROOT);
    for (left = count; left > 0; left--)
        close(fds[left - 1]);
    world_settle(&scene->world);
    assert_in_range(count, 1, MOST - 1);
    assert_true(is_in);
    assert_int_equal(figures(scene)->sessions_refused, 1);
    assert_int_equal(figures(scene)->sessions_refused_places, 1);
    assert_int_equal(figures(scene)->sessions, 1);
}

/* A user who has used up his lines is refused as before, and only the figures tell. */
static void test_without_lines_left(void **state)
{
    struct tt_alloc_list_request forget = {.type = TT_ALLOC_FORGET, .device_id = -1};
    struct scene *scene = *state;

    scene->world.server.registry.users.limits.most[LIMIT_LOG_LINES] = 0;
    connect_as(scene, BOB, ALL_FEATURES);
    allocate(scene, BOB, -1, 1);
    assert_int_equal(figures(scene)->refused_device, 1);
    allocate(scene, BOB, 0, 1);
    fake_host_exit(fake_host_get(BOB));
    world_settle(&scene->world);
    assert_int_equal(figures(scene)->leaked_buffers, 1);
    connect_as(scene, ROOT, ALL_FEATURES);
    assert_int_equal(status_of(scene, ROOT, forget), 0);
    assert_int_equal(figures(scene)->forgotten_leaks, 1);
    assert_true(scene->world.server.registry.users.refused[LIMIT_LOG_LINES] >= 2);
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_begin, scene_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(test_questions_that_make_no_sense),
        SCENE(test_lists_of_one_device),
        SCENE(test_very_many_processes),
        SCENE(test_whose_peaks),
        SCENE(test_what_root_resets_and_forgets),
        SCENE(test_rings_and_records_must_be_agreed_on),
        SCENE(test_sizes_of_rings),
        SCENE(test_a_ring_that_cannot_travel),
        SCENE(test_a_wild_tail),
        SCENE(test_who_follows_a_wild_tail),
        SCENE(test_members_of_the_group_see_all),
        SCENE(test_a_long_dump),
        SCENE(test_little_is_read_after_much),
        SCENE(test_a_resync_at_the_limit),
        SCENE(test_places_for_others),
        SCENE(test_without_lines_left),
    };

    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
