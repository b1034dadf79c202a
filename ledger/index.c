/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How segments grow, split, gain and lose entries and are freed; index.h says why they are so.
 */

#include "ledger/index.h"

#include <assert.h>
#include <errno.h>

#include "ledger/memory.h"

#define FIRST_SIZE 2
#define STEP (INDEX_SEGMENT / 8)
#define FULL ((1U << INDEX_BUCKET) - 1)

static uint32_t entries_max(uint32_t size)
{
    return size * INDEX_BUCKET * 3 / 4;
}

/* Doubles while small, so that a process with few buffers costs little; then by steps. */
static uint32_t next_size(uint32_t size)
{
    return size < INDEX_SEGMENT / 2 ? size * 2 : size + STEP;
}

/* The smallest that has room for one entry more. */
static uint32_t size_for(uint32_t count)
{
    uint32_t size = FIRST_SIZE;

    while (entries_max(size) <= count)
        size = next_size(size);
    return size;
}

static int segment_init(struct index *index, uint32_t size, uint32_t depth, struct index_segment *ret)
{
    struct index_bucket *buckets = memory_new(&index->memory, size * sizeof(*buckets));

    if (!buckets)
        return -ENOMEM;
    *ret = (struct index_segment){.buckets = buckets, .size = size & 0xffffff, .depth = depth & 0xff};
    return 0;
}

static void segment_free(struct index *index, const struct index_segment *segment)
{
    memory_free(&index->memory, segment->buckets, segment->size * sizeof(*segment->buckets));
}

static void segment_insert(const struct index_segment *segment, uint32_t hash, uint32_t slot)
{
    uint32_t home = index_home(segment->size, hash), place;
    struct index_bucket *bucket = &segment->buckets[home];

    while (bucket->used == FULL) {
        bucket->passed++;
        home = index_after(segment->size, home);
        bucket = &segment->buckets[home];
    }
    place = (uint32_t)__builtin_ctz(~bucket->used);
    bucket->hash[place] = hash;
    bucket->slot[place] = slot;
    bucket->used |= 1U << place;
}

/* Deals the entries out by the bit that parts the halves, which may be one and the same segment. */
static void deal_out(const struct index_segment *segment, struct index_segment *lower, struct index_segment *upper)
{
    for (uint32_t i = 0; i < segment->size; i++) {
        const struct index_bucket *bucket = &segment->buckets[i];

        for (uint32_t used = bucket->used; used; used &= used - 1) {
            uint32_t place = (uint32_t)__builtin_ctz(used), hash = bucket->hash[place];
            struct index_segment *half = hash >> segment->depth & 1 ? upper : lower;

            segment_insert(half, hash, bucket->slot[place]);
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

/* The first place of the segment for this hash, the only one whose count is kept. */
static struct index_segment *first_place(const struct index *index, uint32_t hash)
{
    return &index->directory[hash & ((1U << index_segment(index, hash)->depth) - 1)];
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
    struct index_segment segment = *first_place(index, hash), larger;
    int r = segment_init(index, next_size(segment.size), segment.depth, &larger);

    if (r < 0)
        return r;
    deal_out(&segment, &larger, &larger);
    directory_set(index, &larger, hash);
    segment_free(index, &segment);
    return 0;
}

static int split(struct index *index, uint32_t hash)
{
    struct index_segment segment = *first_place(index, hash), lower, upper;
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

int index_reserve(struct index *index, uint32_t hash)
{
    for (;;) {
        const struct index_segment *segment = first_place(index, hash);
        int r;

        if (segment->count < entries_max(segment->size))
            return 0;
        if (segment->size < INDEX_SEGMENT || segment->depth == INDEX_DEPTH_MAX)
            r = enlarge(index, hash);
        else
            r = split(index, hash);
        if (r < 0)
            return r;
    }
}

void index_insert(struct index *index, uint32_t hash, uint32_t slot)
{
    struct index_segment *segment = first_place(index, hash);

    assert(segment->count < entries_max(segment->size));
    segment_insert(segment, hash, slot);
    segment->count++;
}

void index_remove(struct index *index, const struct index_cursor *cursor)
{
    uint32_t bucket = index_home(cursor->size, cursor->hash);

    for (; bucket != cursor->bucket; bucket = index_after(cursor->size, bucket))
        cursor->buckets[bucket].passed--;
    cursor->buckets[bucket].used &= ~(1U << cursor->found);
    first_place(index, cursor->hash)->count--;
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
