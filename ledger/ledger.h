/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The live buffers of one process.
 *
 * A buffer's key is (device, region, id). Records of 24 bytes stand densely in chunks; an index of 8-byte entries (a
 * hash and the record's slot) finds them. The index is made of small segments that grow and split one at a time
 * (extendible hashing), so that growing never moves more than one segment: a table that doubles in one go would stall
 * its owner for tens of milliseconds at a million buffers. The hash is keyed with a secret of the ledger, because ids
 * come from processes that may be hostile.
 *
 * Totals and peaks per device, region and pool are kept as the buffers come and go and cost O(1) to read. A walk visits
 * the records in memory order and survives changes between its steps.
 *
 * Not thread-safe. Times are ns of the caller's monotonic clock; they are kept to 10 ms. Errors are negative errno, and
 * a call that failed changed nothing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/usage.h"

struct ledger;

#define LEDGER_DEVICES_MAX 256         /* a process with more gets -ENOSPC */
#define LEDGER_SIZE_LIMIT (1ULL << 48) /* sizes from here up are -EINVAL */
#define LEDGER_ANY_REGION 255          /* of ledger_release(): whichever of the buffer regions 0..4 holds the id */

enum ledger_effect {
    LEDGER_ADDED,    /* a new buffer */
    LEDGER_SHARED,   /* same key, same size: one more reference, bytes unchanged */
    LEDGER_REPLACED, /* same key, other size: the earlier buffer's free was never seen */
    LEDGER_REMOVED,  /* the last reference went */
    LEDGER_UNSHARED, /* one of several references went */
    LEDGER_UNKNOWN,  /* release: no such buffer; nothing changed */
};

/* A device as this process numbers it. The address of the struct stays the same for the life of the ledger. */
struct ledger_device {
    int32_t device_id;
    struct usage usage;
    void *userdata; /* the ledger's owner may keep what it likes here; NULL at first */
};

struct ledger_change {
    enum ledger_effect effect;
    uint8_t region;       /* of the buffer concerned */
    bool ambiguous;       /* release with LEDGER_ANY_REGION: several regions held the id, the youngest went */
    uint64_t size_before; /* bytes of the buffer before (0: it was not there) and after (0: it is not there) */
    uint64_t size_after;
    struct ledger_device *device; /* NULL with LEDGER_UNKNOWN if the process never used the device */
};

/* key: 16 random bytes, or NULL to let the ledger ask the kernel. -ENOMEM, or the kernel's reason for giving none. */
int ledger_new(struct ledger **ret, const void *key);

/* Frees at once. Takes NULL, returns NULL. */
struct ledger *ledger_free(struct ledger *ledger);

/* Frees at most `pieces` pieces of memory (each up to about 100 KiB) and returns the ledger, or NULL when all is gone.
 * After the first such call only this function and ledger_free() may be called. For owners that must not pause. */
struct ledger *ledger_free_some(struct ledger *ledger, size_t pieces);

/* -EINVAL: device negative, region not 0..6, size at the limit; -ENOSPC: too many devices or 2^32 buffers; -ENOMEM. */
int ledger_allocate(struct ledger *ledger, int32_t device_id, uint8_t region, uint64_t id, uint64_t size, uint64_t now,
                    struct ledger_change *ret);

/* region: exact, or LEDGER_ANY_REGION. An unknown buffer is not an error: LEDGER_UNKNOWN. Cannot run out of memory.
 * -EINVAL. */
int ledger_release(struct ledger *ledger, int32_t device_id, uint8_t region, uint64_t id, uint64_t now,
                   struct ledger_change *ret);

/* Loads what a later ledger_allocate() or ledger_release() of this buffer will look at first; changes nothing. For who
 * has a queue of reports: called for some ten of them in a row, before these are made, the processor waits for all
 * their cache misses at once. Saves a third and more of a report's price from 100,000 buffers on, and costs little
 * below. */
void ledger_prefetch(const struct ledger *ledger, int32_t device_id, uint64_t id);

/* Does to `usage` what the change did to its device: bytes, buffers, peaks, counts and the time of activity; nothing
 * with LEDGER_UNKNOWN. The ledger keeps its own devices so; owners of several ledgers keep sums over them with it. */
void ledger_apply(const struct ledger_change *change, uint64_t now, struct usage *usage);

/* Live buffers over all devices and regions. */
uint64_t ledger_count(const struct ledger *ledger);

/* Devices in order of first use. */
size_t ledger_device_count(const struct ledger *ledger);
struct ledger_device *ledger_device(struct ledger *ledger, size_t index);
/* The device, made if it is new (-EINVAL, -ENOSPC, -ENOMEM). */
int ledger_add_device(struct ledger *ledger, int32_t device_id, struct ledger_device **ret);
/* The device, or NULL if the process never used it. */
struct ledger_device *ledger_find_device(struct ledger *ledger, int32_t device_id);

struct ledger_buffer {
    struct ledger_device *device;
    uint64_t id;
    uint64_t size;
    uint64_t born; /* when it was allocated, the caller's clock, to 10 ms, never in the future of the last `now` */
    uint32_t references; /* at most 65535: further ones are not counted, and the 65535th release removes the buffer */
    uint8_t region;
};

/*
 * Visits the live buffers in memory order. Start with *cursor = 0; each call stores the next buffer and returns true,
 * or returns false at the end. Buffers may come and go between calls: one that is live throughout is visited exactly
 * once, others at most once per life. `steps`, if not NULL, is decremented by the slots looked at; the walk returns
 * false with *steps == 0 when it is used up, and can be continued with the same cursor.
 */
bool ledger_walk(const struct ledger *ledger, uint64_t *cursor, size_t *steps, struct ledger_buffer *ret);

/* Bytes of memory held, all structures counted. */
size_t ledger_memory(const struct ledger *ledger);
