/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Before each look at who holds what, the names of the devices are looked at too: with a node missing in the picture,
 * all that a process holds behind it would be taken for the wrong one. If there is a new one, or one that did not
 * answer, everything is read again, and until then nobody is served.
 */

#include "server/hardware.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/clock.h"
#include "server/log.h"

#define LOOK_PAUSE (NSEC_PER_SEC / 20)
#define READ_PAUSE (3 * NSEC_PER_SEC)
#define SERVING (NSEC_PER_SEC / 4000) /* in one go */

/* ---- From the host's words to ours ---- */

static uint32_t arch_number(const char *name)
{
    if (name && strcmp(name, "wormhole_b0") == 0)
        return TT_ALLOC_ARCH_WORMHOLE_B0;
    return name && strcmp(name, "blackhole") == 0 ? TT_ALLOC_ARCH_BLACKHOLE : TT_ALLOC_ARCH_UNKNOWN;
}

static void add_sizes(struct tt_alloc_device_record *facts, const struct host_card *card)
{
    facts->dram_size = card->dram_size;
    facts->l1_size = card->l1_size;
    facts->num_dram_channels = card->dram_channels;
    facts->l1_size_per_core = (uint32_t)card->l1_per_core;
    facts->known |= NODE_NOMINAL;
}

static void add_board(struct tt_alloc_device_record *facts, const struct host_device *device)
{
    const char *type = device->card ? device->card->type : device->card_type.text;

    if (!device->card && device->card_type.error < 0)
        return;
    snprintf(facts->board, sizeof(facts->board), "%.*s", (int)sizeof(facts->board) - 1, type);
    facts->known |= TT_ALLOC_KNOWN_BOARD;
}

static struct node node_of(const struct host_device *device)
{
    struct node node = {
        .number = device->number,
        .has_board_id = device->board_id.error == 0,
        .board_id = device->board_id.value,
        .facts = {.known = TT_ALLOC_KNOWN_REMOTE, /* it is not */
                  .asic_id = device->asic_id.value,
                  .pci_address = (uint32_t)device->pci_address.value,
                  .arch = arch_number(device->arch)},
    };

    if (device->asic_id.error == 0)
        node.facts.known |= TT_ALLOC_KNOWN_ASIC_ID;
    if (device->pci_address.error == 0)
        node.facts.known |= TT_ALLOC_KNOWN_PCI;
    if (node.facts.arch != TT_ALLOC_ARCH_UNKNOWN)
        node.facts.known |= TT_ALLOC_KNOWN_ARCH;
    add_board(&node.facts, device);
    if (device->card)
        add_sizes(&node.facts, device->card);
    return node;
}

/* Takes over host and held. */
static int take_devices(struct hardware *hardware, struct host *host, int32_t *held)
{
    struct nodes nodes = {.all = calloc(host->device_count + 1, sizeof(nodes.all[0])), .count = host->device_count};

    if (!nodes.all || !held) {
        nodes_done(&nodes);
        host_clear(host);
        free(held);
        return -ENOMEM;
    }
    for (size_t i = 0; i < host->device_count; i++)
        nodes.all[i] = node_of(&host->devices[i]);
    registry_set_nodes(hardware->registry, &nodes);
    host_clear(&hardware->host);
    free(hardware->held);
    hardware->host = *host;
    hardware->held = held;
    return 0;
}

/* ---- Which devices there are ---- */

static int read_devices(struct hardware *hardware, uint64_t now)
{
    struct host host;
    int error;

    hardware->read = now;
    error = host_read(hardware->root, HOST_IDENTITY, &host);
    if (error == 0)
        error = take_devices(hardware, &host, calloc(host.device_count + 1, sizeof(hardware->held[0])));
    return error;
}

/* A device that is being reset has a name and nothing else. */
static bool does_not_answer(int error)
{
    return error == -ENODATA || error == -ENODEV;
}

static bool is_out_of_date(const struct hardware *hardware)
{
    for (size_t i = 0; i < hardware->host.device_count; i++)
        if (does_not_answer(hardware->host.devices[i].asic_id.error))
            return true;
    return host_has_other_devices(hardware->root, &hardware->host);
}

/* Returns when somebody may be served: not after now, if everything is as it should be. */
static uint64_t bring_up_to_date(struct hardware *hardware, uint64_t now)
{
    if (!is_out_of_date(hardware))
        return now;
    if (now < hardware->read + READ_PAUSE)
        return hardware->read + READ_PAUSE;
    return read_devices(hardware, now) == 0 ? now : now + READ_PAUSE;
}

/* ---- Who holds them ---- */

/* If the holders of one device are not known, nothing can be said of those behind it either. */
static bool look(struct hardware *hardware)
{
    if (host_read_holders(hardware->root, &hardware->host) < 0)
        return false;
    for (size_t i = 0; i < hardware->host.device_count; i++)
        if (hardware->host.devices[i].holders_error < 0)
            return false;
    return true;
}

static size_t find_held(const struct host *host, int32_t pid, int32_t *ret_held)
{
    size_t count = 0;

    for (size_t i = 0; i < host->device_count; i++)
        if (pid > 0 && host_device_is_held_by(&host->devices[i], pid))
            ret_held[count++] = host->devices[i].number;
    return count;
}

static void serve(struct hardware *hardware, bool knows_holders, uint64_t now)
{
    struct registry *registry = hardware->registry;
    uint64_t stop = clock_now() + SERVING;

    list_for_each (link, &registry->unlocated) {
        struct process *process = LIST_ENTRY(link, struct process, unlocated_link);
        size_t count = knows_holders ? find_held(&hardware->host, process->pid, hardware->held) : 0;

        registry_locate(registry, process, hardware->held, count, now);
        if (clock_now() >= stop)
            return;
    }
}

static void run_at(struct hardware *hardware, uint64_t now, uint64_t when)
{
    if (ev_is_active(&hardware->soon))
        return;
    ev_timer_set(&hardware->soon, (double)(when - now) / (double)NSEC_PER_SEC, 0.);
    ev_timer_start(hardware->loop, &hardware->soon);
}

void hardware_attend(struct hardware *hardware)
{
    const struct list *waiting = &hardware->registry->unlocated;
    uint64_t now, when;

    if (list_is_empty(waiting) || ev_is_active(&hardware->soon))
        return;
    now = clock_now();
    when = hardware->looked + LOOK_PAUSE;
    if (when <= now)
        when = bring_up_to_date(hardware, now);
    if (when <= now) {
        serve(hardware, look(hardware), now);
        hardware->looked = now;
        when = now + LOOK_PAUSE;
    }
    if (!list_is_empty(waiting))
        run_at(hardware, now, when);
}

static void on_soon(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    hardware_attend(timer->data);
}

int hardware_init(struct hardware *hardware, struct ev_loop *loop, struct registry *registry, const char *root)
{
    int error;

    *hardware = (struct hardware){.loop = loop, .registry = registry, .root = root ? root : "/"};
    ev_timer_init(&hardware->soon, on_soon, 0., 0.);
    hardware->soon.data = hardware;
    error = read_devices(hardware, clock_now());
    if (error < 0)
        log_line(LOG_ERR, "Cannot read the host below %s: %s; --root takes the directory that holds sys and proc",
                 hardware->root, strerror(-error));
    return error;
}

void hardware_done(struct hardware *hardware)
{
    if (hardware->loop)
        ev_timer_stop(hardware->loop, &hardware->soon);
    host_clear(&hardware->host);
    free(hardware->held);
}
