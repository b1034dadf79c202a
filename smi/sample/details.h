/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What single views ask the server beyond the sample: top its list of buffers, which may be a long answer, and doctor
 * what it says and counts of itself.
 */

#include "smi/top/top.h"

struct snapshot;

struct details {
    struct top top;
    struct tt_alloc_list *figures; /* NULL: not asked, or not told */
    bool is_authorised;            /* may see the buffers of others */
    char server_name[48];
};

/* Asks for what the view needs, of a server that answered so far, and adds it to the sample. An answer that does not
 * come makes the sample's error, as everywhere. -ENOMEM. */
int details_ask(struct tt_alloc_connection *connection, const struct options *options, struct snapshot *snapshot);

/* Takes zeroed ones. */
void details_clear(struct details *details);
