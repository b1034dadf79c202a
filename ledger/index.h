/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Finds slots by hash: extendible hashing over segments, buckets of a cache line's size inside them.
 *
 * An entry is the 32-bit hash and the slot, 8 bytes; seven stand in a bucket. The low bits of the hash choose a segment
 * through the directory, the high bits the bucket in it, and the whole hash stands in the entry: so growing needs no
 * look at the records. An entry whose bucket is full goes to the next one with room, and each full bucket that it
 * passes counts it in `passed`. A search goes on while that is not 0, a removal takes it back; so there are no
 * tombstones, nothing is ever shifted, and most searches are the comparison of one bucket.
 *
 * A segment is at most three quarters full. It grows by an eighth of its greatest size and splits in two when it has
 * that size: no insertion ever moves more than one segment, a few microseconds of work, and segments are well filled
 * whatever the number of buffers is. Doubling the directory only copies it. What is needed to find a bucket stands in
 * the directory itself, because in a large ledger each further place to look at is a cache miss. Segments do not
 * shrink: what the index holds is the memory of the peak.
 *
 * Several entries may have the same hash; which of them is meant is for the caller to see from the records.
 */

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "ledger/pool.h"

#define INDEX_BUCKET 7   /* entries */
#define INDEX_SEGMENT 64 /* buckets; more only at INDEX_DEPTH_MAX */
#define INDEX_DEPTH_MAX 22
#define INDEX_FULL ((1U << INDEX_BUCKET) - 1)

struct index_bucket {
    uint32_t hash[INDEX_BUCKET];
    uint32_t used; /* bit per place */
    uint32_t slot[INDEX_BUCKET];
    uint32_t passed; /* entries that found no room here and stand in a later bucket */
};
_Static_assert(sizeof(struct index_bucket) == 64, "a bucket has the size of a cache line");

struct index_segment {
    struct index_bucket *buckets;
    uint32_t count; /* entries; kept only in the first of the segment's places */
    uint16_t size;  /* buckets */
    uint8_t depth;  /* all hashes in here agree in this many low bits */
};

struct index {
    struct index_segment *directory; /* by the low `depth` bits; a segment of less depth stands in several places */
    size_t size;                     /* places: 1 << depth */
    uint32_t depth;
    size_t memory;    /* bytes held */
    struct pool pool; /* of the segments of a large index */
};

/* -ENOMEM; then index_free_some() may still be called, as on a zeroed index. */
int index_init(struct index *index);

/* A search: index_next() finds the entries with the hash one by one, until it returns false. */
struct index_cursor {
    const struct index_segment *segment;
    struct index_bucket *bucket; /* looked at now */
    uint32_t hash;
    uint32_t looked;  /* buckets looked at so far */
    uint32_t matches; /* places in the bucket that are still to be returned */
    uint32_t found;   /* place in the bucket that was returned last */
};

/* Frees at most `pieces` pieces and returns how many of them were not needed. */
size_t index_free_some(struct index *index, size_t pieces);

static inline const struct index_segment *index_segment(const struct index *index, uint32_t hash)
{
    return &index->directory[hash & (index->size - 1)];
}

static inline struct index_bucket *index_home(const struct index_segment *segment, uint32_t hash)
{
    return &segment->buckets[((uint64_t)hash * segment->size) >> 32];
}

static inline struct index_bucket *index_after(const struct index_segment *segment, struct index_bucket *bucket)
{
    return bucket + 1 < segment->buckets + segment->size ? bucket + 1 : segment->buckets;
}

/* Compares all places at once: a branch for each could not be predicted. The eighth lane is `used`, and masked out. */
static inline uint32_t index_matches(const struct index_bucket *bucket, uint32_t hash)
{
#ifdef __SSE2__
    const __m128i *lanes = (const void *)bucket, wanted = _mm_set1_epi32((int)hash);
    int low = _mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(_mm_load_si128(lanes), wanted)));
    int high = _mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(_mm_load_si128(lanes + 1), wanted)));

    return (uint32_t)(low | high << 4) & bucket->used;
