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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define INDEX_BUCKET 7   /* entries */
#define INDEX_SEGMENT 64 /* buckets; more only at INDEX_DEPTH_MAX */
#define INDEX_DEPTH_MAX 22

struct index_bucket {
    uint32_t hash[INDEX_BUCKET];
    uint32_t used; /* bit per place */
    uint32_t slot[INDEX_BUCKET];
    uint32_t passed; /* entries that found no room here and stand in a later bucket */
};
_Static_assert(sizeof(struct index_bucket) == 64, "a bucket has the size of a cache line");

struct index_segment {
    struct index_bucket *buckets;
    uint32_t size : 24; /* buckets */
    uint32_t depth : 8; /* all hashes in here agree in this many low bits */
    uint32_t count;     /* entries; kept only in the first of the segment's places */
};

struct index {
    struct index_segment *directory; /* by the low `depth` bits; a segment of less depth stands in several places */
    size_t size;                     /* places: 1 << depth */
    uint32_t depth;
    size_t memory; /* bytes held */
};

/* -ENOMEM; then index_free_some() may still be called, as on a zeroed index. */
int index_init(struct index *index);

/* Sees to it that an entry with this hash can be inserted. -ENOMEM. Cursors end here. */
int index_reserve(struct index *index, uint32_t hash);

/* Needs a reserve of the same hash. */
void index_insert(struct index *index, uint32_t hash, uint32_t slot);

/* A search: index_next() finds the entries with the hash one by one, until it returns false. */
struct index_cursor {
    struct index_bucket *buckets;
    uint32_t size;
    uint32_t hash;
    uint32_t bucket;  /* looked at now */
    uint32_t left;    /* buckets not looked at yet */
    uint32_t matches; /* places in the bucket that are still to be returned */
    uint32_t found;   /* place in the bucket that was returned last */
};

/* Removes what the last index_next() found. The cursor ends here. */
void index_remove(struct index *index, const struct index_cursor *cursor);

/* Frees at most `pieces` pieces and returns how many of them were not needed. */
size_t index_free_some(struct index *index, size_t pieces);

static inline const struct index_segment *index_segment(const struct index *index, uint32_t hash)
{
    return &index->directory[hash & (index->size - 1)];
}

static inline uint32_t index_home(uint32_t size, uint32_t hash)
{
    return (uint32_t)(((uint64_t)hash * size) >> 32);
}

static inline uint32_t index_after(uint32_t size, uint32_t bucket)
{
    return bucket + 1 < size ? bucket + 1 : 0;
}

/* Compares all places at once: a branch for each could not be predicted. The eighth lane is `used`, and masked out. */
static inline uint32_t index_matches(const struct index_bucket *bucket, uint32_t hash)
{
    typedef uint32_t lanes __attribute__((vector_size(16)));
    typedef uint64_t halves __attribute__((vector_size(16)));
    lanes low, high;
    halves bits;
    uint64_t all;

    memcpy(&low, bucket, sizeof(low));
    memcpy(&high, (const char *)bucket + sizeof(low), sizeof(high));
    bits = (halves)(((lanes)(low == hash) & (lanes){1, 2, 4, 8}) | ((lanes)(high == hash) & (lanes){16, 32, 64, 0}));
    all = bits[0] | bits[1];
    return (uint32_t)(all | all >> 32) & bucket->used;
}

static inline void index_search(const struct index *index, uint32_t hash, struct index_cursor *ret)
{
    const struct index_segment *segment = index_segment(index, hash);

    ret->buckets = segment->buckets;
    ret->size = segment->size;
    ret->hash = hash;
    ret->bucket = index_home(ret->size, hash);
    ret->left = ret->size - 1;
    ret->matches = index_matches(&ret->buckets[ret->bucket], hash);
}

static inline bool index_next(struct index_cursor *cursor, uint32_t *ret_slot)
{
    const struct index_bucket *bucket = &cursor->buckets[cursor->bucket];

    while (!cursor->matches) {
        if (!bucket->passed || cursor->left == 0)
            return false;
        cursor->left--;
        cursor->bucket = index_after(cursor->size, cursor->bucket);
        bucket = &cursor->buckets[cursor->bucket];
        cursor->matches = index_matches(bucket, cursor->hash);
    }
    cursor->found = (uint32_t)__builtin_ctz(cursor->matches);
    cursor->matches &= cursor->matches - 1;
    *ret_slot = bucket->slot[cursor->found];
    return true;
}

/* Loads the bucket in which a search for the hash will begin. By a load on which nothing depends, because a prefetch
 * instruction was seen to do nothing where the page is missing in the TLB, which in a large ledger is the usual case.
 */
static inline void index_prefetch(const struct index *index, uint32_t hash)
{
    const struct index_segment *segment = index_segment(index, hash);

    (void)*(const volatile uint32_t *)&segment->buckets[index_home(segment->size, hash)].used;
}
