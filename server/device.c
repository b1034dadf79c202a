/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Rows stand in an array by number. Looking one up is rare (a process does it once per device and keeps the pointer),
 * so the array is searched, not hashed.
 */

#include "server/device.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/user.h"

static void free_row(struct device *device)
{
    free(device->history);
    free(device);
}

void devices_done(struct devices *devices)
{
    for (size_t i = 0; i < devices->count; i++)
        free_row(devices->rows[i]);
    free(devices->rows);
    nodes_done(&devices->nodes);
    *devices = (struct devices){0};
}

/* Where the first row with at least this number stands. */
static size_t position_of(const struct devices *devices, int64_t number)
{
    size_t low = 0, high = devices->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (devices->rows[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct device *devices_after(const struct devices *devices, int64_t number)
{
    size_t position = position_of(devices, number + 1);

    return position < devices->count ? devices->rows[position] : NULL;
}

struct device *devices_find(const struct devices *devices, int32_t number)
{
    struct device *device = devices_after(devices, (int64_t)number - 1);

    return device && device->number == number ? device : NULL;
}

bool device_facts_name_a_chip(const struct tt_alloc_device_record *facts)
{
    return (facts->known & TT_ALLOC_KNOWN_ASIC_ID) || facts_have_own_pci(facts);
}

static bool is_same_chip(const struct tt_alloc_device_record *a, const struct tt_alloc_device_record *b)
{
    if (a->known & b->known & TT_ALLOC_KNOWN_ASIC_ID)
        return a->asic_id == b->asic_id;
    return facts_have_own_pci(a) && facts_have_own_pci(b) && a->pci_address == b->pci_address;
}

static bool is_called(const struct device *device, const struct tt_alloc_device_record *facts)
{
    return device->other_asic_id && (facts->known & TT_ALLOC_KNOWN_ASIC_ID) && device->other_asic_id == facts->asic_id;
}

struct device *devices_find_physical(const struct devices *devices, const struct tt_alloc_device_record *facts)
{
    struct device *called = NULL;

    for (size_t i = 0; i < devices->count; i++) {
        struct device *device = devices->rows[i];

        if (device->is_physical && is_same_chip(&device->facts, facts))
            return device;
        if (is_called(device, facts))
            called = device;
    }
    return called;
}

static struct device *find_logical(const struct devices *devices, int32_t logical_id)
{
    for (size_t i = 0; i < devices->count; i++)
        if (!devices->rows[i]->is_physical && devices->rows[i]->logical_id == logical_id)
            return devices->rows[i];
    return NULL;
}

/* The array has room for it. */
static void insert(struct devices *devices, struct device *device)
{
    size_t position = position_of(devices, device->number);

    memmove(devices->rows + position + 1, devices->rows + position,
            (devices->count - position) * sizeof(devices->rows[0]));
    devices->rows[position] = device;
    devices->count++;
}

static void take_out(struct devices *devices, const struct device *device)
{
    size_t position = position_of(devices, device->number);

    assert(devices->rows[position] == device);
    devices->count--;
    memmove(devices->rows + position, devices->rows + position + 1,
            (devices->count - position) * sizeof(devices->rows[0]));
}

void devices_remove(struct devices *devices, struct device *device)
{
    assert(device->references == 0);
    take_out(devices, device);
    device->creator->devices--;
    free_row(device);
}

/* Forgets the row that has been without a process for longest. Whether there was one. */
static bool make_room(struct devices *devices)
{
    struct device *oldest = NULL;

    for (size_t i = 0; i < devices->count; i++) {
        struct device *row = devices->rows[i];

        if (row->references == 0 && (!oldest || row->usage.last_activity < oldest->usage.last_activity))
            oldest = row;
    }
    if (oldest)
        devices_remove(devices, oldest);
    return oldest;
}

/* A node's number is kept for the row of that node. */
int32_t devices_free_number(const struct devices *devices, int32_t preferred)
{
    size_t position = 0;

    if (!devices_find(devices, preferred) && !nodes_find(&devices->nodes, preferred))
        return preferred;
    for (int32_t number = 0;; number++) {
        if (position < devices->count && devices->rows[position]->number == number)
            position++;
        else if (!nodes_find(&devices->nodes, number))
            return number;
    }
}

void devices_renumber(struct devices *devices, struct device *device, int32_t number)
{
    assert(!devices_find(devices, number));
    take_out(devices, device);
    device->number = number;
    insert(devices, device);
}

static int add_row(struct devices *devices, int32_t preferred, struct user *user, struct device **ret)
{
    struct device *device;
    struct device **rows;

    if (!user->is_privileged && user->devices >= USER_DEVICES_MAX)
        return -EDQUOT;
    if (devices->count >= DEVICES_MAX && !make_room(devices))
        return -EDQUOT;

    rows = reallocarray(devices->rows, devices->count + 1, sizeof(rows[0]));
    if (!rows)
        return -ENOMEM;
    devices->rows = rows;
    device = calloc(1, sizeof(*device));
    if (!device)
        return -ENOMEM;

    device->number = devices_free_number(devices, preferred);
    device->node = -1;
    device->creator = user;
    user->devices++;
    insert(devices, device);
    *ret = device;
    return 0;
}

int devices_get_logical(struct devices *devices, int32_t logical_id, struct user *user, struct device **ret)
{
    struct device *device = find_logical(devices, logical_id);
    int error = device ? 0 : add_row(devices, logical_id, user, &device);

    if (error < 0)
        return error;
    device->logical_id = logical_id;
    *ret = device;
    return 0;
}

int devices_add_physical(struct devices *devices, const struct tt_alloc_device_record *facts, int32_t preferred,
                         struct user *user, struct device **ret)
{
    struct device *device;
    int error = add_row(devices, preferred, user, &device);

    if (error < 0)
        return error;
    device->is_physical = true;
    device_learn(device, facts, false);
    *ret = device;
    return 0;
}

void device_learn(struct device *device, const struct tt_alloc_device_record *facts, bool override)
{
    struct tt_alloc_device_record *own = &device->facts;
    uint32_t told = facts->known & ~TT_ALLOC_KNOWN_NOMINAL;
    uint32_t take = override ? told : told & (~own->known | device->nominal);

#define TAKE(bit, field)                                                                                               \
    if (take & (bit))                                                                                                  \
    memcpy(&own->field, &facts->field, sizeof(own->field))
    TAKE(TT_ALLOC_KNOWN_ASIC_ID, asic_id);
    TAKE(TT_ALLOC_KNOWN_PCI, pci_address);
    TAKE(TT_ALLOC_KNOWN_ARCH, arch);
    TAKE(TT_ALLOC_KNOWN_REMOTE, remote);
    TAKE(TT_ALLOC_KNOWN_DRAM_SIZE, dram_size);
    TAKE(TT_ALLOC_KNOWN_L1_SIZE, l1_size);
    TAKE(TT_ALLOC_KNOWN_L1_SMALL_SIZE, l1_small_size);
    TAKE(TT_ALLOC_KNOWN_TRACE_SIZE, trace_size);
    TAKE(TT_ALLOC_KNOWN_DRAM_CHANNELS, num_dram_channels);
    TAKE(TT_ALLOC_KNOWN_L1_PER_CORE, l1_size_per_core);
    TAKE(TT_ALLOC_KNOWN_BOARD, board);
#undef TAKE
    own->board[sizeof(own->board) - 1] = '\0';
    own->known |= take;
    device->nominal &= ~take;
    if (!(device->nominal & (TT_ALLOC_KNOWN_DRAM_SIZE | TT_ALLOC_KNOWN_L1_SIZE)))
        own->known &= ~TT_ALLOC_KNOWN_NOMINAL;
}

void device_ref(struct device *device)
{
    device->references++;
}

void device_unref(struct device *device)
{
    assert(device->references > 0);
    device->references--;
}
