/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the figures mean: the names of regions and pools, what a filter lets through, and sums over devices. Every view,
 * text or JSON, takes its numbers from here, so that they cannot differ.
 *
 * A region that was never used is not a region that is empty: a sum says which of the two it is.
 */

#include "smi/sample/rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct region {
    const char *title; /* in a table */
    const char *name;  /* for --region and JSON */
    int pool;          /* enum tt_alloc_pool; -1: none */
    bool always;       /* has a column even if nobody uses it */
};

extern const struct region regions[TT_ALLOC_REGIONS];
extern const char *const pool_titles[TT_ALLOC_POOLS];
extern const char *const pool_names[TT_ALLOC_POOLS];

/* The order in which tables show regions. */
extern const uint32_t region_order[TT_ALLOC_REGIONS];

/* The region of that name, in any case; -1: none. */
int region_by_name(const char *name);

/* NULL if it is not known. */
const char *arch_name(const struct tt_alloc_device_description *description);

/* enum tt_alloc_arch of that name; 0 for NULL and what we have no number for. */
uint32_t arch_by_name(const char *name);

/* A size that somebody described, or not. */
struct capacity {
    bool known;
    uint64_t bytes;
};

/* What a region can hold, without what is set aside for the other region of its pool; and what a pool can. */
struct capacity region_capacity(const struct tt_alloc_device_description *description, uint32_t region);
struct capacity pool_capacity(const struct tt_alloc_device_description *description, uint32_t pool);

/* What the user asked to see. Zero, with region -1, lets everything through. */
struct filter {
    int32_t *devices;
    size_t device_count; /* 0: all */
    bool by_uid;
    uint32_t uid;
    int32_t pid; /* 0: all */
    int region;  /* -1: all */
};

bool filter_has_device(const struct filter *filter, int32_t device);
bool filter_has_region(const struct filter *filter, uint32_t region);

/* A pool passes if one of its regions does. */
bool filter_has_pool(const struct filter *filter, uint32_t pool);

/* Whether any of a process passes: its user, its PID, and a use of a device and region asked for, or that it has the
 * device open and its use is not known. */
bool filter_has_process(const struct filter *filter, const struct process_row *row);

/* Whether one figure of a device or process passes. */
bool filter_has_usage(const struct filter *filter, const struct tt_alloc_usage *usage);

struct sum {
    bool used; /* was ever used; else the rest is 0 and means nothing */
    uint64_t bytes;
    uint64_t buffers;
    uint64_t peak; /* of several devices: the sum of their peaks, which need not have come at one time */
};

/* Over those of the figures that pass the filter. */
struct sum sum_region(const struct tt_alloc_usage *usage, size_t count, uint32_t region, const struct filter *filter);
struct sum sum_pool(const struct tt_alloc_usage *usage, size_t count, uint32_t pool, const struct filter *filter);

/* What sorting and the column PEAK go by: the dram pool, or the region asked for. */
struct sum sum_leading(const struct tt_alloc_usage *usage, size_t count, const struct filter *filter);

/* Live buffers of the regions that pass. */
uint64_t count_buffers(const struct tt_alloc_process *process, const struct filter *filter);

/* The devices that the processes used or have open, or, with holding, have live buffers on: "0,1" or "0-3,7",
 * ascending;
 * "-" if there are none. NULL when out of memory; free() it. */
char *join_devices(const struct process_row *const *rows, size_t count, const struct filter *filter, bool holding);

/* The same of numbers, which are put in order. */
char *join_numbers(int32_t *devices, size_t count);

/* "device" or "devices", for such a list. */
const char *devices_title(const char *list);

/* Most bytes first: the leading figure, then the l1 pool; equals by PID. Those whose bytes are not known come last. */
void sort_processes(const struct process_row **rows, size_t count, const struct filter *filter);

uint64_t add_saturating(uint64_t a, uint64_t b);
