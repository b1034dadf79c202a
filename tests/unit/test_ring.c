/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_server_core -Wl,--wrap=memfd_create,--wrap=mmap */

/*
 * The server's end of a ring. The other end is played here, through a mapping of its own as a client has it: first as a
 * client should, then in every way in which one can misbehave.
 */

#include "tests/unit/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "server/ring.h"

#define SLOTS TT_ALLOC_RING_SLOTS_MIN
#define PAGE 4096

int __real_memfd_create(const char *name, unsigned flags);
void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
int __wrap_memfd_create(const char *name, unsigned flags);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);

static int memfd_error; /* what the kernel says; EINVAL only of flags that came after Linux 6.2 */
static bool maps_nothing;

int __wrap_memfd_create(const char *name, unsigned flags)
{
    if (memfd_error == 0 || (memfd_error == EINVAL && flags <= (MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB)))
        return __real_memfd_create(name, flags);
    errno = memfd_error;
    return -1;
}

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    return maps_nothing ? MAP_FAILED : __real_mmap(address, size, protection, flags, fd, offset);
}

struct client {
    int fd;
    struct tt_alloc_ring *memory;
    struct tt_alloc_record *records;
    uint64_t tail;
};

struct world {
    struct ring *ring;
    struct client client;
    struct tt_alloc_record taken[2 * SLOTS];
};

static void set_up(struct world *world)
{
    struct client *client = &world->client;
    struct stat stat;

    *world = (struct world){0};
    assert_int_equal(ring_new(SLOTS, &world->ring, &client->fd), 0);
    assert_int_equal(fstat(client->fd, &stat), 0);
    assert_int_equal(stat.st_size, ring_bytes(world->ring));
    client->memory = mmap(NULL, (size_t)stat.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, client->fd, 0);
    assert_true(client->memory != MAP_FAILED);
    client->records = (struct tt_alloc_record *)((char *)client->memory + TT_ALLOC_RING_RECORDS);
    client->tail = client->memory->tail;
}

static void tear_down(struct world *world)
{
    munmap(world->client.memory, ring_bytes(world->ring));
    close(world->client.fd);
    world->ring = ring_free(world->ring);
}

/* Writes a record that tells its own number, and does not publish it. */
static void write_record(struct client *client, uint64_t number)
{
    client->records[number % SLOTS] = (struct tt_alloc_record){
        .buffer_id = number,
        .size = ~number,
        .type = TT_ALLOC_ALLOC,
        .position = (uint32_t)number,
    };
}

static void publish(struct client *client, uint64_t tail)
{
    client->tail = tail;
    __atomic_store_n(&client->memory->tail, tail, __ATOMIC_RELEASE);
}

static void put(struct client *client, size_t count)
{
    for (size_t i = 0; i < count; i++)
        write_record(client, client->tail + i);
    publish(client, client->tail + count);
}

static void take(struct world *world, size_t max, size_t expected, uint64_t from)
{
    assert_int_equal(ring_take(world->ring, world->taken, max), expected);
    for (size_t i = 0; i < expected; i++) {
        assert_int_equal(world->taken[i].buffer_id, from + i);
        assert_int_equal(world->taken[i].size, ~(from + i));
    }
}

static void assert_wild(struct world *world)
{
    assert_int_equal(ring_take(world->ring, world->taken, SLOTS), -EPROTO);
    assert_int_equal(ring_take(world->ring, world->taken, 1), -EPROTO);
}

/* ---- As it should be ---- */

static void test_header(void **state)
{
    struct world world;

    (void)state;
    set_up(&world);
    assert_int_equal(world.client.memory->magic, TT_ALLOC_RING_MAGIC);
    assert_int_equal(world.client.memory->slots, SLOTS);
    assert_int_equal(world.client.memory->tail, TT_ALLOC_RING_START);
    assert_int_equal(world.client.memory->head, TT_ALLOC_RING_START);
    assert_int_equal(world.client.memory->made, 0);
    assert_int_equal(ring_bytes(world.ring), TT_ALLOC_RING_RECORDS + SLOTS * 32);
    assert_int_equal(ring_pending(world.ring), 0);
    assert_int_equal(ring_take(world.ring, world.taken, SLOTS), 0);
    tear_down(&world);
}

