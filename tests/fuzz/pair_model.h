/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What two processes hold, by the rules of docs/DESIGN.md and nothing else: arrays that are searched from end to end,
 * and sums that are made anew whenever somebody asks. Nothing of the server is used, so that the two cannot be wrong
 * together.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_PROCESSES 2
#define MODEL_DEVICES 4
#define MODEL_REGIONS 7
#define MODEL_POOLS 3
#define MODEL_BUFFERS 128 /* no more keys than that are used */
#define MODEL_ENDED 64
#define MODEL_ANY 255

struct model_buffer {
    bool is_there, is_stale;
    int device, region;
    uint64_t id, size;
    unsigned references;
    uint64_t born;
};

struct model_place {
    int chip; /* that the process said it is; 0: it did not */
    uint64_t allocations[MODEL_REGIONS], frees[MODEL_REGIONS];
    uint64_t peak[MODEL_REGIONS], pool_peak[MODEL_POOLS];
    bool is_used;
};

struct model_process {
    bool is_there;
    struct model_buffer buffers[MODEL_BUFFERS];
    struct model_place places[MODEL_DEVICES];
    bool is_known, is_telling, is_short, has_reset_peaks;
    uint64_t made, before, applied, missing; /* reports, and of these the ones that never came */
    uint64_t lost;                           /* missing or refused */
};

struct model_end {
    int process;
    bool has_exited, is_inexact;
    uint64_t buffers, lost;
    uint64_t bytes[MODEL_REGIONS];
};

struct model {
    struct model_process processes[MODEL_PROCESSES];
    struct model_end ended[MODEL_ENDED];
    size_t ended_count;
    uint64_t clock; /* counts reports */
    uint64_t reports, allocations, frees, unknown_free, overtaken, ambiguous_free, shared, replaced, refused_size,
        refused_device, refused_region, lost_reports, caught_up, resyncs, announced, swept, resync_mismatch,
        leaked_processes, leaked_buffers;
};

void model_allocate(struct model *model, int process, int device, int region, uint64_t id, uint64_t size);
void model_release(struct model *model, int process, int device, int region, uint64_t id);
void model_describe(struct model *model, int process, int device, int chip);
void model_reset_peaks(struct model *model, int process);

/* A report that was made and will never arrive; and the server has come to know how many were made. */
void model_miss(struct model *model, int process);
void model_find_missing(struct model *model, int process);

void model_begin(struct model *model, int process);
void model_tell(struct model *model, int process, struct model_buffer buffer);
void model_tell_counts(struct model *model, int process, int device, int region, uint64_t allocations, uint64_t frees);
void model_tell_peak(struct model *model, int process, int device, int region_or_pool, uint64_t bytes);
void model_finish(struct model *model, int process, uint64_t live);

void model_end(struct model *model, int process, bool has_exited);

/* ---- Questions ---- */

int model_pool_of(int region); /* -1: none */
bool model_is_inexact(const struct model_process *process);
uint64_t model_count(const struct model_process *process);
uint64_t model_stale(const struct model_process *process);
uint64_t model_bytes(const struct model_process *process, int device, int region);
uint64_t model_buffers(const struct model_process *process, int device, int region);
uint64_t model_pool_bytes(const struct model_process *process, int device, int pool);
/* Whether two places are one row. */
bool model_is_same_row(const struct model *model, int process, int device, int other_process, int other_device);
/* In the row of this place. */
uint64_t model_row_bytes(const struct model *model, int process, int device, int region);
