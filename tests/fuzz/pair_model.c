/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The rules, one function each. Slow and plain on purpose.
 */

#include "tests/fuzz/pair_model.h"

#include "tests/fuzz/check.h"

#define SIZE_LIMIT (UINT64_C(1) << 48)

/* ---- Questions ---- */

int model_pool_of(int region)
{
    if (region == 0 || region == 4) /* DRAM, TRACE */
        return 0;
    if (region == 1 || region == 3 || region == 5) /* L1, L1_SMALL, CB */
        return 1;
    return region == 2 ? 2 : -1; /* host memory; kernels are in none */
}

uint64_t model_count(const struct model_process *process)
{
    uint64_t count = 0;

    for (int i = 0; i < MODEL_BUFFERS; i++)
        count += process->buffers[i].is_there;
    return count;
}

uint64_t model_stale(const struct model_process *process)
{
    uint64_t count = 0;

    for (int i = 0; i < MODEL_BUFFERS; i++)
        count += process->buffers[i].is_there && process->buffers[i].is_stale;
    return count;
}

bool model_is_inexact(const struct model_process *process)
{
    return process->is_short || process->is_telling;
}

static bool lies_in(const struct model_buffer *buffer, int device, int region)
{
    return buffer->is_there && buffer->device == device && buffer->region == region;
}

uint64_t model_bytes(const struct model_process *process, int device, int region)
{
    uint64_t bytes = 0;

    for (int i = 0; i < MODEL_BUFFERS; i++)
        if (lies_in(&process->buffers[i], device, region))
            bytes += process->buffers[i].size;
    return bytes;
}

uint64_t model_buffers(const struct model_process *process, int device, int region)
{
    uint64_t count = 0;

    for (int i = 0; i < MODEL_BUFFERS; i++)
        count += lies_in(&process->buffers[i], device, region);
    return count;
}

uint64_t model_pool_bytes(const struct model_process *process, int device, int pool)
{
    uint64_t bytes = 0;

    for (int region = 0; region < MODEL_REGIONS; region++)
        if (model_pool_of(region) == pool)
            bytes += model_bytes(process, device, region);
    return bytes;
}

bool model_is_same_row(const struct model *model, int process, int device, int other_process, int other_device)
{
    const struct model_place *a = &model->processes[process].places[device];
    const struct model_place *b = &model->processes[other_process].places[other_device];

    if (!a->is_used || !b->is_used)
        return false;
    return a->chip == b->chip && (a->chip != 0 || device == other_device);
}

uint64_t model_row_bytes(const struct model *model, int process, int device, int region)
{
    uint64_t bytes = 0;

    for (int p = 0; p < MODEL_PROCESSES; p++)
        for (int d = 0; d < MODEL_DEVICES; d++)
            if (model_is_same_row(model, process, device, p, d))
                bytes += model_bytes(&model->processes[p], d, region);
    return bytes;
}

/* ---- Buffers ---- */

static struct model_buffer *find(struct model_process *process, int device, int region, uint64_t id)
{
    for (int i = 0; i < MODEL_BUFFERS; i++) {
        struct model_buffer *buffer = &process->buffers[i];

        if (lies_in(buffer, device, region) && buffer->id == id)
            return buffer;
    }
    return NULL;
}

static struct model_buffer *find_youngest(struct model_process *process, int device, uint64_t id, int *ret_count)
{
    struct model_buffer *youngest = NULL;

    *ret_count = 0;
    for (int region = 0; region <= 4; region++) {
        struct model_buffer *buffer = find(process, device, region, id);

        *ret_count += buffer != NULL;
        if (buffer && (!youngest || buffer->born > youngest->born))
            youngest = buffer;
    }
    return youngest;
}

static struct model_buffer *find_room(struct model_process *process)
{
    for (int i = 0; i < MODEL_BUFFERS; i++)
        if (!process->buffers[i].is_there)
            return &process->buffers[i];
    abort();
}

static void raise_to(uint64_t *peak, uint64_t bytes)
{
    if (*peak < bytes)
        *peak = bytes;
}

/* What is stale may be gone, so nothing can be said of peaks until nothing is. */
static void note_peaks(struct model_process *process)
{
    uint64_t regions[MODEL_DEVICES][MODEL_REGIONS] = {0}, pools[MODEL_DEVICES][MODEL_POOLS] = {0};

    for (int i = 0; i < MODEL_BUFFERS; i++) {
        const struct model_buffer *buffer = &process->buffers[i];

        if (!buffer->is_there)
            continue;
        if (buffer->is_stale)
            return;
        regions[buffer->device][buffer->region] += buffer->size;
        if (model_pool_of(buffer->region) >= 0)
            pools[buffer->device][model_pool_of(buffer->region)] += buffer->size;
    }
    for (int device = 0; device < MODEL_DEVICES; device++) {
        for (int region = 0; region < MODEL_REGIONS; region++)
            raise_to(&process->places[device].peak[region], regions[device][region]);
        for (int pool = 0; pool < MODEL_POOLS; pool++)
            raise_to(&process->places[device].pool_peak[pool], pools[device][pool]);
    }
}

/* ---- Reports ---- */

static struct model_process *report(struct model *model, int which)
{
    struct model_process *process = &model->processes[which];

    process->is_there = true;
    process->made++;
    process->applied++;
    model->reports++;
    model->clock++;
    return process;
}

static void refuse(struct model_process *process, uint64_t *counter)
{
    process->lost++;
    (*counter)++;
}

