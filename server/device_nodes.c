/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Rows and the nodes of the host. A row is joined to a node when it is known to be the same chip, and stays so until
 * the node goes away or turns out to be another chip; what processes hold on the row is not touched by either.
 */

#include "server/device.h"

struct device *devices_find_node(const struct devices *devices, int32_t number)
{
    for (size_t i = 0; i < devices->count; i++)
        if (devices->rows[i]->node == number)
            return devices->rows[i];
    return NULL;
}

/* Facts that the host tells however a client sees them. */
#define SETTLED (TT_ALLOC_KNOWN_ASIC_ID | TT_ALLOC_KNOWN_PCI | TT_ALLOC_KNOWN_ARCH | TT_ALLOC_KNOWN_REMOTE)

/* The user-mode driver has other ids for some chips, and by those other clients will name them. */
void device_note_other_id(struct device *device, const struct tt_alloc_device_record *facts)
{
    if (device->node >= 0 && (facts->known & TT_ALLOC_KNOWN_ASIC_ID) && (device->vouched & TT_ALLOC_KNOWN_ASIC_ID) &&
        facts->asic_id != device->facts.asic_id && device->other_asic_id == 0)
        device->other_asic_id = facts->asic_id;
}

/* Sizes stay open to whoever knows better. */
static void learn_from(struct device *device, const struct node *node)
{
    struct tt_alloc_device_record facts = node->facts;
    const struct tt_alloc_device_record told = device->facts;

    facts.known &= SETTLED | ~device->facts.known;
    device_learn(device, &facts, true);
    device->nominal |= facts.known & NODE_NOMINAL;
    device->vouched |= facts.known & ~NODE_NOMINAL;
    if (device->nominal & (TT_ALLOC_KNOWN_DRAM_SIZE | TT_ALLOC_KNOWN_L1_SIZE))
        device->facts.known |= TT_ALLOC_KNOWN_NOMINAL;
    device_note_other_id(device, &told);
}

void devices_join(struct devices *devices, struct device *device, const struct node *node)
{
    device->is_physical = true;
    device->node = node->number;
    learn_from(device, node);
    if (!devices_find(devices, node->number))
        devices_renumber(devices, device, node->number);
}

void devices_move_up(struct devices *devices, struct device *device)
{
    int32_t number = devices_free_number(devices, device->logical_id);

    if (number < device->number)
        devices_renumber(devices, device, number);
}

static void part_from_gone(struct devices *devices, const struct nodes *nodes)
{
    for (size_t i = 0; i < devices->count; i++) {
        struct device *device = devices->rows[i];
        const struct node *before = nodes_find(&devices->nodes, device->node);
        const struct node *now = nodes_find(nodes, device->node);

        if (!before || !now || !node_is_same_chip(before, now))
            device->node = -1;
    }
}

/* A card that was put into another one's place has its address, but not its id. */
static bool may_be(const struct device *device, const struct node *node)
{
    return !(device->vouched & node->facts.known & TT_ALLOC_KNOWN_ASIC_ID) ||
           device->facts.asic_id == node->facts.asic_id;
}

/* Joining may give a row another number, and so another place in the array. */
static void join_found(struct devices *devices)
{
    struct device *device = devices_after(devices, -1);

    while (device) {
        int32_t number = device->number;
        const struct node *node = NULL;

        if (device->is_physical && device->node < 0)
            node = nodes_match(&devices->nodes, &device->facts);
        if (node && may_be(device, node) && !devices_find_node(devices, node->number))
            devices_join(devices, device, node);
        device = devices_after(devices, number);
    }
}

void devices_set_nodes(struct devices *devices, struct nodes *nodes)
{
    part_from_gone(devices, nodes);
    nodes_done(&devices->nodes);
    devices->nodes = *nodes;
    *nodes = (struct nodes){0};
    join_found(devices);
}

size_t devices_count(const struct devices *devices)
{
    size_t count = devices->count;

    for (size_t i = 0; i < devices->nodes.count; i++)
        count += !devices_find(devices, devices->nodes.all[i].number);
    return count;
}
