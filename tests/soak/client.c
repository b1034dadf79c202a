/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A client of the soak: it reports at random, as its seed says, and keeps a journal beside (journal.h), until it is
 * told something else through the journal or is killed. With kind 0 and 1 it is an application that uses libtt-alloc
 * (TT_ALLOC_TRANSPORT says how that reports), with 2, 3 and 4 one that has the wire of older frames compiled in.
 *
 *   client KIND SEED SLOTS JOURNAL SOCKET
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tt_alloc.h"

#include "journal.h"
#include "older.h"

#define BURST_MAX 256         /* reports between two looks at the journal, */
#define PAUSE_MAX_NS 20000000 /* and a pause */
#define PATH_SIZE 512

struct client {
    struct journal *journal;
    char path[PATH_SIZE]; /* of the journal */
    const char *socket;
    uint64_t random;
    int fd;            /* of an older client, or -1 */
    size_t frame_size; /* 0: uses the library */
};

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "soak client: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t draw(struct client *client, uint64_t below)
{
    client->random ^= client->random << 13;
    client->random ^= client->random >> 7;
    client->random ^= client->random << 17;
    return client->random % below;
}

static void pause_for(uint64_t ns)
{
    const struct timespec pause = {.tv_nsec = (long)ns};

    nanosleep(&pause, NULL);
}

/* ---- The journal ---- */

