/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Sizes, ages and region names as the log shows them.
 */

#include <stddef.h>
#include <stdint.h>

#define TEXT_SIZE 24 /* of the buffers below */

/* "0 B", "812 B", "4.0 MiB", "768 KiB". Returns out. */
const char *text_size(uint64_t bytes, char out[static TEXT_SIZE]);

/* "15s", "5m03s", "1h12m", "3d04h". Returns out. */
const char *text_age(uint64_t ns, char out[static TEXT_SIZE]);

/* "DRAM", "L1", ...; region must be one of the seven. */
const char *text_region(uint8_t region);
