/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A row for each chip that the server knows, then for each node of the host that is none of these, then for each of
 * tt-metal's totals that belongs to neither: the far chips of boards with two, which have no node.
 */

#include "smi/sample/merge.h"
#include "smi/sample/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_same_chip(const struct tt_alloc_device_description *facts, const struct host_device *node)
{
    if ((facts->known & TT_ALLOC_KNOWN_REMOTE) && facts->remote)
        return false; /* what it has in common with a node is the way to it */
    if ((facts->known & TT_ALLOC_KNOWN_ASIC_ID) && node->asic_id.error == 0)
        return facts->asic_id == node->asic_id.value;
    return (facts->known & TT_ALLOC_KNOWN_PCI) && node->pci_address.error == 0 &&
           facts->pci_address == node->pci_address.value;
}

static const struct host_device *find_node(const struct host *host, const struct tt_alloc_device_description *facts)
{
    for (size_t i = 0; i < host->device_count; i++) {
        if (is_same_chip(facts, &host->devices[i]))
            return &host->devices[i];
    }
    return NULL;
}

static bool needs(const struct tt_alloc_device_description *facts, uint32_t bit)
{
    return !(facts->known & bit);
}

/* Sizes go together: half of them by the board's type would not say which half. */
static void fill_sizes(struct device_row *row, const struct host_card *card)
{
    struct tt_alloc_device_description *facts = &row->facts.description;

    if (!card || !needs(facts, TT_ALLOC_KNOWN_DRAM_SIZE) || !needs(facts, TT_ALLOC_KNOWN_L1_SIZE))
        return;
    facts->dram_size = card->dram_size;
    facts->l1_size = card->l1_size;
    facts->known |= TT_ALLOC_KNOWN_DRAM_SIZE | TT_ALLOC_KNOWN_L1_SIZE;
    row->is_nominal = true;
}

static void fill_identity(struct tt_alloc_device_description *facts, const struct host_device *node)
{
    if (needs(facts, TT_ALLOC_KNOWN_ASIC_ID) && node->asic_id.error == 0) {
        facts->asic_id = node->asic_id.value;
        facts->known |= TT_ALLOC_KNOWN_ASIC_ID;
    }
    if (needs(facts, TT_ALLOC_KNOWN_PCI) && node->pci_address.error == 0) {
        facts->pci_address = (uint32_t)node->pci_address.value;
        facts->known |= TT_ALLOC_KNOWN_PCI;
    }
    if (needs(facts, TT_ALLOC_KNOWN_BOARD) && node->card_type.error == 0) {
        facts->board = node->card_type.text;
        facts->known |= TT_ALLOC_KNOWN_BOARD;
    }
    if (needs(facts, TT_ALLOC_KNOWN_ARCH) && arch_by_name(node->arch) != 0) {
        facts->arch = arch_by_name(node->arch);
        facts->known |= TT_ALLOC_KNOWN_ARCH;
    }
    facts->known |= TT_ALLOC_KNOWN_REMOTE;
}

/* What the client said of a chip goes before what the host says. */
static void join_node(struct device_row *row, const struct host_device *node)
{
    row->node = node;
    row->is_placed = true;
    fill_identity(&row->facts.description, node);
    fill_sizes(row, node->card);
}

static struct device_row *add_row(struct merged *merged, const struct tt_alloc_device *facts)
{
    size_t place = merged->device_count++;
    struct device_row *row = &merged->devices[place];

    *row = (struct device_row){.facts = *facts, .place = place, .is_placed = true};
    return row;
}

/* On a host with chips of its own, a number that nobody tied to one of them may mean any. */
static void add_told(const struct tt_alloc_device *device, const struct host *host, struct merged *merged)
{
    const struct host_device *node = find_node(host, &device->description);
    struct device_row *row = add_row(merged, device);
    bool names_a_chip = device->description.known & (TT_ALLOC_KNOWN_ASIC_ID | TT_ALLOC_KNOWN_PCI);

    row->is_told = true;
    row->has_peaks = true;
    row->is_nominal = device->description.known & TT_ALLOC_KNOWN_NOMINAL;
    row->is_placed = host->device_count == 0 || names_a_chip;
    if (node)
        join_node(row, node);
}

static void add_node(const struct host_device *node, struct merged *merged)
{
    for (size_t i = 0; i < merged->device_count; i++) {
        if (merged->devices[i].node == node)
            return;
    }
    join_node(add_row(merged, &(struct tt_alloc_device){.device = node->number}), node);
}

/* ---- tt-metal's totals ---- */

/* What the nodes that a file's live processes have open have in common: the node itself if there is one only, at least
 * its card if all are of one type. NULL where nothing is. */
struct vicinity {
    const struct host_device *node, *alike;
};

static void look_at(struct vicinity *vicinity, const struct host_device *node, bool is_first)
{
    if (is_first)
        *vicinity = (struct vicinity){node, node};
    if (vicinity->node != node)
        vicinity->node = NULL;
    if (vicinity->alike && vicinity->alike->card != node->card)
        vicinity->alike = NULL;
}

static struct vicinity vicinity_of(const struct host *host, const struct host_totals *totals)
{
    struct vicinity vicinity = {0};
    bool is_first = true;

    for (size_t i = 0; i < totals->slot_count; i++) {
        for (size_t j = 0; j < host->device_count; j++) {
            const struct host_device *node = &host->devices[j];

            if (totals->slots[i].state != HOST_SLOT_LIVE || !host_device_is_held_by(node, totals->slots[i].pid))
                continue;
            look_at(&vicinity, node, is_first);
            is_first = false;
        }
    }
    return vicinity;
}

