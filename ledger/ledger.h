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
    LEDGER_SWEPT,    /* stale at the end of a resync: its free was never seen */
};

/* A device as this process numbers it. The address of the struct stays the same for the life of the ledger. */
struct ledger_device {
    int32_t device_id;
    uint32_t index; /* of ledger_device() */
    struct usage usage;
    void *userdata;     /* the ledger's owner may keep what it likes here; NULL at first */
    bool is_past_peaks; /* the same, false at first */
};

struct ledger_change {
    enum ledger_effect effect;
    uint8_t region;       /* of the buffer concerned */
    bool ambiguous;       /* release with LEDGER_ANY_REGION: several regions held the id, the youngest went */
    bool uncertain;       /* stale buffers are still counted, see below: no peak follows from the sums */
    bool announced;       /* by ledger_announce(): tells how things are, and is no report unless it is ADDED */
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

/*
 * Resync: whoever knows the truth tells all of it again.
 *
 * After ledger_resync_begin() every buffer is stale: still there, still counted, and it can be released. It is made
 * fresh by ledger_announce(), or by ledger_allocate(), for which a stale buffer of the same key is one whose free was
 * never seen (LEDGER_REPLACED, one reference, also where the sizes agree; counted in `allocations` like any other).
 * When all was told, ledger_sweep() takes away what is still stale, in steps. A new begin may come at any time and
 * starts over; -EOVERFLOW after LEDGER_RESYNCS_MAX of them without a finished sweep.
 *
 * While there are stale buffers, what is counted may be more than what was ever there at one time, so peaks stay as
 * they are. With the last of them the ledger settles the peaks of its devices (usage_settle_peaks()); an owner that
 * keeps sums does the same to these then.
 */
#define LEDGER_RESYNCS_MAX 1000
int ledger_resync_begin(struct ledger *ledger);

/* The buffer is live with so many references (at least 1, else -EINVAL), whatever was known of it. Effects: ADDED,
 * REPLACED (other size), or SHARED where only references, time or freshness were set; of these only ADDED counts as an
 * allocation. `born` may lie before anything else the ledger has seen. Errors as for ledger_allocate(). */
int ledger_announce(struct ledger *ledger, int32_t device_id, uint8_t region, uint64_t id, uint64_t size,
                    uint32_t references, uint64_t born, uint64_t now, struct ledger_change *ret);

/* Stale buffers. */
uint64_t ledger_stale(const struct ledger *ledger);

/* Takes the next stale buffer away (LEDGER_SWEPT: no free is counted) and returns true; false when there is none left
 * or `steps`, which is decremented by the slots looked at, is used up. Start with *cursor = 0. */
bool ledger_sweep(struct ledger *ledger, uint64_t *cursor, size_t *steps, uint64_t now, struct ledger_change *ret);

/* For who has a queue of reports. Loads what a later ledger_allocate() or ledger_release() of this buffer will look at
 * first, and returns what ledger_prefetch_record() wants; changes nothing. Called for some ten reports in a row, before
 * these are made, the processor waits for all their cache misses at once. It pays where ledger_is_large(); below that
 * nearly everything is in the cache already. */
bool ledger_is_large(const struct ledger *ledger);
uint32_t ledger_prefetch(const struct ledger *ledger, int32_t device_id, uint64_t id);

/* The second step, when the first was made for all: loads the record that a release will find. */
void ledger_prefetch_record(const struct ledger *ledger, uint32_t hash);

/* Does to `usage` what the change did to its device: bytes, buffers, peaks, counts and the time of activity (not with
 * LEDGER_SWEPT, which is no act of the process); nothing with LEDGER_UNKNOWN. The ledger keeps its own devices so;
 * owners of several ledgers keep sums over them with it. */
void ledger_apply(const struct ledger_change *change, uint64_t now, struct usage *usage);

/* Whether some id was ever live in several regions of a device at once. As long as none was, a release without a region
 * can mean only one buffer, to whomever it is told. */
bool ledger_has_families(const struct ledger *ledger);

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