void model_allocate(struct model *model, int which, int device, int region, uint64_t id, uint64_t size)
{
    struct model_process *process = report(model, which);
    struct model_buffer *buffer;

    if (device < 0 || region >= MODEL_REGIONS || size >= SIZE_LIMIT) {
        refuse(process, device < 0                ? &model->refused_device
                        : region >= MODEL_REGIONS ? &model->refused_region
                                                  : &model->refused_size);
        return;
    }
    model->allocations++;
    process->places[device].is_used = true;
    process->places[device].allocations[region]++;
    buffer = find(process, device, region, id);
    if (buffer && !buffer->is_stale && buffer->size == size) {
        buffer->references++;
        model->shared++;
        return;
    }
    model->replaced += buffer != NULL;
    if (!buffer)
        buffer = find_room(process);
    *buffer = (struct model_buffer){.is_there = true,
                                    .device = device,
                                    .region = region,
                                    .id = id,
                                    .size = size,
                                    .references = 1,
                                    .born = model->clock};
    note_peaks(process);
}

void model_release(struct model *model, int which, int device, int region, uint64_t id)
{
    struct model_process *process = report(model, which);
    struct model_buffer *buffer;
    int count = 1;

    if (device < 0 || (region >= MODEL_REGIONS && region != MODEL_ANY)) {
        refuse(process, device < 0 ? &model->refused_device : &model->refused_region);
        return;
    }
    buffer = region == MODEL_ANY ? find_youngest(process, device, id, &count) : find(process, device, region, id);
    if (!buffer) {
        (*(process->is_telling ? &model->overtaken : &model->unknown_free))++;
        return;
    }
    model->frees++;
    model->ambiguous_free += count > 1;
    process->places[device].frees[buffer->region]++;
    if (--buffer->references == 0)
        buffer->is_there = false;
    note_peaks(process);
}

void model_describe(struct model *model, int which, int device, int chip)
{
    model->processes[which].is_there = true;
    model->processes[which].places[device].is_used = true;
    model->processes[which].places[device].chip = chip;
}

void model_reset_peaks(struct model *model, int which)
{
    struct model_process *process = &model->processes[which];

    process->has_reset_peaks = true;
    for (int device = 0; device < MODEL_DEVICES; device++) {
        for (int region = 0; region < MODEL_REGIONS; region++)
            process->places[device].peak[region] = model_bytes(process, device, region);
        for (int pool = 0; pool < MODEL_POOLS; pool++)
            process->places[device].pool_peak[pool] = model_pool_bytes(process, device, pool);
    }
}

/* ---- Losses and resyncs ---- */

void model_miss(struct model *model, int which)
{
    model->processes[which].made++;
}

void model_find_missing(struct model *model, int which)
{
    struct model_process *process = &model->processes[which];
    uint64_t accounted = process->before + process->applied + process->missing;

    if (!process->is_known || process->made <= accounted)
        return;
    model->lost_reports += process->made - accounted;
    process->lost += process->made - accounted;
    process->missing += process->made - accounted;
    process->is_short = true;
}

void model_begin(struct model *model, int which)
{
    struct model_process *process = &model->processes[which];

    process->is_there = true;
    model_find_missing(model, which);
    if (!process->is_known) {
        process->before = process->made - process->applied;
        model->caught_up += process->before;
    }
    process->is_known = true;
    process->is_telling = true;
    process->is_short = false;
    for (int i = 0; i < MODEL_BUFFERS; i++)
        process->buffers[i].is_stale = true;
}

void model_tell(struct model *model, int which, struct model_buffer told)
{
    struct model_process *process = &model->processes[which];
    struct model_buffer *buffer = find(process, told.device, told.region, told.id);
    struct model_place *place = &process->places[told.device];

    place->allocations[told.region] += buffer == NULL;
    place->is_used = true;
    model->announced++;
    if (!buffer)
        buffer = find_room(process);
    *buffer = told;
    note_peaks(process);
}

void model_tell_counts(struct model *model, int which, int device, int region, uint64_t allocations, uint64_t frees)
{
    struct model_place *place = &model->processes[which].places[device];

    place->is_used = true;
    place->allocations[region] = allocations;
    place->frees[region] = frees;
}

void model_tell_peak(struct model *model, int which, int device, int region_or_pool, uint64_t bytes)
{
    struct model_place *place = &model->processes[which].places[device];
    uint64_t *peak = region_or_pool < 16 ? &place->peak[region_or_pool] : &place->pool_peak[region_or_pool - 16];

    if (model->processes[which].has_reset_peaks)
        return;
    place->is_used = true;
    raise_to(peak, bytes);
}

void model_finish(struct model *model, int which, uint64_t live)
{
    struct model_process *process = &model->processes[which];
    uint64_t stale = model_stale(process);

    model_find_missing(model, which);
    process->is_telling = false;
    model->resyncs++;
    if (!process->is_short && model_count(process) - stale != live) {
        model->resync_mismatch++;
        process->is_short = true;
    }
    model->swept += stale;
    for (int i = 0; i < MODEL_BUFFERS; i++)
        if (process->buffers[i].is_stale)
            process->buffers[i].is_there = false;
    note_peaks(process);
}

/* ---- The end ---- */

void model_end(struct model *model, int which, bool has_exited)
{
    struct model_process *process = &model->processes[which];
    struct model_end *end = &model->ended[model->ended_count];

    if (!process->is_there)
        return;
    CHECK(model->ended_count < MODEL_ENDED);
    model->ended_count++;
    *end = (struct model_end){.process = which,
                              .has_exited = has_exited,
                              .is_inexact = model_is_inexact(process),
                              .buffers = model_count(process),
                              .lost = process->lost};
    for (int device = 0; device < MODEL_DEVICES; device++)
        for (int region = 0; region < MODEL_REGIONS; region++)
            end->bytes[region] += model_bytes(process, device, region);
    model->leaked_processes += end->buffers > 0;
    model->leaked_buffers += end->buffers;
    *process = (struct model_process){0};
}
