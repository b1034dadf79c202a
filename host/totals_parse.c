/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The bytes come from a file that another process writes while we read, and that anybody may have made. So every word
 * is copied from its place, and none of them is used as an index or a length.
 */

#include "host/totals_parse.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/totals_layout.h"

/* A counter that ran below zero stands near 2^64, and no memory has 2^63 bytes. */
static bool is_believable(uint64_t bytes)
{
    return bytes >> 63 == 0;
}

static struct host_amount to_amount(uint64_t bytes)
{
    return is_believable(bytes) ? (struct host_amount){.known = true, .bytes = bytes} : (struct host_amount){0};
}

static void to_amounts(const struct totals_bytes *bytes, struct host_amount ret[HOST_MEMORIES])
{
    ret[HOST_DRAM] = to_amount(bytes->dram);
    ret[HOST_L1] = to_amount(bytes->l1);
    ret[HOST_L1_SMALL] = to_amount(bytes->l1_small);
    ret[HOST_TRACE] = to_amount(bytes->trace);
    ret[HOST_CB] = to_amount(bytes->cb);
}

void host_amounts_add(struct host_amount sum[HOST_MEMORIES], const struct host_amount more[HOST_MEMORIES])
{
    for (int i = 0; i < HOST_MEMORIES; i++) {
        bool known = sum[i].known && more[i].known;

        sum[i] = known ? to_amount(sum[i].bytes + more[i].bytes) : (struct host_amount){0};
    }
}

static struct host_slot to_slot(const struct totals_slot *slot)
{
    struct host_slot ret = {.inner_pid = slot->pid, .state = HOST_SLOT_GONE, .last_update = slot->last_update};

    to_amounts(&slot->held, ret.held);
    memcpy(ret.comm, slot->comm, strnlen(slot->comm, sizeof(ret.comm) - 1));
    return ret;
}

static struct totals_slot take_slot(const uint8_t *data, size_t index)
{
    struct totals_slot slot;

    memcpy(&slot, data + offsetof(struct totals_file, slots) + index * sizeof(slot), sizeof(slot));
    return slot;
}

static size_t count_slots(const uint8_t *data)
{
    size_t count = 0;

    for (size_t i = 0; i < HOST_SLOTS_MAX; i++)
        count += take_slot(data, i).pid > 0;
    return count;
}

static int read_slots(const uint8_t *data, struct host_slot **ret, size_t *ret_count)
{
    struct host_slot *slots = calloc(count_slots(data) + 1, sizeof(*slots));
    size_t count = 0;

    if (!slots)
        return -ENOMEM;
    for (size_t i = 0; i < HOST_SLOTS_MAX; i++) {
        struct totals_slot slot = take_slot(data, i);

        if (slot.pid > 0)
            slots[count++] = to_slot(&slot);
    }
    *ret = slots;
    *ret_count = count;
    return 0;
}

/* Early files of version 2 say of an unused slot that it is chip 0, as the first slot may say in earnest. */
static bool chip_is_used(const struct totals_chip *chip, size_t index, uint32_t version)
{
    const struct totals_bytes *held = &chip->held;
    bool is_zero = chip->chip == 0 && chip->is_remote == 0 && held->dram == 0 && held->l1 == 0 && held->l1_small == 0 &&
                   held->trace == 0 && held->cb == 0;

    return chip->chip != TOTALS_NO_CHIP && !(version == 2 && index > 0 && is_zero);
}

static int read_chips(const uint8_t *data, uint32_t version, struct host_chip **ret, size_t *ret_count)
{
    struct host_chip *chips = calloc(TOTALS_CHIPS, sizeof(*chips));
    size_t count = 0;

    if (!chips)
        return -ENOMEM;
    for (size_t i = 0; i < TOTALS_CHIPS; i++) {
        struct totals_chip chip;

        memcpy(&chip, data + offsetof(struct totals_file, chips) + i * sizeof(chip), sizeof(chip));
        if (!chip_is_used(&chip, i, version))
            continue;
        chips[count] = (struct host_chip){.chip = chip.chip, .remote = chip.is_remote != 0};
        to_amounts(&chip.held, chips[count++].held);
    }
    *ret = chips;
    *ret_count = count;
    return 0;
}

static uint32_t read_word(const uint8_t *data, size_t offset)
{
    uint32_t word;

    memcpy(&word, data + offset, sizeof(word));
    return word;
}

/* Its maker creates it empty, then gives it its size, then writes it. */
static enum host_totals_state find_state(const uint8_t *data, size_t size, uint32_t *ret_version)
{
    uint32_t version;

    if (size == 0)
        return HOST_TOTALS_INITIALISING;
    if (size < sizeof(version))
        return HOST_TOTALS_TRUNCATED;
    version = read_word(data, offsetof(struct totals_file, version));
    if (version != 0 && (version < TOTALS_VERSION_FIRST || version > TOTALS_VERSION_LAST)) {
        *ret_version = version;
        return HOST_TOTALS_UNSUPPORTED;
    }
    if (size < TOTALS_SIZE)
        return HOST_TOTALS_TRUNCATED;
    if (version == 0)
        return HOST_TOTALS_INITIALISING;
    if (version >= TOTALS_VERSION_WITH_READY && read_word(data, offsetof(struct totals_file, ready)) != TOTALS_READY)
        return HOST_TOTALS_INITIALISING;
    *ret_version = version;
    return HOST_TOTALS_OK;
}

static int read_figures(const uint8_t *data, struct host_totals *ret)
{
    struct totals_file head;
    int error = read_slots(data, &ret->slots, &ret->slot_count);

    if (error == 0)
        error = read_chips(data, ret->version, &ret->chips, &ret->chip_count);
    if (error < 0)
        return error;
    memcpy(&head, data, offsetof(struct totals_file, chips));
    ret->references = head.references;
    ret->last_update = head.last_update;
    to_amounts(&head.held, ret->held);
    return 0;
}

int host_totals_parse(const uint8_t *data, size_t size, struct host_totals *ret)
{
    struct host_totals totals = *ret;
    int error = 0;

    totals.state = find_state(data, size, &totals.version);
    if (totals.state == HOST_TOTALS_OK)
        error = read_figures(data, &totals);
    if (error < 0) {
        free(totals.slots);
        free(totals.chips);
        return error;
    }
    *ret = totals;
    return 0;
}

void host_totals_done(struct host_totals *totals)
{
    if (!totals)
        return;
    free(totals->path);
    free(totals->slots);
    free(totals->chips);
    *totals = (struct host_totals){0};
}
