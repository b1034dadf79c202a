/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a client of the soak writes down for itself: memory shared with the checker, that says what it holds and how
 * many reports it made. It is written beside every report and knows nothing of the library's own counts, so the two can
 * disagree. It outlives a client that is killed at any instruction: a report that is under way stands in it by itself,
 * and whether the server saw that one is the only thing that is open then.
 *
 * A buffer has a slot, and the slot's number gives its device, region and id. journal.py reads the same words.
 */

#include <stdint.h>

#define JOURNAL_MAGIC UINT64_C(0x6c6e726a6b616f73)
#define JOURNAL_DEVICES 4
#define JOURNAL_REGIONS 7

enum journal_kind { KIND_RING, KIND_SOCKET, KIND_72, KIND_112, KIND_144, KIND_PYTHON };

/* What the checker wants, in the low byte of journal::command; above it stands a number that makes each one new. */
enum journal_command {
    COMMAND_RUN,
    COMMAND_QUIET,        /* report nothing, and see to it that what was reported has arrived, as far as it can */
    COMMAND_BURST,        /* `argument` reports without a pause, then as QUIET */
    COMMAND_FLOOD,        /* the same, then as RUN */
    COMMAND_FORK,         /* a child with a journal of its own goes on beside this one */
    COMMAND_EXEC,         /* the same process begins anew, with the next journal */
    COMMAND_HANG_UP,      /* an older client: closes its connection and begins anew */
    COMMAND_EXIT,         /* with what it holds */
    COMMAND_EXIT_CLEANLY, /* with nothing */
};

struct journal_slot {
    uint64_t size;
    uint64_t references; /* 0: the slot is free */
};

struct journal {
    uint64_t magic; /* written last */
    uint64_t pid;
    uint64_t kind;
    uint64_t slot_count;
    uint64_t command;
    uint64_t argument;
    uint64_t done;  /* the command that was done last */
    uint64_t epoch; /* grows when a client that cannot tell anything again lost its connection */
    uint64_t made;  /* reports */
    uint64_t begun; /* made + 1 while one is under way, that gives `slot` the content `next` */
    uint64_t slot;
    struct journal_slot next;
    uint64_t children; /* names of later journals given away */
    uint64_t reserved[2];
    struct journal_slot slots[];
};

/* 72 and 112 bytes know no circular buffers and kernels; frees of older clients name no region, so ids are not shared.
 */
static inline int32_t journal_device(uint64_t slot)
{
    return (int32_t)(slot % JOURNAL_DEVICES);
}

static inline uint8_t journal_region(const struct journal *journal, uint64_t slot)
{
    uint64_t regions = journal->kind == KIND_72 || journal->kind == KIND_112 ? 5 : JOURNAL_REGIONS;

    return (uint8_t)(slot / JOURNAL_DEVICES % regions);
}

static inline uint64_t journal_buffer_id(const struct journal *journal, uint64_t slot)
{
    if (journal->kind >= KIND_72 && journal->kind <= KIND_144)
        return 0x1000 * (slot + 1);
    return 0x1000 * (slot / (JOURNAL_DEVICES * JOURNAL_REGIONS) + 1);
}

static inline void journal_begin(struct journal *journal, uint64_t slot, struct journal_slot next)
{
    journal->slot = slot;
    journal->next = next;
    __atomic_store_n(&journal->begun, journal->made + 1, __ATOMIC_SEQ_CST);
}

static inline void journal_finish(struct journal *journal)
{
    journal->slots[journal->slot] = journal->next;
    __atomic_store_n(&journal->made, journal->begun, __ATOMIC_SEQ_CST);
}