static void open_journal(struct client *client, enum journal_kind kind, uint64_t slots)
{
    size_t size = sizeof(struct journal) + slots * sizeof(struct journal_slot);
    int fd = open(client->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    struct journal *journal;

    if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
        fail(client->path);
    journal = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (journal == MAP_FAILED)
        fail(client->path);
    close(fd);
    journal->pid = (uint64_t)getpid();
    journal->kind = kind;
    journal->slot_count = slots;
    __atomic_store_n(&journal->magic, JOURNAL_MAGIC, __ATOMIC_RELEASE);
    client->journal = journal;
}

/* The name of the journal of a child, or of what this process becomes. */
static void next_path(struct client *client, char *ret, char sort)
{
    uint64_t number = ++client->journal->children;

    snprintf(ret, PATH_SIZE, "%s%c%" PRIu64, client->path, sort, number);
}

/* ---- Older clients ---- */

static void begin_anew(struct client *client)
{
    struct journal *journal = client->journal;

    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    journal->epoch++;
    memset(journal->slots, 0, journal->slot_count * sizeof(journal->slots[0]));
    journal->made = journal->begun = 0;
    client->fd = older_connect(client->socket);
}

static bool report_older(struct client *client, uint8_t type, uint64_t slot, uint64_t size)
{
    const struct tt_alloc_message_72 message = {.type = type,
                                                .device_id = journal_device(slot),
                                                .size = size,
                                                .buffer_id = journal_buffer_id(client->journal, slot)};

    return older_report(client->fd, client->frame_size, journal_region(client->journal, slot), &message) == 0;
}

/* ---- Reports ---- */

static void report_allocation(int32_t device, uint8_t region, uint64_t id, uint64_t size)
{
    if (region == TT_ALLOC_CB)
        tt_alloc_report_cb_allocation(device, size, id);
    else if (region == TT_ALLOC_KERNEL)
        tt_alloc_report_kernel_load(device, size, id, 0);
    else
        tt_alloc_report_allocation(device, size, region, id);
}

static void report_free(int32_t device, uint8_t region, uint64_t id)
{
    if (region == TT_ALLOC_CB)
        tt_alloc_report_cb_deallocation(device, 0, id);
    else if (region == TT_ALLOC_KERNEL)
        tt_alloc_report_kernel_unload(device, 0, id);
    else
        tt_alloc_report_deallocation_from(device, region, id);
}

static bool report(struct client *client, uint8_t type, uint64_t slot, uint64_t size)
{
    int32_t device = journal_device(slot);
    uint8_t region = journal_region(client->journal, slot);
    uint64_t id = journal_buffer_id(client->journal, slot);

    if (client->frame_size)
        return report_older(client, type, slot, size);
    if (type == TT_ALLOC_ALLOC)
        report_allocation(device, region, id, size);
    else
        report_free(device, region, id);
    return true;
}

/* If the connection is lost, so is what was reported through it. */
static void change(struct client *client, uint64_t slot, struct journal_slot next)
{
    const struct journal_slot *now = &client->journal->slots[slot];
    bool is_free = next.references < now->references && next.size == now->size;

    if (next.references == 0)
        next.size = 0;
    journal_begin(client->journal, slot, next);
    if (report(client, is_free ? TT_ALLOC_FREE : TT_ALLOC_ALLOC, slot, next.size))
        journal_finish(client->journal);
    else
        begin_anew(client);
}

static uint64_t any_size(struct client *client, uint64_t but)
{
    uint64_t size = 1 + draw(client, 1 << (4 + draw(client, 18)));

    return size == but ? size + 1 : size;
}

static void report_one(struct client *client)
{
    uint64_t slot = draw(client, client->journal->slot_count), what = draw(client, 10);
    struct journal_slot now = client->journal->slots[slot];

    if (now.references == 0)
        change(client, slot, (struct journal_slot){any_size(client, 0), 1});
    else if (what == 0)
        change(client, slot, (struct journal_slot){any_size(client, now.size), 1});
    else if (what < 3)
        change(client, slot, (struct journal_slot){now.size, now.references + 1});
    else
        change(client, slot, (struct journal_slot){now.size, now.references - 1});
}

static void report_many(struct client *client, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        report_one(client);
}

static void free_all(struct client *client)
{
    for (uint64_t slot = 0; slot < client->journal->slot_count; slot++)
        while (client->journal->slots[slot].references > 0)
            change(
                client, slot,
                (struct journal_slot){client->journal->slots[slot].size, client->journal->slots[slot].references - 1});
}

/* ---- Commands ---- */

static void fence(struct client *client)
{
    while (client->frame_size && older_fence(client->fd, client->frame_size) < 0)
        begin_anew(client);
}

/* The child keeps what it inherited of an older client's connection: its parent's end must be noticed all the same. */
static void become_child(struct client *client, const char *path)
{
    const struct journal *parents = client->journal;

    strcpy(client->path, path);
    client->random ^= (uint64_t)getpid() << 20 | 1;
    open_journal(client, (enum journal_kind)parents->kind, parents->slot_count);
    if (client->frame_size)
        client->fd = older_connect(client->socket);
}

/* Of a parent that is gone at once, so that it is the checker who sees its end. */
static void fork_child(struct client *client)
{
    char path[PATH_SIZE];
    pid_t child;

    next_path(client, path, '.');
    child = fork();
    if (child < 0)
        fail("fork");
    if (child > 0) {
        waitpid(child, NULL, 0);
        return;
    }
    if (fork() != 0)
        _exit(0);
    become_child(client, path);
}

static void exec_anew(struct client *client, char **argv)
{
    char path[PATH_SIZE], seed[32];

    next_path(client, path, '+');
    snprintf(seed, sizeof(seed), "%" PRIu64, draw(client, UINT32_MAX) + 1);
    argv[2] = seed;
    argv[4] = path;
    execv("/proc/self/exe", argv);
    fail("exec");
}

static void leave(struct client *client, bool cleanly)
{
    if (cleanly) {
        free_all(client);
        fence(client);
    }
    exit(0);
}

/* Returns in a child too, for which no command was done. */
static void obey(struct client *client, uint64_t command, char **argv)
{
    struct journal *journal = client->journal;

    switch (command & 0xff) {
    case COMMAND_QUIET:
        fence(client);
        break;
    case COMMAND_BURST:
        report_many(client, journal->argument);
        fence(client);
        break;
    case COMMAND_FLOOD:
        report_many(client, journal->argument);
        break;
    case COMMAND_FORK:
        fork_child(client);
        break;
    case COMMAND_EXEC:
        exec_anew(client, argv);
        break;
    case COMMAND_HANG_UP:
        begin_anew(client);
        break;
    case COMMAND_EXIT:
    case COMMAND_EXIT_CLEANLY:
        leave(client, (command & 0xff) == COMMAND_EXIT_CLEANLY);
        break;
    default:
        break;
    }
    if (client->journal == journal)
        __atomic_store_n(&journal->done, command, __ATOMIC_RELEASE);
}

static bool is_at_rest(uint64_t command)
{
    return (command & 0xff) == COMMAND_QUIET || (command & 0xff) == COMMAND_BURST;
}

__attribute__((noreturn)) static void live(struct client *client, char **argv)
{
    for (;;) {
        uint64_t command = __atomic_load_n(&client->journal->command, __ATOMIC_ACQUIRE);

        if (command != client->journal->done)
            obey(client, command, argv);
        else if (!is_at_rest(command))
            report_many(client, draw(client, BURST_MAX));
        pause_for(is_at_rest(command) ? PAUSE_MAX_NS / 4 : draw(client, PAUSE_MAX_NS));
    }
}

int main(int argc, char **argv)
{
    static const size_t frame_sizes[] = {0, 0, TT_ALLOC_FRAME_72, TT_ALLOC_FRAME_112, TT_ALLOC_FRAME_144};
    struct client client = {.fd = -1};
    unsigned kind;

    if (argc != 6 || (kind = (unsigned)atoi(argv[1])) > KIND_144 || strlen(argv[4]) >= PATH_SIZE) {
        fputs("Usage: client KIND SEED SLOTS JOURNAL SOCKET\n", stderr);
        return 2;
    }
    client.random = strtoull(argv[2], NULL, 10) * UINT64_C(0x9e3779b97f4a7c15) + 1;
    strcpy(client.path, argv[4]);
    client.socket = argv[5];
    client.frame_size = frame_sizes[kind];
    open_journal(&client, (enum journal_kind)kind, strtoull(argv[3], NULL, 10));
    if (client.frame_size)
        client.fd = older_connect(client.socket);
    live(&client, argv);
}
