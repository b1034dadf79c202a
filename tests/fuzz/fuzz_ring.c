/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A ring as its client may leave it: records that make sense, records of any bytes, a header and records that are
 * overwritten anywhere and at any time, holes, a second ring. A thread may write to the memory while the server reads
 * it, so that what is read twice differs. The server takes in what it can or cuts the session off:
 *
 *   - it reads nothing outside the ring, and what holds of a world holds afterwards;
 *   - if the session is still there, all that the header shows has been taken in, and head says so;
 *   - a client that wrote nothing wrong is not cut off, and each of its reports has been counted.
 */

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/session.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/world.h"

#define STEPS_MAX 100
#define RINGS 2
#define FEATURES (TT_ALLOC_FEATURE_RING | TT_ALLOC_FEATURE_RESYNC | TT_ALLOC_FEATURE_FREE_REGION)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum what {
    PUT,     /* a record where it belongs, of a type and with fields that the next bytes choose */
    PUT_RAW, /* 32 bytes to where the next record belongs */
    POKE,    /* some bytes to anywhere in the memory */
    TAIL,    /* by so much, or to anything */
    MADE,
    WAKE,
    GROW, /* asks for a second ring; when there is one, goes on there */
    OTHER,
};

enum other {
    TURN,
    ASK,
    PUNCH,
    SCRIBBLE,
    PASS,
    FILL, /* with honest reports */
};

struct ring_memory {
    struct tt_alloc_ring *header;
    struct tt_alloc_record *records;
    int fd;
    uint64_t slots;
    uint64_t tail;
    size_t size;
};

static struct world world;
static int connection;
static struct ring_memory rings[RINGS]; /* what is written to, and what comes next */
static bool is_honest;
static uint64_t reports, made;

/* ---- The memory ---- */

static void unmap(struct ring_memory *ring)
{
    if (ring->header) {
        munmap(ring->header, ring->size);
        close(ring->fd);
    }
    *ring = (struct ring_memory){0};
}

