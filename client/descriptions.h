/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What this process said about its devices. It is kept as long as the process lives, because a server that comes later
 * or comes back has to be told again, before any report. The records stand as the frames that go over the wire.
 *
 * Not thread-safe: the recorder's lock guards it.
 */

#include <stddef.h>

#include "tt_alloc_protocol.h"

#define TT_ALLOC_DESCRIPTIONS_MAX 256 /* as many devices as the server keeps for one process */

struct tt_alloc_descriptions {
    size_t count;
    struct tt_alloc_device_record record[TT_ALLOC_DESCRIPTIONS_MAX];
};

/* A later description of a device replaces the earlier one. -ENOMEM if there are too many devices. */
int tt_alloc_descriptions_keep(struct tt_alloc_descriptions *descriptions, const struct tt_alloc_device_record *record);
