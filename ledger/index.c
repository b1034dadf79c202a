/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How segments grow, split, gain and lose entries and are freed; index.h says why they are so.
 */

#include "ledger/index.h"

#include <assert.h>
#include <errno.h>

#include "ledger/memory.h"
#include "ledger/pool.h"

#define FIRST_SIZE 2
#define STEP (INDEX_SEGMENT / 8)
#define POOL_FROM_DEPTH 1 /* with fewer entries, the first page of a block would be more than all the rest */

/* Doubles while small, so that a process with few buffers costs little; then by steps. */
static uint32_t next_size(uint32_t size)
{
    return size < INDEX_SEGMENT / 2 ? size * 2 : size + STEP;
}

/* The smallest that has room for one entry more. */
static uint32_t size_for(uint32_t count)
{
    uint32_t size = FIRST_SIZE;

    while (index_entries_max(size) <= count)
        size = next_size(size);
    return size;
}

static bool is_pooled(uint32_t size, uint32_t depth)
{
    return depth >= POOL_FROM_DEPTH && size >= INDEX_SEGMENT / 2 && size <= INDEX_SEGMENT;
}

static int segment_init(struct index *index, uint32_t size, uint32_t depth, struct index_segment *ret)
{
    size_t bytes = size * sizeof(struct index_bucket);
    struct index_bucket *buckets =
        is_pooled(size, depth) ? pool_new(&index->pool, &index->memory, bytes) : memory_new(&index->memory, bytes);

    if (!buckets)
        return -ENOMEM;
    *ret = (struct index_segment){.buckets = buckets, .size = (uint16_t)size, .depth = (uint8_t)depth};
    return 0;
}

static void segment_free(struct index *index, const struct index_segment *segment)
{
    size_t bytes = segment->size * sizeof(*segment->buckets);

    if (is_pooled(segment->size, segment->depth))
        pool_free(&index->pool, &index->memory, segment->buckets, bytes);
    else
        memory_free(&index->memory, segment->buckets, bytes);
}

/* Deals the entries out by the bit that parts the halves, which may be one and the same segment. */
static void deal_out(const struct index_segment *segment, struct index_segment *lower, struct index_segment *upper)
{
    for (uint32_t i = 0; i < segment->size; i++) {
        const struct index_bucket *bucket = &segment->buckets[i];

        for (uint32_t used = bucket->used; used; used &= used - 1) {
            uint32_t place = (uint32_t)__builtin_ctz(used), hash = bucket->hash[place];
            struct index_segment *half = hash >> segment->depth & 1 ? upper : lower;

            index_put(half, hash, bucket->slot[place]);
            half->count++;
        }
    }
}

static uint32_t count_upper_half(const struct index_segment *segment)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < segment->size; i++)
        for (uint32_t place = 0; place < INDEX_BUCKET; place++)
            count += segment->buckets[i].used >> place & segment->buckets[i].hash[place] >> segment->depth & 1;
    return count;
}

/* Puts the segment in all places whose low bits, as many as its depth, are those of the hash. */
static void directory_set(struct index *index, const struct index_segment *segment, uint32_t hash)
{
    size_t stride = (size_t)1 << segment->depth;

    for (size_t place = hash & (stride - 1); place < index->size; place += stride)
        index->directory[place] = *segment;
}

static int directory_double(struct index *index)
{
    size_t bytes = index->size * sizeof(*index->directory);
    struct index_segment *directory = memory_resize(&index->memory, index->directory, bytes, 2 * bytes);

    if (!directory)
        return -ENOMEM;
    memcpy(directory + index->size, directory, bytes);
    index->directory = directory;
    index->size *= 2;
    index->depth++;
    return 0;
}

static int enlarge(struct index *index, uint32_t hash)
{
    struct index_segment segment = *index_first_place(index, hash), larger;
    int r;

    if (next_size(segment.size) > UINT16_MAX)
        return -ENOSPC;
    r = segment_init(index, next_size(segment.size), segment.depth, &larger);
    if (r < 0)
        return r;
    deal_out(&segment, &larger, &larger);
    directory_set(index, &larger, hash);
    segment_free(index, &segment);
    return 0;
}

static int split(struct index *index, uint32_t hash)
{
    struct index_segment segment = *index_first_place(index, hash), lower, upper;
    uint32_t count = count_upper_half(&segment), bit = 1U << segment.depth;
    int r = segment.depth == index->depth ? directory_double(index) : 0;

    if (r < 0)
        return r;
    r = segment_init(index, size_for(segment.count - count), segment.depth + 1U, &lower);
    if (r < 0)
        return r;
    r = segment_init(index, size_for(count), segment.depth + 1U, &upper);
    if (r < 0) {
        segment_free(index, &lower);
        return r;
    }
    deal_out(&segment, &lower, &upper);
    directory_set(index, &lower, hash & ~bit);
    directory_set(index, &upper, hash | bit);
    segment_free(index, &segment);
    return 0;
}

int index_init(struct index *index)
{
    *index = (struct index){.size = 1};
    index->directory = memory_new(&index->memory, sizeof(*index->directory));
    if (!index->directory)
        return -ENOMEM;
    return segment_init(index, FIRST_SIZE, 0, index->directory);
}

/* Both ways a segment has room for its entries and one more, also where all of them come into the same half. */
int index_grow(struct index *index, uint32_t hash, struct index_segment **ret)
{
    const struct index_segment *full = index_first_place(index, hash);
    int r = full->size < INDEX_SEGMENT || full->depth == INDEX_DEPTH_MAX ? enlarge(index, hash) : split(index, hash);

    if (r < 0)
        return r;
    *ret = index_first_place(index, hash);
    assert(!index_is_full(*ret));
    return 0;
}

/* From the end, because there a segment's further places come before its first, which is the one that frees it. */
size_t index_free_some(struct index *index, size_t pieces)
{
    size_t bytes = sizeof(*index->directory) << index->depth;

    for (; pieces > 0 && index->directory && index->size > 0; pieces--) {
        const struct index_segment *segment = &index->directory[--index->size];

        if (index->size < (size_t)1 << segment->depth)
            segment_free(index, segment);
    }
    if (pieces > 0 && index->directory) {
        index->directory = memory_free(&index->memory, index->directory, bytes);
        pieces--;
    }
    return pieces;
}
