/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which lines of the tree are folded, so that what is below them is not shown. They are known by their keys, and stay
 * folded while others come, go and change places.
 */

#include "smi/live/lines.h"

#define FOLDS_MAX 256

struct folds {
    bool has_processes; /* all processes are folded, but for the exceptions */
    struct line_key exceptions[FOLDS_MAX];
    size_t count;
};

bool folds_has(const struct folds *folds, const struct line_key *key);

/* Where there are too many, the one that was folded (or unfolded) first is forgotten. Regions have nothing below them.
 */
void folds_set(struct folds *folds, const struct line_key *key, bool is_folded);

/* All processes, or none. */
void folds_set_all(struct folds *folds, bool is_folded);