#else
    uint32_t matches = 0;

    for (uint32_t place = 0; place < INDEX_BUCKET; place++)
        matches |= (uint32_t)(bucket->hash[place] == hash) << place;
    return matches & bucket->used;
#endif
}

static inline void index_search(const struct index *index, uint32_t hash, struct index_cursor *ret)
{
    const struct index_segment *segment = index_segment(index, hash);
    struct index_bucket *bucket = index_home(segment, hash);

    *ret = (struct index_cursor){
        .segment = segment, .bucket = bucket, .hash = hash, .looked = 1, .matches = index_matches(bucket, hash)};
}

static inline bool index_next(struct index_cursor *cursor, uint32_t *ret_slot)
{
    while (!cursor->matches) {
        if (!cursor->bucket->passed || cursor->looked == cursor->segment->size)
            return false;
        cursor->looked++;
        cursor->bucket = index_after(cursor->segment, cursor->bucket);
        cursor->matches = index_matches(cursor->bucket, cursor->hash);
    }
    cursor->found = (uint32_t)__builtin_ctz(cursor->matches);
    cursor->matches &= cursor->matches - 1;
    *ret_slot = cursor->bucket->slot[cursor->found];
    return true;
}

/* Loads the bucket in which a search for the hash will begin. By a load on which nothing depends, because a prefetch
 * instruction was seen to do nothing where the page is missing in the TLB, which in a large ledger is the usual case.
 */
static inline void index_prefetch(const struct index *index, uint32_t hash)
{
    (void)*(const volatile uint32_t *)&index_home(index_segment(index, hash), hash)->used;
}

static inline uint32_t index_entries_max(uint32_t size)
{
    return size * INDEX_BUCKET * 3 / 4;
}

/* Without the count. */
static inline void index_put(const struct index_segment *segment, uint32_t hash, uint32_t slot)
{
    struct index_bucket *bucket = index_home(segment, hash);
    uint32_t place;

    while (bucket->used == INDEX_FULL) {
        bucket->passed++;
        bucket = index_after(segment, bucket);
    }
    place = (uint32_t)__builtin_ctz(~bucket->used);
    bucket->hash[place] = hash;
    bucket->slot[place] = slot;
    bucket->used |= 1U << place;
}

/* The first place of the segment for this hash, the only one whose count is kept. */
static inline struct index_segment *index_first_place(const struct index *index, uint32_t hash)
{
    return &index->directory[hash & ((1U << index_segment(index, hash)->depth) - 1)];
}

static inline bool index_is_full(const struct index_segment *segment)
{
    return segment->count >= index_entries_max(segment->size);
}

/* The rarer part of index_reserve(). */
int index_grow(struct index *index, uint32_t hash, struct index_segment **ret);

/* Stores the segment in which an entry with this hash can be inserted. -ENOMEM, -ENOSPC. Cursors end here. */
static inline int index_reserve(struct index *index, uint32_t hash, struct index_segment **ret)
{
    struct index_segment *segment = index_first_place(index, hash);

    if (index_is_full(segment))
        return index_grow(index, hash, ret);
    *ret = segment;
    return 0;
}

/* Into the segment that index_reserve() gave for this hash. */
static inline void index_insert(struct index_segment *segment, uint32_t hash, uint32_t slot)
{
    assert(!index_is_full(segment));
    index_put(segment, hash, slot);
    segment->count++;
}

/* Removes what the last index_next() found. The cursor ends here. */
static inline void index_remove(struct index *index, const struct index_cursor *cursor)
{
    struct index_bucket *bucket = cursor->bucket;

    bucket->used &= ~(1U << cursor->found);
    if (cursor->looked > 1)
        for (bucket = index_home(cursor->segment, cursor->hash); bucket != cursor->bucket;
             bucket = index_after(cursor->segment, bucket))
            bucket->passed--;
    index_first_place(index, cursor->hash)->count--;
}
