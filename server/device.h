/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The device rows: one per chip, or, while nobody said which chip it is, one per logical number. Processes number their
 * devices as they please (TT_VISIBLE_DEVICES renumbers them), so a row is keyed by physical identity as soon as a
 * client describes it, the asic id, else the PCI address, or as soon as the host tells which node the process means.
 *
 * The number of a row is only its name towards people. A row of a chip that has a node is called like the node where
 * that number is free, so that it is the N of /dev/tenstorrent/N. Other rows have the first describer's own number
 * where that is free and no node's, else the next such one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/usage.h"
#include "protocol/tt_alloc_protocol.h"
#include "server/nodes.h"

struct history;
struct user;

/* Rows at most. When all are taken, the longest idle one without a process makes room. */
#define DEVICES_MAX 4096

struct device {
    int32_t number;
    bool is_physical; /* keyed by facts; else by number, which then is a logical id */
    bool is_trusted;  /* root or the server's own user has described it */
    int32_t logical_id;
    int32_t node;                        /* the node of the chip; -1: it has none, or nobody knows */
    struct tt_alloc_device_record facts; /* known says which fields count */
    uint64_t other_asic_id; /* what clients call a chip that the driver calls by another id; 0: nothing else */
    uint32_t nominal;       /* facts that only stand for the card's type: whoever knows better may say so */
    uint32_t vouched;       /* facts that the host told, and no client may change */
    struct usage usage;
    struct history *history; /* from the first report on; NULL */
    uint32_t unsettled;      /* places of processes in a resync here: see device_unsettle() */
    uint32_t processes;      /* that have it in their tables now */
    uint64_t processes_ever; /* for telling whether a row was ever shared */
    uint32_t references;     /* processes, and leak reports that are still being written */
    struct user *creator;    /* who is charged for the row */
};

struct devices {
    struct device **rows; /* by number */
    size_t count;
    struct nodes nodes; /* what the host has, used or not */
};

void devices_done(struct devices *devices);

/* The row with this number, or NULL. */
struct device *devices_find(const struct devices *devices, int32_t number);
/* The first row with a number above `number`, or NULL; for walks that pause. */
struct device *devices_after(const struct devices *devices, int64_t number);
/* The row of the chip that these facts name, or NULL. Facts that name none match none. */
struct device *devices_find_physical(const struct devices *devices, const struct tt_alloc_device_record *facts);
/* Whether the facts name a chip at all. */
bool device_facts_name_a_chip(const struct tt_alloc_device_record *facts);

/* The row of an undescribed logical id, made if there is none. -ENOMEM, -EDQUOT. */
int devices_get_logical(struct devices *devices, int32_t logical_id, struct user *user, struct device **ret);
/* A new row for the chip that the facts name, numbered `preferred` where that is free. -ENOMEM, -EDQUOT. */
int devices_add_physical(struct devices *devices, const struct tt_alloc_device_record *facts, int32_t preferred,
                         struct user *user, struct device **ret);

/* Takes over what a client says and is not known yet, or only nominally. With `override`, what is known gives way too.
 */
void device_learn(struct device *device, const struct tt_alloc_device_record *facts, bool override);

void device_ref(struct device *device);
void device_unref(struct device *device);
/* The number of a row that has no node: the preferred one, else the next one, that no row has and no node. */
int32_t devices_free_number(const struct devices *devices, int32_t preferred);
/* Gives the row a number that no row has. */
void devices_renumber(struct devices *devices, struct device *device, int32_t number);
/* Removes the row. Nobody may refer to it. */
void devices_remove(struct devices *devices, struct device *device);

/* ---- device_nodes.c ---- */

/* The row of the node with this number, or NULL. */
struct device *devices_find_node(const struct devices *devices, int32_t number);
/* On the row of a node: remembers the id that a client has for the chip, if it is another one. */
void device_note_other_id(struct device *device, const struct tt_alloc_device_record *facts);
/* The row is that of the node: learns what the host says, and takes the node's number where that is free. */
void devices_join(struct devices *devices, struct device *device, const struct node *node);
/* The row has no node and may have got its number while others still stood before it: moves up. */
void devices_move_up(struct devices *devices, struct device *device);
/* The host has these nodes now. Takes them over. Rows stay what they are and keep their numbers; those whose node is
 * gone have none any more, and those of a chip that has one now are joined to it. */
void devices_set_nodes(struct devices *devices, struct nodes *nodes);
/* Rows, and nodes that no row has the number of. */
size_t devices_count(const struct devices *devices);
