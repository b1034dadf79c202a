/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Any bytes as one of tt-metal's files of totals (totals_input.h). What must hold: figures come from a whole file of a
 * known version only, and then they are the words of the file, each from its own place, or not known; no name is
 * without an end.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/totals_parse.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/totals_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t word_32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t word_64(const uint8_t *at)
{
    return word_32(at) | (uint64_t)word_32(at + 4) << 32;
}

static void check_amounts(const struct host_amount amounts[HOST_MEMORIES], const uint8_t *at)
{
    for (size_t i = 0; i < HOST_MEMORIES; i++) {
        uint64_t word = word_64(at + 8 * i);

        CHECK(amounts[i].known == (word >> 63 == 0));
        CHECK(amounts[i].bytes == (amounts[i].known ? word : 0));
    }
}

static void check_slots(const struct host_totals *totals, const uint8_t *file)
{
    size_t next = 0;

    for (size_t i = 0; i < HOST_SLOTS_MAX; i++) {
        const uint8_t *at = file + 856 + 120 * i;
        const struct host_slot *slot = &totals->slots[next];
        size_t length = strnlen((const char *)at + 56, 63);

        if ((int32_t)word_32(at) <= 0)
            continue;
        CHECK(next++ < totals->slot_count);
        CHECK(slot->inner_pid == (int32_t)word_32(at) && slot->pid == 0 && slot->state == HOST_SLOT_GONE);
        CHECK(slot->last_update == word_64(at + 48));
        CHECK(strlen(slot->comm) == length && memcmp(slot->comm, at + 56, length) == 0);
        check_amounts(slot->held, at + 8);
    }
    CHECK(next == totals->slot_count);
}

static bool is_free_chip(const uint8_t *at, size_t index, uint32_t version)
{
    static const uint8_t zeros[48];
    bool is_zero = word_32(at) == 0 && word_32(at + 4) == 0 && memcmp(at + 8, zeros, 40) == 0;

    return word_32(at) == UINT32_MAX || (version == 2 && index > 0 && is_zero);
}

static void check_chips(const struct host_totals *totals, const uint8_t *file)
{
    size_t next = 0;

    for (size_t i = 0; i < 16; i++) {
        const uint8_t *at = file + 88 + 48 * i;
        const struct host_chip *chip = &totals->chips[next];

        if (is_free_chip(at, i, totals->version))
            continue;
        CHECK(next++ < totals->chip_count);
        CHECK(chip->chip == word_32(at) && chip->remote == (word_32(at + 4) != 0));
        check_amounts(chip->held, at + 8);
    }
    CHECK(next == totals->chip_count);
}

static void check_figures(const struct host_totals *totals, const uint8_t *file, size_t size)
{
    CHECK(size == TOTALS_INPUT_SIZE && totals->version == word_32(file));
    CHECK(totals->version >= 2 && totals->version <= 4);
    CHECK(totals->version < 4 || word_32(file + 8536) == 0x52454459);
    CHECK(totals->references == word_32(file + 16) && totals->last_update == word_64(file + 8));
    check_amounts(totals->held, file + 48);
    check_slots(totals, file);
    check_chips(totals, file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct totals_input input;
    struct host_totals totals = {.id = 7, .device = -1};
    uint8_t *exact;

    totals_input_make(&input, data, size);
    exact = malloc(input.size ? input.size : 1); /* so that a read past the end is found */
    CHECK(exact);
    memcpy(exact, input.bytes, input.size);
    CHECK(host_totals_parse(exact, input.size, &totals) == 0);
    if (totals.state == HOST_TOTALS_OK)
        check_figures(&totals, input.bytes, input.size);
    else
        CHECK(!totals.slots && !totals.chips && totals.state != HOST_TOTALS_STALE);
    CHECK(totals.id == 7 && totals.device == -1);
    host_totals_done(&totals);
    free(exact);
    return 0;
}