static bool is_of_totals(const struct device_row *row, const struct host_totals *totals)
{
    const struct tt_alloc_device_description *facts = &row->facts.description;

    if (row->node)
        return totals->join != HOST_JOIN_NONE && totals->device == row->node->number;
    return (facts->known & TT_ALLOC_KNOWN_ASIC_ID) && facts->asic_id == totals->id;
}

/* Thousands of files are joined without a search of each among all: only the last far chip can be that of the next
 * file, since files come by id, and nobody else has numbers below 0. */
struct joining {
    const struct host *host;
    struct merged *merged;
    size_t known;      /* rows that there are without the files */
    unsigned *far;     /* chips that each node has behind it */
    int32_t next_free; /* number of a chip of no known board */
};

static struct device_row *find_chip(const struct joining *joining, const struct host_totals *totals)
{
    const struct merged *merged = joining->merged;

    for (size_t i = 0; i < joining->known; i++) {
        if (is_of_totals(&merged->devices[i], totals))
            return &merged->devices[i];
    }
    if (merged->device_count > joining->known && is_of_totals(&merged->devices[merged->device_count - 1], totals))
        return &merged->devices[merged->device_count - 1];
    return NULL;
}

static int32_t free_number(struct joining *joining, const struct host_device *near)
{
    unsigned *far = near ? &joining->far[near - joining->host->devices] : NULL;

    if (near && near->number < DEVICE_NODES_MAX && *far < DEVICE_FAR_CHIPS)
        return device_remote_number(near->number, (*far)++);
    return joining->next_free++;
}

/* The far chip of a board is what the near one is. */
static void describe_far_chip(struct tt_alloc_device_description *facts, const struct host_device *near)
{
    if (near->card_type.error == 0) {
        facts->board = near->card_type.text;
        facts->known |= TT_ALLOC_KNOWN_BOARD;
    }
    facts->arch = arch_by_name(near->arch);
    facts->remote = true;
    facts->known |= TT_ALLOC_KNOWN_REMOTE | (facts->arch ? TT_ALLOC_KNOWN_ARCH : 0);
}

static struct device_row *add_far_chip(struct joining *joining, const struct host_totals *totals)
{
    struct vicinity vicinity = vicinity_of(joining->host, totals);
    struct tt_alloc_device facts = {
        .device = free_number(joining, vicinity.node),
        .description = {.known = TT_ALLOC_KNOWN_ASIC_ID, .asic_id = totals->id},
    };
    struct device_row *row;

    if (vicinity.alike)
        describe_far_chip(&facts.description, vicinity.alike);
    row = add_row(joining->merged, &facts);
    fill_sizes(row, vicinity.alike ? vicinity.alike->card : NULL);
    return row;
}

static void add_totals(struct joining *joining, size_t index)
{
    const struct host_totals *totals = &joining->host->totals[index];
    struct device_row *row = find_chip(joining, totals);

    if (!row && totals->state == HOST_TOTALS_OK)
        row = add_far_chip(joining, totals);
    if (row && !row->totals)
        row->totals = totals;
    joining->merged->totals[index] = row ? row->facts.device : DEVICE_UNKNOWN;
    joining->merged->chips[index] = row;
}

static int add_all_totals(const struct host *host, struct merged *merged)
{
    struct joining joining = {host, merged, merged->device_count, NULL, DEVICE_UNKNOWN + 1};

    joining.far = calloc(host->device_count + 1, sizeof(*joining.far));
    if (!joining.far)
        return -ENOMEM;
    for (size_t i = 0; i < host->totals_count; i++)
        add_totals(&joining, i);
    free(joining.far);
    return 0;
}

/* By number; chips without a node behind the node of their board, and those of no known board last. */
static int compare_rows(const void *a, const void *b)
{
    int64_t left = device_rank(((const struct device_row *)a)->facts.device);
    int64_t right = device_rank(((const struct device_row *)b)->facts.device);

    return (left > right) - (left < right);
}

/* The rows move, and the files' pointers to them follow. */
static int sort_rows(const struct host *host, struct merged *merged)
{
    struct device_row **moved = calloc(merged->device_count + 1, sizeof(struct device_row *));

    if (!moved)
        return -ENOMEM;
    qsort(merged->devices, merged->device_count, sizeof(*merged->devices), compare_rows);
    for (size_t i = 0; i < merged->device_count; i++)
        moved[merged->devices[i].place] = &merged->devices[i];
    for (size_t i = 0; i < host->totals_count; i++) {
        if (merged->chips[i])
            merged->chips[i] = moved[merged->chips[i] - merged->devices];
    }
    free(moved);
    return 0;
}

int merge_devices(const struct tt_alloc_list *devices, const struct host *host, struct merged *merged)
{
    size_t told = devices ? tt_alloc_list_count(devices) : 0;
    int r;

    merged->devices = calloc(told + host->device_count + host->totals_count + 1, sizeof(*merged->devices));
    merged->totals = calloc(host->totals_count + 1, sizeof(*merged->totals));
    merged->chips = calloc(host->totals_count + 1, sizeof(*merged->chips));
    if (!merged->devices || !merged->totals || !merged->chips)
        return -ENOMEM;
    for (size_t i = 0; i < told; i++)
        add_told(tt_alloc_list_device(devices, i), host, merged);
    for (size_t i = 0; i < host->device_count; i++)
        add_node(&host->devices[i], merged);
    r = add_all_totals(host, merged);
    return r == 0 ? sort_rows(host, merged) : r;
}