static void test_sizes(void **state)
{
    static const uint64_t wrong[] = {0,          1,          512,       1000, TT_ALLOC_RING_SLOTS_MIN + 1,
                                     3000,       65535,      4097,      6144, 65536 * 2u,
                                     1ull << 32, 1ull << 63, UINT64_MAX};
    struct ring *ring = NULL;
    int fd = -1;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(ring_new(wrong[i], &ring, &fd), -EINVAL);
    assert_true(!ring && fd == -1);
    for (uint64_t slots = TT_ALLOC_RING_SLOTS_MIN; slots <= TT_ALLOC_RING_SLOTS_MAX; slots *= 2) {
        assert_int_equal(ring_new(slots, &ring, &fd), 0);
        assert_int_equal(ring_bytes(ring), TT_ALLOC_RING_RECORDS + slots * 32);
        close(fd);
        ring = ring_free(ring);
    }
    assert_null(ring_free(NULL));
}

/* Many rounds in steps of every kind, so that batches lie across the end of the memory and counters across 0. */
static void test_records_arrive_in_order(void **state)
{
    struct fixture_random random = {7};
    uint64_t next = TT_ALLOC_RING_START;
    struct world world;

    (void)state;
    set_up(&world);
    while (next < 50 * SLOTS || next >= TT_ALLOC_RING_START) {
        uint64_t room = SLOTS - (world.client.tail - world.client.memory->head);
        uint64_t pending;
        size_t count;

        put(&world.client, fixture_below(&random, room + 1));
        pending = ring_pending(world.ring);
        assert_int_equal(pending, world.client.tail - next);
        count = fixture_below(&random, SLOTS + 1);
        if (count > pending)
            count = pending;
        for (size_t left = count; left > 0;) {
            ssize_t got = ring_take(world.ring, world.taken, left);

            assert_true(got > 0 && (size_t)got <= left);
            for (ssize_t i = 0; i < got; i++)
                assert_int_equal(world.taken[i].buffer_id, next++);
            left -= (size_t)got;
        }
        if (fixture_below(&random, 2))
            ring_give_back(world.ring);
    }
    tear_down(&world);
}

static void test_slots_are_given_back_when_told(void **state)
{
    struct world world;

    (void)state;
    set_up(&world);
    put(&world.client, SLOTS);
    take(&world, 10, 10, TT_ALLOC_RING_START);
    assert_int_equal(world.client.memory->head, TT_ALLOC_RING_START);
    ring_give_back(world.ring);
    assert_int_equal(world.client.memory->head, TT_ALLOC_RING_START + 10);
    take(&world, 2 * SLOTS, SLOTS - 10, TT_ALLOC_RING_START + 10);
    assert_int_equal(world.client.memory->head, TT_ALLOC_RING_START + 10);
    ring_give_back(world.ring);
    assert_int_equal(world.client.memory->head, TT_ALLOC_RING_START + SLOTS);
    ring_give_back(world.ring);
    put(&world.client, SLOTS);
    take(&world, SLOTS, SLOTS, TT_ALLOC_RING_START + SLOTS);
    tear_down(&world);
}

static void test_what_is_not_published_is_not_there(void **state)
{
    struct world world;

    (void)state;
    set_up(&world);
    put(&world.client, 3);
    write_record(&world.client, world.client.tail); /* and then it is killed */
    take(&world, SLOTS, 3, TT_ALLOC_RING_START);
    assert_int_equal(ring_take(world.ring, world.taken, SLOTS), 0);
    tear_down(&world);
}

static void test_made_is_passed_on(void **state)
{
    struct world world;

    (void)state;
    set_up(&world);
    world.client.memory->made = 77;
    assert_int_equal(ring_made(world.ring), 77);
    tear_down(&world);
}

/* ---- Wild clients ---- */

static void test_tail_too_far_ahead(void **state)
{
    struct world world;

    (void)state;
    set_up(&world);
    publish(&world.client, TT_ALLOC_RING_START + SLOTS + 1);
    assert_true(ring_pending(world.ring) > SLOTS);
    assert_wild(&world);
    tear_down(&world);
}

/* A client that does not wait for head overwrites what it must not, even if it was taken by chance. */
static void test_tail_ahead_of_what_was_given_back(void **state)
{
    struct world world;

    (void)state;
    set_up(&world);
    put(&world.client, SLOTS);
    take(&world, SLOTS, SLOTS, TT_ALLOC_RING_START);
    put(&world.client, 1);
    assert_wild(&world);
    tear_down(&world);
}

