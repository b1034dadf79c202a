/* SPDX-License-Identifier: Apache-2.0 */

#include "smi/demo/script.h"
#include "client/tt_alloc.h"
#include "host/host.h"

#include <errno.h>
#include <stdlib.h>

#define PAGE UINT64_C(2048) /* a tile of bfloat16: sizes are multiples of it */
#define L1_SMALL_PER_CORE (UINT64_C(32) << 10)
#define TRACE_PER_CHANNEL (UINT64_C(48) << 20)
#define FIRST_ASIC UINT64_C(0x0100014511708000)
#define FIRST_BUS 1u

struct script_buffer {
    uint64_t address;
    uint64_t size;
    unsigned end; /* the beat that frees it */
    uint8_t region;
};

/* splitmix64: any seed will do, so that neighbouring ones may be used. */
static uint64_t draw(struct script *script)
{
    uint64_t z = script->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t draw_size(struct script *script, const struct story_part *part)
{
    uint64_t steps = (part->most - part->least) / PAGE + 1;

    return part->least + draw(script) % steps * PAGE;
}

static void describe(const struct host_card *card, int32_t device, unsigned chip)
{
    struct tt_alloc_device_description description = {
        .known = TT_ALLOC_KNOWN_ASIC_ID | TT_ALLOC_KNOWN_PCI | TT_ALLOC_KNOWN_ARCH | TT_ALLOC_KNOWN_DRAM_SIZE |
                 TT_ALLOC_KNOWN_L1_SIZE | TT_ALLOC_KNOWN_L1_SMALL_SIZE | TT_ALLOC_KNOWN_TRACE_SIZE |
                 TT_ALLOC_KNOWN_DRAM_CHANNELS | TT_ALLOC_KNOWN_L1_PER_CORE | TT_ALLOC_KNOWN_BOARD |
                 TT_ALLOC_KNOWN_REMOTE,
        .asic_id = FIRST_ASIC + chip,
        .pci_address = (FIRST_BUS + chip) << 8,
        .arch = TT_ALLOC_ARCH_WORMHOLE_B0,
        .dram_size = card->dram_size,
        .l1_size = card->l1_size,
        .l1_small_size = card->cores * L1_SMALL_PER_CORE,
        .trace_size = card->dram_channels * TRACE_PER_CHANNEL,
        .num_dram_channels = card->dram_channels,
        .l1_size_per_core = (uint32_t)card->l1_per_core,
        .board = card->type,
    };

    tt_alloc_describe_device(device, &description);
}

void script_begin(struct script *script, const struct story *story, size_t role)
{
    const struct host_card *card = host_card_by_type(story->board);

    *script = (struct script){
        .role = &story->roles[role], .random = role, .next = PAGE, .dram_most = card->dram_size / 4 * 3};
    for (unsigned i = 0; i < script->role->devices; i++)
        describe(card, (int32_t)i, script->role->device + i);
}

static void report_allocation(int32_t device, const struct script_buffer *buffer)
{
    if (buffer->region == TT_ALLOC_CB)
        tt_alloc_report_cb_allocation(device, buffer->size, buffer->address);
    else if (buffer->region == TT_ALLOC_KERNEL)
        tt_alloc_report_kernel_load(device, buffer->size, buffer->address, 0);
    else
        tt_alloc_report_allocation(device, buffer->size, buffer->region, buffer->address);
}

static void report_free(int32_t device, const struct script_buffer *buffer)
{
    if (buffer->region == TT_ALLOC_CB)
        tt_alloc_report_cb_deallocation(device, buffer->size, buffer->address);
    else
        tt_alloc_report_deallocation_from(device, buffer->region, buffer->address);
}

static int remember(struct script *script, const struct script_buffer *buffer)
{
    if (script->count == script->capacity) {
        size_t capacity = script->capacity ? 2 * script->capacity : 64;
        struct script_buffer *buffers = reallocarray(script->buffers, capacity, sizeof(*buffers));

        if (!buffers)
            return -ENOMEM;
        script->buffers = buffers;
        script->capacity = capacity;
    }
    script->buffers[script->count++] = *buffer;
    return 0;
}

/* What lives for ever needs no place in the list. */
static int allocate(struct script *script, const struct story_part *part)
{
    struct script_buffer buffer = {script->next, draw_size(script, part), script->beat + part->beats, part->region};

    if (part->region == TT_ALLOC_DRAM && script->dram + buffer.size > script->dram_most)
        return -ENOSPC;
    if (part->beats > 0 && remember(script, &buffer) < 0)
        return -ENOMEM;
    script->next += buffer.size;
    script->dram += part->region == TT_ALLOC_DRAM ? buffer.size : 0;
    script->live += script->role->devices;
    for (unsigned i = 0; i < script->role->devices; i++)
        report_allocation((int32_t)i, &buffer);
    return 0;
}

static int allocate_all(struct script *script, const struct story_part *parts)
{
    int r = 0;

    for (size_t i = 0; i < STORY_PARTS; i++) {
        for (unsigned n = 0; r == 0 && n < parts[i].count; n++)
            r = allocate(script, &parts[i]);
    }
    return r;
}

static void let_go(struct script *script, const struct script_buffer *buffer)
{
    for (unsigned i = 0; i < script->role->devices; i++)
        report_free((int32_t)i, buffer);
    script->dram -= buffer->region == TT_ALLOC_DRAM ? buffer->size : 0;
    script->live -= script->role->devices;
}

static void free_old(struct script *script)
{
    size_t kept = 0;

    for (size_t i = 0; i < script->count; i++) {
        if (script->buffers[i].end > script->beat)
            script->buffers[kept++] = script->buffers[i];
        else
            let_go(script, &script->buffers[i]);
    }
    script->count = kept;
}

int script_load(struct script *script)
{
    return allocate_all(script, script->role->load);
}

int script_beat(struct script *script)
{
    script->beat++;
    free_old(script);
    return allocate_all(script, script->role->habits);
}
