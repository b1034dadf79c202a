/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the bytes of one of tt-metal's totals files say. It looks at nothing else: whether the processes in the slots
 * exist is found out by others.
 */

#include <stddef.h>
#include <stdint.h>

#include "host/host.h"

/* Sets state and version, and if the state is OK also references, last_update, held, slots (each GONE until somebody
 * knows better) and chips; leaves the rest alone. -ENOMEM. */
int host_totals_parse(const uint8_t *data, size_t size, struct host_totals *ret);

/* Takes NULL and half-built ones, and leaves zeros. */
void host_totals_done(struct host_totals *totals);

/* A sum that does not fit, or that has an unknown part, is not known. */
void host_amounts_add(struct host_amount sum[HOST_MEMORIES], const struct host_amount more[HOST_MEMORIES]);
