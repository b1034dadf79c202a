/* SPDX-License-Identifier: Apache-2.0 */

#include "bench/model_map.h"

#include <stdlib.h>

#include "bench/give_up.h"

/* As std::hash of integers does it: hardly at all. */
static size_t hash(int32_t device, uint64_t id)
{
    return (size_t)(id ^ (uint64_t)(uint32_t)device << 1);
}

static bool is_prime(size_t number)
{
    for (size_t i = 3; i * i <= number; i += 2)
        if (number % i == 0)
            return false;
    return true;
}

static size_t prime_from(size_t number)
{
    number |= 1;
    while (!is_prime(number))
        number += 2;
    return number;
}

static struct model_node **bucket_of(const struct model_map *map, int32_t device, uint64_t id)
{
    return &map->buckets[hash(device, id) % map->bucket_count];
}

static void grow(struct model_map *map)
{
    struct model_map old = *map;

    map->bucket_count = prime_from(old.bucket_count * 2 + 11);
    map->buckets = calloc(map->bucket_count, sizeof(struct model_node *));
    if (!map->buckets)
        give_up("model");
    for (size_t i = 0; i < old.bucket_count; i++) {
        struct model_node *node = old.buckets[i];

        while (node) {
            struct model_node *next = node->next;
            struct model_node **bucket = bucket_of(map, node->buffer.device, node->buffer.id);

            node->next = *bucket;
            *bucket = node;
            node = next;
        }
    }
    free(old.buckets);
}

/* The link that leads to the node, so that it can be taken out. */
static struct model_node **find(const struct model_map *map, int32_t device, uint64_t id)
{
    struct model_node **link;

    if (map->count == 0)
        return NULL;
    for (link = bucket_of(map, device, id); *link; link = &(*link)->next)
        if ((*link)->buffer.id == id && (*link)->buffer.device == device)
            return link;
    return NULL;
}

struct model_buffer *model_map_find(const struct model_map *map, int32_t device, uint64_t id)
{
    struct model_node **link = find(map, device, id);

    return link ? &(*link)->buffer : NULL;
}

void model_map_insert(struct model_map *map, const struct model_buffer *buffer)
{
    struct model_node *node = malloc(sizeof(*node)), **bucket;

    if (!node)
        give_up("model");
    if (map->count >= map->bucket_count)
        grow(map);
    bucket = bucket_of(map, buffer->device, buffer->id);
    *node = (struct model_node){.next = *bucket, .buffer = *buffer};
    *bucket = node;
    map->count++;
}

void model_map_remove(struct model_map *map, int32_t device, uint64_t id)
{
    struct model_node **link = find(map, device, id), *node;

    if (!link)
        return;
    node = *link;
    *link = node->next;
    free(node);
    map->count--;
}
