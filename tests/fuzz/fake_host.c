/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Fakes of what the server asks its host. The clock moves by a microsecond whenever somebody looks at it, so that
 * slices of work end. CLOCK_REALTIME stays real: libFuzzer finds by it what takes too long, and nothing depends on it.
 */

#include "tests/fuzz/fake_host.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/peer.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/fake_socket.h"

#define FIRST_TIME (UINT64_C(1000000) * NSEC_PER_SEC)

static struct fake_process processes[FAKE_PROCESSES];
static const struct fake_process *connecting;
static uint64_t now; /* 0: the clock is real */
static bool host_has_nodes;

/* ---- Time, and chance ---- */

int clock_gettime(clockid_t id, struct timespec *ret)
{
    if (now == 0 || id == CLOCK_REALTIME)
        return (int)syscall(SYS_clock_gettime, id, ret);
    now += 1000;
    *ret = (struct timespec){.tv_sec = (time_t)(now / NSEC_PER_SEC), .tv_nsec = (long)(now % NSEC_PER_SEC)};
    return 0;
}

void fake_host_pass(uint64_t ns)
{
    now += ns;
}

/* For the keys of the ledgers' hashes. */
ssize_t getrandom(void *out, size_t size, unsigned flags)
{
    (void)flags;
    memset(out, 0x5e, size);
    return (ssize_t)size;
}

/* ---- Processes ---- */

void fake_host_begin(bool has_nodes)
{
    now = FIRST_TIME;
    host_has_nodes = has_nodes;
    memset(processes, 0, sizeof(processes));
}

void fake_host_end(void)
{
    CHECK(fake_socket_count() == 0);
    now = 0;
}

struct fake_process *fake_host_get(size_t index)
{
    return &processes[index];
}

void fake_host_exit(struct fake_process *process)
{
    process->gone = process->life++;
}

void fake_host_connects(const struct fake_process *process)
{
    connecting = process;
}

static const struct fake_process *find(const struct peer *peer)
{
    for (size_t i = 0; i < FAKE_PROCESSES; i++)
        if (processes[i].pid == peer->pid && processes[i].uid == peer->uid)
            return &processes[i];
    return NULL;
}

int peer_from_socket(int fd, struct peer *ret)
{
    (void)fd;
    *ret = (struct peer){.pid = connecting->pid, .uid = connecting->uid, .gid = connecting->uid, .pidfd = -1};
    if (connecting->has_pidfd)
        ret->pidfd = fake_socket_pidfd(&connecting->gone, connecting->life);
    return 0;
}

void peer_done(struct peer *peer)
{
    if (peer->pidfd >= 0)
        close(peer->pidfd);
    peer->pidfd = -1;
}

bool peer_is_gone(const struct peer *peer)
{
    struct pollfd exit = {.fd = peer->pidfd, .events = POLLIN};

    return peer->pidfd >= 0 && poll(&exit, 1, 0) == 1;
}

bool peer_has_exited(const struct peer *peer)
{
    return peer_is_gone(peer);
}

bool peer_is_in_group(int fd, const struct peer *peer, gid_t group)
{
    const struct fake_process *process = find(peer);

    (void)fd;
    (void)group;
    return process && process->is_in_group;
}

void peer_read_facts(const struct peer *peer, struct process_facts *ret)
{
    const struct fake_process *process = find(peer);

    *ret = (struct process_facts){.comm = "?"};
    if (!process || process->start_ticks == 0)
        return;
    ret->start_ticks = process->start_ticks;
    ret->start_time = process->start_ticks * NSEC_PER_SEC;
    snprintf(ret->comm, sizeof(ret->comm), "\xff%d\n", (int)peer->pid);
    ret->command =
        strdup("a command\tof\x1b[31m several \xc3\xa4rguments that does not fit into a single frame, because "
               "frames have room for ninety-six bytes of it and no more");
}

void process_facts_done(struct process_facts *facts)
{
    free(facts->command);
    facts->command = NULL;
}

/* ---- Nodes ---- */

void fake_host_tell_nodes(struct registry *registry)
{
    struct nodes nodes = {.all = calloc(FAKE_NODES, sizeof(struct node)), .count = FAKE_NODES};

    if (!nodes.all || !host_has_nodes) {
        free(nodes.all);
        return;
    }
    for (int32_t i = 0; i < FAKE_NODES; i++)
        nodes.all[i] = (struct node){
            .number = i,
            .facts = {.type = TT_ALLOC_DEVICE,
                      .device_id = i,
                      .asic_id = 0x100 + (uint64_t)i,
                      .pci_address = (uint32_t)(i + 1) << 8,
                      .arch = TT_ALLOC_ARCH_BLACKHOLE,
                      .dram_size = UINT64_C(32) << 30,
                      .known = TT_ALLOC_KNOWN_ASIC_ID | TT_ALLOC_KNOWN_PCI | TT_ALLOC_KNOWN_ARCH |
                               TT_ALLOC_KNOWN_REMOTE | TT_ALLOC_KNOWN_DRAM_SIZE},
        };
    registry_set_nodes(registry, &nodes);
    nodes_done(&nodes);
}

void hardware_attend(struct hardware *hardware)
{
    struct registry *registry = hardware->registry;

    list_for_each (link, &registry->unlocated) {
        struct process *process = LIST_ENTRY(link, struct process, unlocated_link);
        struct peer peer = {.pid = process->pid, .uid = process->user->uid};
        const struct fake_process *fake = find(&peer);

        registry_locate(registry, process, fake ? fake->held : NULL, fake && host_has_nodes ? fake->held_count : 0,
                        clock_now());
    }
}

int hardware_init(struct hardware *hardware, struct ev_loop *loop, struct registry *registry, const char *root)
{
    *hardware = (struct hardware){.registry = registry, .loop = loop, .root = root};
    return 0;
}

void hardware_done(struct hardware *hardware)
{
    *hardware = (struct hardware){0};
}
