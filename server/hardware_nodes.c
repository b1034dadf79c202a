/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From the host's words to those of the wire. Sizes are taken from the card's type, since neither DRAM nor harvesting
 * can be read without opening a device.
 */

#include "server/hardware_nodes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    const char *type = device->card_type.text;

    if (device->card_type.error < 0)
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

int hardware_nodes(const struct host *host, struct nodes *ret)
{
    struct nodes nodes = {.all = calloc(host->device_count + 1, sizeof(nodes.all[0])), .count = host->device_count};

    if (!nodes.all)
        return -ENOMEM;
    for (size_t i = 0; i < host->device_count; i++)
        nodes.all[i] = node_of(&host->devices[i]);
    *ret = nodes;
    return 0;
}
