/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The model's table: what std::unordered_map does, with its price. A node from malloc for each buffer, chains, a prime
 * number of buckets that at least doubles when there are as many nodes as buckets, all in one go.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct model_buffer { /* what the proof of concept keeps of a buffer */
    uint64_t id;
    int32_t device;
    uint64_t size;
    uint8_t region;
    int32_t owner;
    int64_t time;
    int32_t references;
};

struct model_node {
    struct model_node *next;
    struct model_buffer buffer;
};

struct model_map {
    struct model_node **buckets;
    size_t bucket_count;
    size_t count;
};

/* Whichever has that device and id; NULL if none has. */
struct model_buffer *model_map_find(const struct model_map *map, int32_t device, uint64_t id);
void model_map_insert(struct model_map *map, const struct model_buffer *buffer);
void model_map_remove(struct model_map *map, int32_t device, uint64_t id);
