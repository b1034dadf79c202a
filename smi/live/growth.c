/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Of each process a few readings of the last minute are kept, at least five seconds apart. The growth is the difference
 * from the oldest of them, for a minute as a whole.
 */

#include "smi/live/growth.h"

#include <errno.h>
#include <stdlib.h>

#define SECOND UINT64_C(1000000000)
#define STEP (5 * SECOND)
#define READINGS 13 /* a minute of steps, and one more at its begin */

struct reading_at {
    uint64_t time, bytes;
};

struct growth_track {
    int32_t pid;
    uint64_t start_time, seen; /* when it was in a sample last */
    uint64_t bytes;
    struct reading_at readings[READINGS]; /* the oldest first */
    size_t count;
};

static struct growth_track *find(const struct growth *growth, const struct process_row *row)
{
    for (size_t i = 0; i < growth->count; i++) {
        struct growth_track *track = &growth->tracks[i];

        if (track->pid == row->facts.pid && track->start_time == row->facts.start_time)
            return track;
    }
    return NULL;
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

static void note(struct growth_track *track, uint64_t bytes, uint64_t now)
{
    const struct reading_at *last = track->count > 0 ? &track->readings[track->count - 1] : NULL;

    track->seen = now;
    track->bytes = bytes;
    if (last && now - last->time < STEP)
        return;
    if (track->count == READINGS) {
        track->count--;
        for (size_t i = 0; i < track->count; i++)
            track->readings[i] = track->readings[i + 1];
    }
    track->readings[track->count++] = (struct reading_at){now, bytes};
}

static void forget_unseen(struct growth *growth, uint64_t now)
{
    size_t kept = 0;

    for (size_t i = 0; i < growth->count; i++) {
        if (growth->tracks[i].seen == now)
            growth->tracks[kept++] = growth->tracks[i];
    }
    growth->count = kept;
}

int growth_note(struct growth *growth, const struct snapshot *snapshot)
{
    struct filter all = {.region = -1};

    for (size_t i = 0; i < snapshot->process_count; i++) {
        const struct process_row *row = snapshot->processes[i];
        struct sum sum = sum_pool(row->facts.usage, row->facts.usage_count, TT_ALLOC_POOL_DRAM, &all);
        struct growth_track *track = find(growth, row);

        if (row->facts.pid == 0 || !(sum.used || row->is_complete))
            continue;
        if (!track)
            track = add(growth, row);
        if (!track)
            return -ENOMEM;
        note(track, sum.bytes, snapshot->time);
    }
    forget_unseen(growth, snapshot->time);
    return 0;
}

bool growth_get(const struct growth *growth, const struct process_row *row, int64_t *ret)
{
    const struct growth_track *track = find(growth, row);
    double length, difference;

    if (!track || track->count == 0 || track->seen - track->readings[0].time < STEP)
        return false;
    length = (double)(track->seen - track->readings[0].time) / (double)SECOND;
    difference = (double)track->bytes - (double)track->readings[0].bytes;
    *ret = (int64_t)(length > 60 ? difference * 60 / length : difference);
    return true;
}

void growth_clear(struct growth *growth)
{
    free(growth->tracks);
    *growth = (struct growth){0};
}
