/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Of each process readings are kept that are at least five seconds apart. The growth is the difference from the
 * youngest of them that is a minute old, or from the oldest there is. Tracks are sorted by process, because all of them
 * are looked up for each sample and each picture.
 */

#include "smi/live/growth.h"
#include "smi/sample/clock.h"
#include "smi/sample/order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STEP (GROWTH_STEP * SECOND)
#define MINUTE (60 * SECOND)

struct reading_at {
    uint64_t time, bytes[GROWTH_POOLS];
};

struct growth_track {
    int32_t pid;
    uint64_t start_time;
    struct reading_at last;                      /* of the last sample */
    struct reading_at readings[GROWTH_READINGS]; /* the oldest first */
    size_t count;
};

static int compare(const void *left, const void *right)
{
    const struct growth_track *one = left, *other = right;
    int order = COMPARE(one->pid, other->pid);

    return order ? order : COMPARE(one->start_time, other->start_time);
}

/* Among the first `sorted` tracks. */
static struct growth_track *find(const struct growth *growth, size_t sorted, const struct process_row *row)
{
    struct growth_track key = {.pid = row->facts.pid, .start_time = row->facts.start_time};

    return sorted > 0 ? bsearch(&key, growth->tracks, sorted, sizeof(key), compare) : NULL;
}

static struct growth_track *add(struct growth *growth, const struct process_row *row)
{
    if (growth->count == growth->room) {
        size_t room = growth->room ? 2 * growth->room : 16;
        struct growth_track *grown = reallocarray(growth->tracks, room, sizeof(*grown));

        if (!grown)
            return NULL;
        growth->tracks = grown;
        growth->room = room;
    }
    growth->tracks[growth->count] = (struct growth_track){.pid = row->facts.pid, .start_time = row->facts.start_time};
    return &growth->tracks[growth->count++];
}

static void note(struct growth_track *track, struct reading_at reading)
{
    const struct reading_at *newest = track->count > 0 ? &track->readings[track->count - 1] : NULL;

    track->last = reading;
    if (newest && reading.time - newest->time < STEP)
        return;
    if (track->count == GROWTH_READINGS)
        memmove(track->readings, track->readings + 1, --track->count * sizeof(reading));
    track->readings[track->count++] = reading;
}

static struct reading_at read_row(const struct process_row *row, uint64_t now)
{
    struct filter all = {.region = -1};
    struct reading_at reading = {.time = now};

    for (uint32_t pool = 0; pool < GROWTH_POOLS; pool++)
        reading.bytes[pool] = sum_pool(row->facts.usage, row->facts.usage_count, pool, &all).bytes;
    return reading;
}

static bool is_known(const struct process_row *row)
{
    struct filter all = {.region = -1};

    return row->is_complete || sum_pool(row->facts.usage, row->facts.usage_count, TT_ALLOC_POOL_DRAM, &all).used;
}

void growth_note_before(struct growth *growth, const struct process_row *const *rows, size_t count, uint64_t time)
{
    for (size_t i = 0; i < count; i++) {
        struct growth_track *track = find(growth, growth->count, rows[i]);

        if (!track || track->count == GROWTH_READINGS || !is_known(rows[i]))
            continue;
        memmove(track->readings + 1, track->readings, track->count++ * sizeof(track->readings[0]));
        track->readings[0] = read_row(rows[i], time);
    }
}

static void forget_unseen(struct growth *growth, uint64_t now)
{
    size_t kept = 0;

    for (size_t i = 0; i < growth->count; i++) {
        if (growth->tracks[i].last.time == now)
            growth->tracks[kept++] = growth->tracks[i];
    }
    growth->count = kept;
}

static int note_row(struct growth *growth, size_t sorted, const struct process_row *row, uint64_t time)
{
    struct growth_track *track = find(growth, sorted, row);

    if (!track)
        track = add(growth, row);
    if (!track)
        return -ENOMEM;
    note(track, read_row(row, time));
    return 0;
}

int growth_note(struct growth *growth, const struct snapshot *snapshot)
{
    size_t before = growth->count;
    int r = 0;

    for (size_t i = 0; r == 0 && i < snapshot->process_count; i++) {
        const struct process_row *row = snapshot->processes[i];

        if (row->facts.pid != 0 && is_known(row))
            r = note_row(growth, before, row, snapshot->time);
    }
    if (growth->count > before)
        qsort(growth->tracks, growth->count, sizeof(*growth->tracks), compare);
    if (r == 0)
        forget_unseen(growth, snapshot->time);
    return r;
}

static const struct reading_at *find_base(const struct growth_track *track)
{
    size_t base = 0;

    while (base + 1 < track->count && track->last.time - track->readings[base + 1].time >= MINUTE)
        base++;
    return track->count > 0 ? &track->readings[base] : NULL;
}

bool growth_get(const struct growth *growth, const struct process_row *row, int64_t *ret)
{
    const struct growth_track *track = find(growth, growth->count, row);
    const struct reading_at *base = track ? find_base(track) : NULL;
    uint64_t length = base ? track->last.time - base->time : 0;
    double difference;

    if (length < STEP)
        return false;
    difference = (double)track->last.bytes[TT_ALLOC_POOL_DRAM] - (double)base->bytes[TT_ALLOC_POOL_DRAM];
    *ret = (int64_t)(length > MINUTE ? difference * (double)MINUTE / (double)length : difference);
    return true;
}

/* Up to how many steps ago a reading holds: samples do not come at full steps, so that the next one may be a step later
 * than it ought to be. */
static uint64_t end_of(const struct growth_track *track, size_t place)
{
    uint64_t time = track->readings[place].time;
    uint64_t next = place + 1 < track->count ? track->readings[place + 1].time : track->last.time;

    return (track->last.time - (next - time < 2 * STEP + SECOND ? next : time)) / STEP;
}

void growth_read(const struct growth *growth, const struct process_row *row, uint32_t pool,
                 uint64_t ret[GROWTH_READINGS])
{
    const struct growth_track *track = find(growth, growth->count, row);

    memset(ret, 0xff, GROWTH_READINGS * sizeof(*ret));
    for (size_t i = 0; track && i < track->count; i++) {
        uint64_t begin = (track->last.time - track->readings[i].time) / STEP;

        for (uint64_t ago = end_of(track, i); ago <= begin && ago < GROWTH_READINGS; ago++)
            ret[GROWTH_READINGS - 1 - ago] = track->readings[i].bytes[pool];
    }
}

void growth_clear(struct growth *growth)
{
    free(growth->tracks);
    *growth = (struct growth){0};
}
