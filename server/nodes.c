/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Clients name chips by what the user-mode driver calls them. That is the ASIC id of the driver on some boards only; on
 * others it is the board's id, or that and the chip's place on the board. An id of the second
 * kind counts only if it fits one node: two chips of a board have the same board id.
 */

#include "server/nodes.h"

#include <stdlib.h>

#include "host/host.h"

void nodes_done(struct nodes *nodes)
{
    free(nodes->all);
    *nodes = (struct nodes){0};
}

const struct node *nodes_find(const struct nodes *nodes, int32_t number)
{
    for (size_t i = 0; i < nodes->count && nodes->all[i].number <= number; i++)
        if (nodes->all[i].number == number)
            return &nodes->all[i];
    return NULL;
}

static bool is_remote(const struct tt_alloc_device_record *facts)
{
    return (facts->known & TT_ALLOC_KNOWN_REMOTE) && facts->remote;
}

bool facts_have_own_pci(const struct tt_alloc_device_record *facts)
{
    return (facts->known & TT_ALLOC_KNOWN_PCI) && !is_remote(facts);
}

static bool has_same_asic(const struct tt_alloc_device_record *a, const struct tt_alloc_device_record *b)
{
    return (a->known & b->known & TT_ALLOC_KNOWN_ASIC_ID) && a->asic_id == b->asic_id;
}

static bool has_same_pci(const struct tt_alloc_device_record *a, const struct tt_alloc_device_record *b)
{
    return facts_have_own_pci(a) && facts_have_own_pci(b) && a->pci_address == b->pci_address;
}

static bool may_be_board_of(const struct node *node, uint64_t id)
{
    return node->has_board_id && host_id_is_of_board(id, node->board_id);
}

static const struct node *match_board(const struct nodes *nodes, uint64_t id)
{
    const struct node *found = NULL;

    for (size_t i = 0; i < nodes->count; i++) {
        if (!may_be_board_of(&nodes->all[i], id))
            continue;
        if (found)
            return NULL;
        found = &nodes->all[i];
    }
    return found;
}

const struct node *nodes_match(const struct nodes *nodes, const struct tt_alloc_device_record *facts)
{
    for (size_t i = 0; i < nodes->count; i++)
        if (has_same_asic(&nodes->all[i].facts, facts))
            return &nodes->all[i];
    for (size_t i = 0; i < nodes->count; i++)
        if (has_same_pci(&nodes->all[i].facts, facts))
            return &nodes->all[i];
    if (!(facts->known & TT_ALLOC_KNOWN_ASIC_ID) || is_remote(facts))
        return NULL;
    return match_board(nodes, facts->asic_id);
}

const struct node *nodes_place(const struct nodes *nodes, const int32_t *held, size_t count, int32_t logical_id)
{
    if (logical_id < 0 || (size_t)logical_id >= count)
        return NULL;
    return nodes_find(nodes, held[logical_id]);
}

bool node_is_same_chip(const struct node *before, const struct node *now)
{
    if (before->facts.known & now->facts.known & TT_ALLOC_KNOWN_ASIC_ID)
        return has_same_asic(&before->facts, &now->facts);
    if (before->facts.known & now->facts.known & TT_ALLOC_KNOWN_PCI)
        return has_same_pci(&before->facts, &now->facts);
    return before->number == now->number;
}
