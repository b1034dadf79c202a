/* SPDX-License-Identifier: Apache-2.0 */

#include "mesh.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)

/* An n300: 12 DRAM banks of 1 GiB, and 64 cores with 1464 KiB of L1. Firmware keeps the lowest addresses. */
#define DRAM_BANKS 12
#define DRAM_BANK (1024 * MIB)
#define DRAM_RESERVED UINT64_C(2560032)
#define TRACE_PER_BANK (48 * MIB)
#define L1_PER_CORE (1464 * KIB)
#define L1_RESERVED (100 * KIB)
#define L1_SMALL_PER_CORE (32 * KIB)

/* The trace region is cut from the top of DRAM, L1_SMALL from the top of L1. Buffers in L1 are stacked from the top
 * down, because circular buffers grow from the bottom up. */
static const struct {
    const char *name;
    unsigned banks;
    struct bank_range bank;
    bool from_top;
} layout[] = {
    [TT_ALLOC_DRAM] = {"DRAM", DRAM_BANKS, {DRAM_RESERVED, DRAM_BANK - TRACE_PER_BANK - DRAM_RESERVED}, false},
    [TT_ALLOC_L1] = {"L1", MESH_CORES, {L1_RESERVED, L1_PER_CORE - L1_SMALL_PER_CORE - L1_RESERVED}, true},
    [TT_ALLOC_L1_SMALL] = {"L1_SMALL", MESH_CORES, {L1_PER_CORE - L1_SMALL_PER_CORE, L1_SMALL_PER_CORE}, true},
    [TT_ALLOC_TRACE] = {"TRACE", DRAM_BANKS, {DRAM_BANK - TRACE_PER_BANK, TRACE_PER_BANK}, false},
};
#define REGIONS (sizeof(layout) / sizeof(layout[0]))
#define ALIGNMENT 32

static const struct {
    uint64_t asic_id;
    uint32_t pci_address;
} host_chips[] = {
    {UINT64_C(0x0100014511708021), 0x09 << 8}, /* 0000:09:00.0 */
    {UINT64_C(0x0100014511708047), 0x0a << 8}, /* 0000:0a:00.0 */
    {UINT64_C(0x010001451170805b), 0x0b << 8}, /* 0000:0b:00.0 */
};

static void describe_chip(int32_t device_id, unsigned chip)
{
    struct tt_alloc_device_description description = {
        .known = TT_ALLOC_KNOWN_ASIC_ID | TT_ALLOC_KNOWN_PCI | TT_ALLOC_KNOWN_ARCH | TT_ALLOC_KNOWN_DRAM_SIZE |
                 TT_ALLOC_KNOWN_L1_SIZE | TT_ALLOC_KNOWN_L1_SMALL_SIZE | TT_ALLOC_KNOWN_TRACE_SIZE |
                 TT_ALLOC_KNOWN_DRAM_CHANNELS | TT_ALLOC_KNOWN_L1_PER_CORE | TT_ALLOC_KNOWN_BOARD |
                 TT_ALLOC_KNOWN_REMOTE,
        .asic_id = host_chips[chip].asic_id,
        .pci_address = host_chips[chip].pci_address,
        .arch = TT_ALLOC_ARCH_WORMHOLE_B0,
        .dram_size = DRAM_BANKS * DRAM_BANK,
        .l1_size = MESH_CORES * L1_PER_CORE,
        .l1_small_size = MESH_CORES * L1_SMALL_PER_CORE,
        .trace_size = DRAM_BANKS * TRACE_PER_BANK,
        .num_dram_channels = DRAM_BANKS,
        .l1_size_per_core = L1_PER_CORE,
        .board = "n300",
    };

    if (tt_alloc_describe_device(device_id, &description) < 0)
        fprintf(stderr, "device %" PRId32 " could not be described; its sizes will be missing in tt-smi\n", device_id);
}

int mesh_open(struct mesh *mesh, unsigned first, unsigned chips)
{
    *mesh = (struct mesh){.chips = chips};
    for (unsigned i = 0; i < chips; i++)
        describe_chip((int32_t)i, first + i);
    for (size_t region = 0; region < REGIONS; region++) {
        if (layout[region].banks == 0)
            continue;
        if (bank_allocator_init(&mesh->allocators[region], layout[region].bank, ALIGNMENT, layout[region].from_top) <
            0) {
            mesh_close(mesh);
            return -ENOMEM;
        }
    }
    return 0;
}

void mesh_close(struct mesh *mesh)
{
    for (size_t region = 0; region < REGIONS; region++)
        bank_allocator_done(&mesh->allocators[region]);
}

static uint64_t divide_up(uint64_t a, uint64_t b)
{
    return (a + b - 1) / b;
}

int mesh_allocate(struct mesh *mesh, enum tt_alloc_region region, uint64_t size, uint64_t page_size,
                  struct mesh_buffer *ret)
{
    uint64_t pages = divide_up(size, page_size);
    uint64_t per_bank = divide_up(pages, layout[region].banks) * (divide_up(page_size, ALIGNMENT) * ALIGNMENT);
    struct mesh_buffer buffer = {.size = size, .region = (uint8_t)region};
    int error = bank_allocator_take(&mesh->allocators[region], per_bank, &buffer.range);

    if (error < 0) {
        fprintf(stderr, "cannot allocate %" PRIu64 " bytes of %s, %" PRIu64 " in each bank: %s\n", size,
                layout[region].name, per_bank, strerror(-error));
        return error;
    }
    for (unsigned i = 0; i < mesh->chips; i++)
        tt_alloc_report_allocation((int32_t)i, size, buffer.region, buffer.range.start);
    *ret = buffer;
    return 0;
}

void mesh_free(struct mesh *mesh, struct mesh_buffer *buffer)
{
    if (buffer->range.size == 0)
        return;
    for (unsigned i = 0; i < mesh->chips; i++)
        tt_alloc_report_deallocation_from((int32_t)i, buffer->region, buffer->range.start);
    bank_allocator_give_back(&mesh->allocators[buffer->region], buffer->range);
    *buffer = (struct mesh_buffer){0};
}

static int reserve(struct mesh_buffers *buffers)
{
    size_t capacity = buffers->capacity ? buffers->capacity * 2 : 16;
    struct mesh_buffer *list;

    if (buffers->count < buffers->capacity)
        return 0;
    list = reallocarray(buffers->list, capacity, sizeof(list[0]));
    if (!list)
        return -ENOMEM;
    buffers->list = list;
    buffers->capacity = capacity;
    return 0;
}

int mesh_allocate_into(struct mesh *mesh, enum tt_alloc_region region, uint64_t size, uint64_t page_size,
                       struct mesh_buffers *buffers)
{
    int error = reserve(buffers);

    if (error == 0)
        error = mesh_allocate(mesh, region, size, page_size, &buffers->list[buffers->count]);
    if (error == 0)
        buffers->count++;
    return error;
}

void mesh_free_all(struct mesh *mesh, struct mesh_buffers *buffers)
{
    for (size_t i = 0; i < buffers->count; i++)
        mesh_free(mesh, &buffers->list[i]);
    free(buffers->list);
    *buffers = (struct mesh_buffers){0};
}

struct bank_range mesh_l1_gap(const struct mesh *mesh)
{
    return (struct bank_range){L1_RESERVED, bank_allocator_lowest(&mesh->allocators[TT_ALLOC_L1]) - L1_RESERVED};
}
