/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "smi/sample/model.h"

/*
 * What processes hold in words, pool by pool because DRAM and L1 do not add up: "256M of DRAM, 1.2M of L1", where " of
 * " is the joiner. With a region in the filter only that. "" if there is no buffer. NULL when out of memory; free() it.
 */
char *amounts_describe(const struct process_row *const *rows, size_t count, const struct filter *filter,
                       const char *joiner);