static void test_tail_behind(void **state)
{
    struct world world;

    (void)state;
    set_up(&world);
    put(&world.client, 20);
    take(&world, SLOTS, 20, TT_ALLOC_RING_START);
    publish(&world.client, world.client.tail - 1); /* taken, and not given back yet */
    assert_wild(&world);
    publish(&world.client, world.client.tail + 1);
    ring_give_back(world.ring);
    publish(&world.client, world.client.tail - 1); /* and given back */
    assert_wild(&world);
    tear_down(&world);
}

static void test_tail_anywhere(void **state)
{
    static const uint64_t tails[] = {0x7fffffffffffffff, 1ull << 63, 1ull << 32, TT_ALLOC_RING_START - 1,
                                     0xfffffffffffff,    SLOTS + 1,  65536};

    (void)state;
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        struct world world;

        set_up(&world);
        publish(&world.client, tails[i]);
        assert_wild(&world);
        tear_down(&world);
    }
}

/* Only what tail lets through is taken at first; where it went in the meantime shows when it is read again. */
static void test_tail_that_jumps_while_records_are_taken(void **state)
{
    struct world world;

    (void)state;
    set_up(&world);
    put(&world.client, 32);
    take(&world, 16, 16, TT_ALLOC_RING_START);
    publish(&world.client, 12345);
    take(&world, 16, 16, TT_ALLOC_RING_START + 16);
    assert_wild(&world);
    tear_down(&world);
}

static void test_head_and_slots_are_not_believed(void **state)
{
    struct world world;

    (void)state;
    set_up(&world);
    put(&world.client, 5);
    world.client.memory->magic = 0;
    world.client.memory->slots = UINT64_MAX;
    world.client.memory->head = 12345;
    take(&world, SLOTS, 5, TT_ALLOC_RING_START);
    ring_give_back(world.ring);
    assert_int_equal(world.client.memory->head, TT_ALLOC_RING_START + 5);
    assert_int_equal(ring_bytes(world.ring), TT_ALLOC_RING_RECORDS + SLOTS * 32);
    tear_down(&world);
}

static void test_records_at_the_wrong_position(void **state)
{
    struct world world;

    (void)state;
    set_up(&world);
    put(&world.client, 8);
    world.client.records[(TT_ALLOC_RING_START + 5) % SLOTS].position ^= 1u << 31;
    take(&world, SLOTS, 5, TT_ALLOC_RING_START); /* what stands before it is good */
    assert_wild(&world);
    tear_down(&world);
}

/* Published before it was written: what is in the slot is a round old, or nothing at all. */
static void test_records_of_an_earlier_round(void **state)
{
    struct world world;

    (void)state;
    set_up(&world);
    publish(&world.client, TT_ALLOC_RING_START + 1);
    assert_wild(&world);
    tear_down(&world);

    set_up(&world);
    put(&world.client, SLOTS);
    take(&world, SLOTS, SLOTS, TT_ALLOC_RING_START);
    ring_give_back(world.ring);
    publish(&world.client, world.client.tail + 1);
    assert_wild(&world);
    tear_down(&world);
}

static void test_zeroed_records(void **state)
{
    struct world world;

    (void)state;
    set_up(&world);
    put(&world.client, 300);
    memset(world.client.records + (TT_ALLOC_RING_START + 128) % SLOTS, 0, PAGE);
    take(&world, SLOTS, 128, TT_ALLOC_RING_START);
    assert_wild(&world);
    tear_down(&world);
}

/* Position 0 comes once in 2^32 records, and zeros say they stand there. The feed then finds no such type. */
static void test_zeros_at_position_0(void **state)
{
    struct world world;

    (void)state;
    set_up(&world);
    put(&world.client, 1024);
    assert_int_equal(world.client.tail, 0);
    take(&world, SLOTS, 1024, TT_ALLOC_RING_START);
    ring_give_back(world.ring);
    memset(world.client.records, 0, sizeof(world.client.records[0]));
    publish(&world.client, 1);
    assert_int_equal(ring_take(world.ring, world.taken, 1), 1);
    assert_int_equal(world.taken[0].type, 0);
    tear_down(&world);
}

