/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Numbers as people read them. Everything returns its text by value, so that a call can stand among the arguments of a
 * printf: format_size(bytes).text.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct formatted {
    char text[48];
};

/* Powers of 1024, at most five characters: 0, 812B, 0.9K is written 922B, 36.4M, 612M, 1023G. One decimal below 100. */
struct formatted format_size(uint64_t bytes);

/* used and size with the unit written once where it is the same: 8.4/11.4G, 612M/12.0G. */
struct formatted format_share(uint64_t used, uint64_t size);

/* 2,914 */
struct formatted format_count(uint64_t count);

static inline const char *plural(uint64_t count, const char *one, const char *many)
{
    return count == 1 ? one : many;
}

/* Two units at most: 42s, 5m03s, 1h12m, 3d04h, from 100 days on 123d. */
struct formatted format_age(uint64_t nanoseconds);

/* Local time of day of a moment in ns since 1970: 14:03:11, or 11-22 14:03 if it is not on the day of now. */
struct formatted format_clock(uint64_t moment, uint64_t now);

/* 2026-11-22T14:03:11.482Z */
struct formatted format_iso(uint64_t moment);

/* domain:bus:device.function of a tt_alloc_device_description's pci_address: 0000:09:00.0 */
struct formatted format_pci(uint32_t address);

#define BAR_CELLS_MAX 10 /* what fits into struct formatted in UTF-8 */

/* A bar of that many cells, the used ones filled, to the nearest cell. */
struct formatted format_bar(uint64_t used, uint64_t size, size_t cells, bool utf8);
