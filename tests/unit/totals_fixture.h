/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * tt-metal's totals files for tests. Offsets are written as numbers here, from the description of the format and not
 * from the header that the reader uses.
 */

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define REGION_SIZE 8576
#define REGION_READY 0x52454459U

struct region {
    uint8_t bytes[REGION_SIZE];
};

static inline void region_put_32(struct region *region, size_t offset, uint32_t value)
{
    memcpy(region->bytes + offset, &value, sizeof(value));
}

static inline void region_put_64(struct region *region, size_t offset, uint64_t value)
{
    memcpy(region->bytes + offset, &value, sizeof(value));
}

static inline void region_put_memory(struct region *region, size_t offset, uint64_t dram)
{
    for (size_t i = 0; i < 5; i++) /* L1 and so on: something else */
        region_put_64(region, offset + 8 * i, dram ? dram + i : 0);
}

/* Nobody in it, no chip. */
static inline struct region region_make(uint32_t version)
{
    struct region region = {0};

    region_put_32(&region, 0, version);
    region_put_64(&region, 8, 1000000000);
    for (size_t i = 0; i < 16; i++)
        region_put_32(&region, 88 + 48 * i, UINT32_MAX);
    if (version >= 4)
        region_put_32(&region, 8536, REGION_READY);
    return region;
}

static inline void region_set_held(struct region *region, uint64_t dram)
{
    region_put_memory(region, 48, dram);
}

static inline void region_set_references(struct region *region, uint32_t references)
{
    region_put_32(region, 16, references);
}

static inline void region_set_chip(struct region *region, size_t slot, uint32_t chip, uint32_t remote, uint64_t dram)
{
    region_put_32(region, 88 + 48 * slot, chip);
    region_put_32(region, 92 + 48 * slot, remote);
    region_put_memory(region, 96 + 48 * slot, dram);
}

static inline void region_set_slot(struct region *region, size_t slot, int32_t pid, const char *comm, uint64_t dram,
                                   uint64_t last_update)
{
    size_t at = 856 + 120 * slot, length = strlen(comm);

    region_put_32(region, at, (uint32_t)pid);
    region_put_memory(region, at + 8, dram);
    region_put_64(region, at + 48, last_update);
    memset(region->bytes + at + 56, 0, 64);
    memcpy(region->bytes + at + 56, comm, length < 64 ? length : 64);
}