static void test_punched_hole(void **state)
{
    struct world world;

    (void)state;
    set_up(&world);
    put(&world.client, 300);
    assert_int_equal(
        fallocate(world.client.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)ring_bytes(world.ring)), 0);
    assert_int_equal(world.client.memory->tail, 0); /* 1024 ahead of where it began, as it happens */
    assert_wild(&world);
    ring_give_back(world.ring);
    tear_down(&world);
}

static void test_the_size_is_sealed(void **state)
{
    struct world world;
    off_t bytes;

    (void)state;
    set_up(&world);
    bytes = (off_t)ring_bytes(world.ring);
    assert_true(ftruncate(world.client.fd, 0) < 0 && errno == EPERM);
    assert_true(ftruncate(world.client.fd, bytes - 1) < 0 && errno == EPERM);
    assert_true(ftruncate(world.client.fd, bytes + 1) < 0 && errno == EPERM);
    assert_true(fallocate(world.client.fd, 0, 0, bytes + PAGE) < 0 && errno == EPERM);
    assert_true(fcntl(world.client.fd, F_ADD_SEALS, F_SEAL_WRITE) < 0 && errno == EPERM);
    assert_int_equal(fcntl(world.client.fd, F_GET_SEALS) & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL),
                     F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    assert_true(fcntl(world.client.fd, F_GETFD) & FD_CLOEXEC);
    tear_down(&world);
}

/* ---- Want ---- */

static void test_no_descriptor_left(void **state)
{
    struct rlimit limit, none;
    struct ring *ring = NULL;
    int fd = -1, error;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    error = ring_new(SLOTS, &ring, &fd);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(error, -EMFILE);
    assert_true(!ring && fd == -1);
}

/* A file may not be made so large: as good as no memory, and nothing stays behind. */
static void test_no_memory(void **state)
{
    struct rlimit limit, small;
    struct ring *ring = NULL;
    int fd = -1, error;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = (struct rlimit){.rlim_cur = PAGE, .rlim_max = limit.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    error = ring_new(SLOTS, &ring, &fd);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(error, -ENOMEM);
    assert_true(!ring && fd == -1);
}

static void test_a_kernel_that_does_not_know_all_flags(void **state)
{
    struct world world;

    (void)state;
    memfd_error = EINVAL;
    set_up(&world);
    assert_int_equal(fcntl(world.client.fd, F_GET_SEALS) & F_SEAL_SHRINK, F_SEAL_SHRINK);
    tear_down(&world);
    memfd_error = 0;
}

/* A client is told apart who has no descriptors left, he or the host, and what is want of memory. */
static void test_what_else_a_kernel_may_lack(void **state)
{
    static const int errors[][2] = {{ENFILE, -EMFILE}, {ENOMEM, -ENOMEM}, {EPERM, -ENOMEM}};
    struct ring *ring = NULL;
    int fd = -1;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        memfd_error = errors[i][0];
        assert_int_equal(ring_new(SLOTS, &ring, &fd), errors[i][1]);
    }
    memfd_error = 0;
    maps_nothing = true;
    assert_int_equal(ring_new(SLOTS, &ring, &fd), -ENOMEM);
    maps_nothing = false;
    assert_true(!ring && fd == -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_header),
        FIXTURE(test_sizes),
        FIXTURE(test_records_arrive_in_order),
        FIXTURE(test_slots_are_given_back_when_told),
        FIXTURE(test_what_is_not_published_is_not_there),
        FIXTURE(test_made_is_passed_on),
        FIXTURE(test_tail_too_far_ahead),
        FIXTURE(test_tail_ahead_of_what_was_given_back),
        FIXTURE(test_tail_behind),
        FIXTURE(test_tail_anywhere),
        FIXTURE(test_tail_that_jumps_while_records_are_taken),
        FIXTURE(test_head_and_slots_are_not_believed),
        FIXTURE(test_records_at_the_wrong_position),
        FIXTURE(test_records_of_an_earlier_round),
        FIXTURE(test_zeroed_records),
        FIXTURE(test_zeros_at_position_0),
        FIXTURE(test_punched_hole),
        FIXTURE(test_the_size_is_sealed),
        FIXTURE(test_no_descriptor_left),
        FIXTURE(test_no_memory),
        FIXTURE(test_a_kernel_that_does_not_know_all_flags),
        FIXTURE(test_what_else_a_kernel_may_lack),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
