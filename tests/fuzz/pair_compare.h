/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Everything that the server can be asked, against the model.
 */

#include "tests/fuzz/pair_model.h"
#include "tests/fuzz/pair_wire.h"

/* All lists, asked for by somebody who may see everything. */
void compare_lists(struct client *observer, const struct model *model);
/* That of the processes only. */
void compare_processes(struct client *observer, const struct model *model);
/* After it: QUERY of the client, who is this process, if it is one already. */
void compare_query(struct client *client, const struct model *model, int process, int32_t device);
