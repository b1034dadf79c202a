/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What stands where in a file /dev/shm/tt_device_ID_memory of tt-metal: versions 2, 3 and 4, which have one layout. It
 * has no magic number; the first word is the version. All is little-endian, and so are we: the hosts are.
 *
 * The structs are never laid over a file. They exist so that the compiler checks the offsets, and so that one word
 * after the other can be copied from where it is.
 */

#include <stddef.h>
#include <stdint.h>

#include "host/host.h"

#define TOTALS_VERSION_FIRST 2U
#define TOTALS_VERSION_LAST 4U
#define TOTALS_VERSION_WITH_READY 4U
#define TOTALS_READY 0x52454459U
#define TOTALS_CHIPS 16U
#define TOTALS_NO_CHIP UINT32_MAX
#define TOTALS_SIZE 8576U

struct totals_bytes {
    uint64_t dram, l1, l1_small, trace, cb;
};

struct totals_chip {
    uint32_t chip;
    uint32_t is_remote;
    struct totals_bytes held;
};

struct totals_slot {
    int32_t pid; /* 0: free; -1: being released (version 4) */
    uint32_t padding;
    struct totals_bytes held;
    uint64_t last_update;
    char comm[64]; /* not always with a zero at its end */
};

struct totals_file {
    uint32_t version;
    uint32_t processes; /* may be wrong: updates get lost */
    uint64_t last_update;
    uint32_t references;
    uint32_t padding_1;
    uint64_t board_serial;
    uint64_t asic_id;
    uint32_t device_id;
    uint32_t padding_2;
    struct totals_bytes held;
    struct totals_chip chips[TOTALS_CHIPS];
    struct totals_slot slots[HOST_SLOTS_MAX];
    uint32_t ready; /* since version 4 */
    uint8_t padding_3[36];
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words of the file are copied as they are");
_Static_assert(sizeof(struct totals_bytes) == 40, "layout");
_Static_assert(offsetof(struct totals_bytes, cb) == 32, "layout");
_Static_assert(sizeof(struct totals_chip) == 48, "layout");
_Static_assert(offsetof(struct totals_chip, held) == 8, "layout");
_Static_assert(sizeof(struct totals_slot) == 120, "layout");
_Static_assert(offsetof(struct totals_slot, held) == 8, "layout");
_Static_assert(offsetof(struct totals_slot, last_update) == 48, "layout");
_Static_assert(offsetof(struct totals_slot, comm) == 56, "layout");
_Static_assert(offsetof(struct totals_file, last_update) == 8, "layout");
_Static_assert(offsetof(struct totals_file, references) == 16, "layout");
_Static_assert(offsetof(struct totals_file, asic_id) == 32, "layout");
_Static_assert(offsetof(struct totals_file, held) == 48, "layout");
_Static_assert(offsetof(struct totals_file, chips) == 88, "layout");
_Static_assert(offsetof(struct totals_file, slots) == 856, "layout");
_Static_assert(offsetof(struct totals_file, ready) == 8536, "layout");
_Static_assert(sizeof(struct totals_file) == TOTALS_SIZE, "layout");
