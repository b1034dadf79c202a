/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which processes of the tree have a device open, by the driver's own lists: who does and does not report is untracked.
 */

#include "host/host.h"
#include "smi/run/tree.h"

struct run_holders {
    const char *root; /* of the host's files; NULL: "/" */
    struct host host;
    bool is_unknown; /* some list could not be read: there may be holders that nobody saw */
};

/* -ENOENT and so on: there is no such root; -ENOMEM. */
int run_holders_begin(const char *root, struct run_holders *ret);

/* Marks those that are in the tree. -ENOMEM only. */
int run_holders_look(struct run_holders *holders, struct run_tree *tree);

/* Takes zeroed ones. */
void run_holders_clear(struct run_holders *holders);