static void map(struct ring_memory *ring, const struct tt_alloc_ring_message *granted, int fd)
{
    void *memory = mmap(NULL, granted->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    CHECK(memory != MAP_FAILED);
    *ring = (struct ring_memory){
        .header = memory,
        .records = (struct tt_alloc_record *)((char *)memory + TT_ALLOC_RING_RECORDS),
        .fd = fd,
        .slots = granted->slots,
        .tail = TT_ALLOC_RING_START,
        .size = granted->size,
    };
}

static void put(struct tt_alloc_record record)
{
    struct ring_memory *ring = &rings[0];

    is_honest = is_honest && ring->tail - ring->header->head < ring->slots;
    ring->records[ring->tail % ring->slots] = record;
    ring->header->tail = ++ring->tail;
}

/* ---- The socket ---- */

static void send_frame(const void *frame, size_t size)
{
    if (connection >= 0)
        (void)!send(connection, frame, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void wake(void)
{
    struct tt_alloc_ring_message message = {.type = TT_ALLOC_RING_WAKE, .device_id = -1};

    send_frame(&message, sizeof(message));
}

static void ask(void)
{
    struct tt_alloc_message message = {.head = {.type = TT_ALLOC_QUERY}};

    send_frame(&message, sizeof(message));
}

static void say_hello(void)
{
    struct tt_alloc_hello hello = {.type = TT_ALLOC_HELLO,
                                   .device_id = -1,
                                   .magic = TT_ALLOC_MAGIC,
                                   .features = FEATURES,
                                   .flags = TT_ALLOC_HELLO_REPORTER | TT_ALLOC_HELLO_QUIET};

    send_frame(&hello, sizeof(hello));
}

static int descriptor_in(struct msghdr *message)
{
    const struct cmsghdr *header = CMSG_FIRSTHDR(message);
    int fd = -1;

    if (header)
        memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    return fd;
}

/* The next frame, if there is one, and the descriptor that came along. */
static bool receive(struct tt_alloc_ring_message *ret, int *ret_fd)
{
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec data = {.iov_base = ret, .iov_len = sizeof(*ret)};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};

    if (connection < 0 || recvmsg(connection, &message, MSG_DONTWAIT) != sizeof(*ret))
        return false;
    *ret_fd = descriptor_in(&message);
    return true;
}

static void read_answers(void)
{
    struct tt_alloc_ring_message message;
    int fd;

    while (receive(&message, &fd)) {
        if (message.type != TT_ALLOC_RING || message.status < 0)
            continue;
        CHECK(fd >= 0);
        map(&rings[rings[0].header ? 1 : 0], &message, fd);
    }
}

static void settle(void)
{
    do {
        read_answers();
        world_settle(&world);
    } while (world_is_busy(&world));
    read_answers();
}

static void request_ring(uint64_t slots)
{
    struct tt_alloc_ring_message message = {.type = TT_ALLOC_RING_REQUEST, .device_id = -1, .slots = slots};

    send_frame(&message, sizeof(message));
    settle();
}

/* ---- Somebody else writes ---- */

static atomic_uint scribbles; /* so many words are still to be written */
static sem_t scribbler_wakes;

static void *scribble(void *nothing)
{
    uint64_t random = 88172645463325252;

    for (;;) {
        if (atomic_load(&scribbles) == 0) {
            sem_wait(&scribbler_wakes);
            continue;
        }
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        if (random % 8 == 0)
            __atomic_fetch_add(&rings[0].header->tail, random >> 60, __ATOMIC_RELEASE);
        else
            __atomic_store_n((uint64_t *)rings[0].records + (random >> 20) % 256, random, __ATOMIC_RELAXED);
        atomic_fetch_sub(&scribbles, 1);
    }
    return nothing;
}

static void scribble_and_read(unsigned words)
{
    static pthread_t thread;

    if (!thread)
        CHECK(pthread_create(&thread, NULL, scribble, NULL) == 0);
    is_honest = false;
    atomic_store(&scribbles, words);
    sem_post(&scribbler_wakes);
    while (atomic_load(&scribbles) > 0) {
        wake();
        world_turn(&world);
        sched_yield();
    }
    rings[0].tail = rings[0].header->tail;
}

/* ---- Steps ---- */

static void put_report(uint8_t type, uint8_t region, uint64_t id, uint64_t size)
{
    put((struct tt_alloc_record){.buffer_id = id,
                                 .size = size,
                                 .device_id = (int32_t)(id % 3),
                                 .type = type,
                                 .buffer_type = region,
                                 .position = (uint32_t)rings[0].tail});
    reports++;
    rings[0].header->made = ++made;
}

static void put_chosen(struct input *input)
{
    static const uint8_t types[] = {TT_ALLOC_ALLOC,         TT_ALLOC_FREE,          TT_ALLOC_RESYNC_BEGIN,
                                    TT_ALLOC_RESYNC_BUFFER, TT_ALLOC_RESYNC_COUNTS, TT_ALLOC_RESYNC_PEAK,
                                    TT_ALLOC_RESYNC_END,    TT_ALLOC_RING_SWITCH};
    uint8_t type = types[input_byte(input) % sizeof(types)], region = input_byte(input);
    uint64_t id = input_byte(input);

    if (type == TT_ALLOC_ALLOC || type == TT_ALLOC_FREE) {
        put_report(type, region, id, input_number(input, 2));
        return;
    }
    is_honest = false;
    put((struct tt_alloc_record){.buffer_id = id,
                                 .size = made + input_number(input, 1),
                                 .device_id = (int32_t)(id % 3),
                                 .type = type,
                                 .buffer_type = region,
                                 .references = input_byte(input),
                                 .position = (uint32_t)rings[0].tail});
}

static void put_raw(struct input *input)
{
    struct tt_alloc_record record = {0};
    const uint8_t *bytes;
    size_t size = input_take(input, sizeof(record), &bytes);

    if (size > 0)
        memcpy(&record, bytes, size);
    is_honest = false;
    put(record);
}

static void poke(struct input *input)
{
    size_t at = input_number(input, 2) % rings[0].size;
    const uint8_t *bytes;
    size_t size = input_take(input, input_byte(input) % 64, &bytes);

    if (size > rings[0].size - at)
        size = rings[0].size - at;
    memcpy((char *)rings[0].header + at, bytes, size);
    is_honest = false;
}

static void move_tail(struct input *input)
{
    uint8_t how = input_byte(input);

    if (how & 1)
        rings[0].header->tail += how >> 1;
    else
        rings[0].header->tail = input_number(input, 8);
    is_honest = false;
}

static void tell_made(struct input *input)
{
    uint8_t how = input_byte(input);

    made = how & 1 ? made + (how >> 1) : input_number(input, 8);
    rings[0].header->made = made;
    is_honest = false;
}

static void grow(struct input *input)
{
    if (!rings[1].header) {
        request_ring(UINT64_C(1024) << input_byte(input) % 4);
        return;
    }
    put((struct tt_alloc_record){.type = TT_ALLOC_RING_SWITCH, .device_id = -1, .position = (uint32_t)rings[0].tail});
    unmap(&rings[0]);
    rings[0] = rings[1];
    rings[1] = (struct ring_memory){0};
    rings[0].header->made = made;
}

static void punch(struct input *input)
{
    off_t page = input_byte(input) % 16;

    is_honest = false;
    (void)!fallocate(rings[0].fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page * 4096, 4096);
}

static void fill(struct input *input)
{
    size_t count = input_number(input, 2) % 1500;

    for (size_t i = 0; i < count && rings[0].tail - rings[0].header->head < rings[0].slots; i++)
        put_report(i % 3 ? TT_ALLOC_ALLOC : TT_ALLOC_FREE, i % 8, i % 64, i);
}

static void do_other(struct input *input)
{
    switch ((enum other)(input_byte(input) % 6)) {
    case TURN:
        world_turn(&world);
        break;
    case ASK:
        ask();
        world_turn(&world);
        break;
    case PUNCH:
        punch(input);
        break;
    case SCRIBBLE:
        scribble_and_read(1U + input_byte(input));
        break;
    case PASS:
        fake_host_pass(input_byte(input) * NSEC_PER_SEC);
        break;
    case FILL:
        fill(input);
    }
}

static void step(struct input *input)
{
    switch ((enum what)(input_byte(input) % 8)) {
    case PUT:
        put_chosen(input);
        break;
    case PUT_RAW:
        put_raw(input);
        break;
    case POKE:
        poke(input);
        break;
    case TAIL:
        move_tail(input);
        break;
    case MADE:
        tell_made(input);
        break;
    case WAKE:
        wake();
        world_turn(&world);
        break;
    case GROW:
        grow(input);
        break;
    case OTHER:
        do_other(input);
    }
}

/* ---- */

static void check(void)
{
    const struct registry *registry = &world.server.registry;
    const struct tt_alloc_ring *header = rings[0].header;

    world_check(&world);
    if (is_honest) {
        CHECK(registry->figures.cut_off == 0);
        CHECK(registry->figures.reports == reports && registry->figures.lost_reports == 0);
    }
    CHECK(registry->figures.cut_off <= 1);
    CHECK(registry->figures.sessions + registry->figures.cut_off + registry->figures.stalled_peers == 1);
    if (is_honest && registry->figures.sessions == 1)
        CHECK(header->head == header->tail && header->head == rings[0].tail);
}

static void begin(void)
{
    *fake_host_get(0) = (struct fake_process){.pid = 100, .uid = 1000, .start_ticks = 7};
    connection = world_connect(&world, fake_host_get(0));
    is_honest = true;
    reports = made = 0;
    say_hello();
    request_ring(TT_ALLOC_RING_SLOTS_MIN);
    CHECK(rings[0].header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {.bytes = data, .size = size};

    world_open(&world, false);
    begin();
    for (size_t i = 0; i < STEPS_MAX && input.size > 0; i++)
        step(&input);
    wake();
    settle();
    check();
    close(connection);
    for (size_t i = 0; i < RINGS; i++)
        unmap(&rings[i]);
    world_settle(&world);
    CHECK(world.server.registry.processes.count == 0 && world.server.registry.figures.ring_bytes == 0);
    world_close(&world);
    return 0;
}
