/* SPDX-License-Identifier: Apache-2.0 */

/*
 * An id tells most: it is the ASIC's, the board's, or the board's with the place of the chip on it in the low 5 bits.
 * Two devices of one board cannot be told apart so, but it must be one of them.
 *
 * Else the processes tell, if all that have a live slot have just one device in common; else the lock that the
 * user-mode driver keeps for each device in use. A chip without a device of its own, behind another chip, has a file as
 * well, whose processes have the device of that other chip open. So these two count only where no other chip claims the
 * device.
 */

#include "host/join.h"

#include <errno.h>
#include <stdlib.h>

#include "host/lock.h"
#include "host/shm.h"

#define LOCATION_BITS 5

bool host_id_is_of_board(uint64_t id, uint64_t board)
{
    return board != 0 && (id == board || id >> LOCATION_BITS == board);
}

static bool id_matches(const struct host_device *device, uint64_t id)
{
    uint64_t asic = device->asic_id.error == 0 ? device->asic_id.value : 0;

    if (asic != 0 && id == asic)
        return true;
    return device->board_id.error == 0 && host_id_is_of_board(id, device->board_id.value);
}

/* Sets of devices: one bool for each of host->devices. The sole one in the set, or NULL. */
static const struct host_device *find_sole(const struct host *host, const bool *set)
{
    const struct host_device *sole = NULL;

    for (size_t i = 0; i < host->device_count; i++) {
        if (set[i] && sole)
            return NULL;
        if (set[i])
            sole = &host->devices[i];
    }
    return sole;
}

static bool is_empty(const struct host *host, const bool *set)
{
    for (size_t i = 0; i < host->device_count; i++)
        if (set[i])
            return false;
    return true;
}

/* Those that it may be by its id; all, if the id matches none. Returns how many match. */
static size_t match_id(const struct host *host, uint64_t id, bool *ret_set)
{
    size_t matches = 0;

    for (size_t i = 0; i < host->device_count; i++) {
        ret_set[i] = id_matches(&host->devices[i], id);
        matches += ret_set[i];
    }
    for (size_t i = 0; matches == 0 && i < host->device_count; i++)
        ret_set[i] = true;
    return matches;
}

/* Leaves those that every live process has open. Returns whether there is a live process. */
static bool keep_common(const struct host *host, const struct host_totals *totals, bool *set)
{
    bool is_live = false;

    for (size_t i = 0; i < totals->slot_count; i++) {
        if (totals->slots[i].state != HOST_SLOT_LIVE)
            continue;
        is_live = true;
        for (size_t j = 0; j < host->device_count; j++)
            set[j] = set[j] && host_device_is_held_by(&host->devices[j], totals->slots[i].pid);
    }
    return is_live;
}

static bool has_live_slot(const struct host_totals *totals, int32_t inner_pid)
{
    for (size_t i = 0; i < totals->slot_count; i++)
        if (totals->slots[i].state == HOST_SLOT_LIVE && totals->slots[i].inner_pid == inner_pid)
            return true;
    return false;
}

/* Leaves those whose lock, beside the file, is held by one of its live processes. */
static void keep_locked(const struct host_root *root, const struct host *host, const struct host_totals *totals,
                        bool *set)
{
    struct host_shm shm;
    bool is_open = host_shm_open(root, totals->through_pid, &shm) == 0;

    for (size_t i = 0; i < host->device_count; i++) {
        int32_t owner;

        set[i] = set[i] && is_open && host_lock_read(&shm, host->devices[i].number, &owner) == 0 &&
                 has_live_slot(totals, owner);
    }
    if (is_open)
        host_shm_close(&shm);
}

static void set_join(struct host_totals *totals, enum host_join join, const struct host_device *device)
{
    if (device) {
        totals->join = join;
        totals->device = device->number;
    }
}

/* set has room for one for each device. */
static void join_one(const struct host_root *root, const struct host *host, struct host_totals *totals, bool *set)
{
    if (match_id(host, totals->id, set) == 1) {
        set_join(totals, HOST_JOIN_ID, find_sole(host, set));
        return;
    }
    if (!keep_common(host, totals, set))
        return;
    set_join(totals, HOST_JOIN_PROCESS, find_sole(host, set));
    if (totals->join == HOST_JOIN_NONE) {
        if (is_empty(host, set)) /* older drivers do not tell who holds what */
            match_id(host, totals->id, set);
        keep_locked(root, host, totals, set);
        set_join(totals, HOST_JOIN_LOCK, find_sole(host, set));
    }
}

static int compare_claims(const void *a, const void *b)
{
    const struct host_totals *left = *(struct host_totals *const *)a, *right = *(struct host_totals *const *)b;

    if (left->device != right->device)
        return left->device < right->device ? -1 : 1;
    return (left->id > right->id) - (left->id < right->id);
}

/* Takes back what was not joined by id, if several chips claim the one device. One chip may have several files, in
 * several /dev/shm. */
static void settle(struct host_totals **claims, size_t count)
{
    if (claims[0]->id == claims[count - 1]->id)
        return;
    for (size_t i = 0; i < count; i++)
        if (claims[i]->join != HOST_JOIN_ID) {
            claims[i]->join = HOST_JOIN_NONE;
            claims[i]->device = -1;
        }
}

static int settle_all(struct host *host)
{
    struct host_totals **claims = calloc(host->totals_count + 1, sizeof(struct host_totals *));
    size_t count = 0;

    if (!claims)
        return -ENOMEM;
    for (size_t i = 0; i < host->totals_count; i++)
        if (host->totals[i].join != HOST_JOIN_NONE)
            claims[count++] = &host->totals[i];
    if (count > 1)
        qsort(claims, count, sizeof(struct host_totals *), compare_claims);
    for (size_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && claims[end]->device == claims[first]->device; end++)
            ;
        settle(&claims[first], end - first);
    }
    free(claims);
    return 0;
}

int host_totals_join(const struct host_root *root, struct host *host)
{
    bool *set = calloc(host->device_count + 1, sizeof(*set));

    if (!set)
        return -ENOMEM;
    for (size_t i = 0; i < host->totals_count; i++) {
        host->totals[i].join = HOST_JOIN_NONE;
        host->totals[i].device = -1;
        join_one(root, host, &host->totals[i], set);
    }
    free(set);
    return settle_all(host);
}
