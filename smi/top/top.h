/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Live buffers, and groups of them. The wire has no call sites, so what tells most is that a process has 64 buffers of
 * the same size in the same place: mostly they were made by one line of code.
 *
 * A group by owner is what a process has in one pool, because bytes of DRAM and of L1 are never added together. A
 * million buffers cost a sort of pointers to them; nothing is copied.
 */

#include "smi/cli/options.h"

struct buffer_group {
    const struct tt_alloc_buffer **buffers; /* by device */
    size_t count;
    uint64_t bytes;
    uint64_t oldest; /* age in ns */
    uint64_t lead;   /* bytes of its process's largest group */
};

struct top {
    struct tt_alloc_list *answer;           /* NULL: there was none */
    const struct tt_alloc_buffer **buffers; /* those that pass the filter, group by group */
    size_t buffer_count;
    uint64_t hidden; /* buffers of other users, that the server keeps to itself */
    bool is_denied;  /* all that were asked for are of such */
    bool each;       /* groups of one */
    enum top_order by;
    struct buffer_group *groups; /* what comes first, first */
    size_t group_count;
    size_t shown; /* of the groups */
};

/* Makes groups of the buffers, each and by being set, and shows so many of them. -ENOMEM. */
int top_arrange(struct top *top, size_t most);

/* Takes zeroed ones. */
void top_clear(struct top *top);

/* What is live on a device in a region, over all buffers. */
struct place {
    int32_t device;
    uint32_t region;
    uint64_t bytes;
    uint64_t buffers;
};

/* By device, then region; free(*ret). -ENOMEM. */
int top_places(const struct top *top, struct place **ret, size_t *ret_count);
