/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The records of a resync. BEGIN and END also say how many reports were made before them: with the first BEGIN the
 * books are opened, and with each further one what was lost until then is known exactly.
 */

#include "server/feed_private.h"

#include <errno.h>

/* A record that tells how many reports were made before it: exactly, unlike the header. */
static int settle_exactly(struct feed *feed, const struct turn *turn, uint64_t made)
{
    if (made < feed_accounted(feed))
        return -EPROTO;
    return feed_settle(feed, turn, made);
}

static int open_books(struct feed *feed, const struct turn *turn, uint64_t made)
{
    if (made < feed->applied || made - feed->applied > FEED_AHEAD_LIMIT)
        return -EPROTO;
    feed->before = made - feed->applied;
    feed->is_known = true;
    turn->registry->figures.caught_up += feed->before;
    return 0;
}

void feed_call_off_resync(struct feed *feed, struct process *process)
{
    if (feed->is_resyncing)
        registry_resync_call_off(process);
    feed->is_resyncing = false;
}

static int begin_resync(struct feed *feed, const struct turn *turn, const struct tt_alloc_record *record)
{
    int error = feed->is_known ? settle_exactly(feed, turn, record->size) : open_books(feed, turn, record->size);

    if (error < 0)
        return error;
    feed_call_off_resync(feed, turn->process);
    feed->is_resyncing = true;
    feed->is_merging = turn->process->sessions > 1;
    registry_resync_begin(turn->process, feed->is_merging);
    return 0;
}

static int announce(const struct feed *feed, const struct turn *turn, const struct tt_alloc_record *record)
{
    const struct announcement announcement = {
        .device_id = record->device_id,
        .region = record->buffer_type,
        .references = record->references,
        .buffer_id = record->buffer_id,
        .size = record->size,
        .born = feed_time_of(feed, turn, record->tick),
    };

    return registry_announce(turn->registry, turn->process, &announcement, turn->now);
}

/* Where several tell of one process, none has its counts. */
static int take_counts(const struct feed *feed, const struct turn *turn, const struct tt_alloc_record *record)
{
    if (feed->is_merging)
        return 0;
    return registry_resync_counts(turn->registry, turn->process, record->device_id, record->buffer_type,
                                  record->buffer_id, record->size);
}

static int end_resync(struct feed *feed, const struct turn *turn, const struct tt_alloc_record *record)
{
    int error = settle_exactly(feed, turn, record->size);

    if (error < 0)
        return error;
    feed->is_resyncing = false;
    registry_resync_end(turn->registry, turn->process, feed->is_merging, record->buffer_id);
    return 0;
}

int feed_apply_resync(struct feed *feed, const struct turn *turn, const struct tt_alloc_record *record)
{
    if (record->type == TT_ALLOC_RESYNC_BEGIN)
        return begin_resync(feed, turn, record);
    if (!feed->is_resyncing)
        return -EPROTO;
    switch (record->type) {
    case TT_ALLOC_RESYNC_BUFFER:
        return announce(feed, turn, record);
    case TT_ALLOC_RESYNC_COUNTS:
        return take_counts(feed, turn, record);
    case TT_ALLOC_RESYNC_PEAK:
        return registry_resync_peak(turn->registry, turn->process, record->device_id, record->buffer_type,
                                    record->buffer_id);
    case TT_ALLOC_RESYNC_END:
        return end_resync(feed, turn, record);
    default:
        return -EPROTO;
    }
}
