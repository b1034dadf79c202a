/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The devices of the host, and which of them a process means. The driver knows a device by the number of its node,
 * /dev/tenstorrent/N; a process knows it by a number of its own. Local chips come first there, in the order of their
 * nodes, and TT_VISIBLE_DEVICES leaves some out: so the nodes that a process has open are its devices 0, 1, 2, and so
 * on, and what it numbers behind them is reached through another chip and has no node.
 *
 * Nothing here reads anything: hardware.c does.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/tt_alloc_protocol.h"

/* Facts that a card's type stands for. */
#define NODE_NOMINAL                                                                                                   \
    (TT_ALLOC_KNOWN_DRAM_SIZE | TT_ALLOC_KNOWN_L1_SIZE | TT_ALLOC_KNOWN_DRAM_CHANNELS | TT_ALLOC_KNOWN_L1_PER_CORE)

struct node {
    int32_t number;
    bool has_board_id;
    uint64_t board_id;
    struct tt_alloc_device_record facts; /* NODE_NOMINAL of them are the card type's */
};

struct nodes {
    struct node *all; /* ascending */
    size_t count;
};

/* Takes empty ones. */
void nodes_done(struct nodes *nodes);

/* The node with this number, or NULL. */
const struct node *nodes_find(const struct nodes *nodes, int32_t number);

/* The node of the chip that a client's facts name, or NULL. */
const struct node *nodes_match(const struct nodes *nodes, const struct tt_alloc_device_record *facts);

/* What logical_id is to a process that has the nodes with these numbers open, ascending. NULL: it has no node. */
const struct node *nodes_place(const struct nodes *nodes, const int32_t *held, size_t count, int32_t logical_id);

/* Whether a node seen before is the same chip now. */
bool node_is_same_chip(const struct node *before, const struct node *now);

/* Whether the facts' PCI address is the chip's own: a remote chip is reached through another one's. */
bool facts_have_own_pci(const struct tt_alloc_device_record *facts);
