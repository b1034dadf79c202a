/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Plays a role's part of a story by reporting what its words in story.c say. Sizes are drawn from a generator whose
 * seed is the role's number, so that a story has the same buffers in the same order each time. Addresses count up from
 * the bottom of a region: nothing here looks for a gap, because nobody looks at addresses.
 */

#include "smi/demo/story.h"

struct script_buffer;

struct script {
    const struct story_role *role;
    uint64_t random;
    uint64_t next; /* address */
    unsigned beat;
    struct script_buffer *buffers; /* that will be freed, the oldest first */
    size_t count, capacity;
    uint64_t dram, dram_most; /* live on each device, and what would be too much */
    uint64_t live;            /* buffers, on all devices */
};

/* Describes the devices. */
void script_begin(struct script *script, const struct story *story, size_t role);

/* -ENOMEM: the host's; -ENOSPC: the devices are full, as happens to who leaks. */
int script_load(struct script *script);
int script_beat(struct script *script);
