/* SPDX-License-Identifier: Apache-2.0 */

/* A list of a million buffers may have as many lines, so each line's process is found by a binary search. */

#include "smi/top/owners.h"

#include <errno.h>
#include <stdlib.h>

static int compare_rows(const void *a, const void *b)
{
    uint64_t left = (*(const struct process_row *const *)a)->facts.serial;
    uint64_t right = (*(const struct process_row *const *)b)->facts.serial;

    return (left > right) - (left < right);
}

static int compare_serial(const void *key, const void *entry)
{
    uint64_t serial = *(const uint64_t *)key, other = (*(const struct process_row *const *)entry)->facts.serial;

    return (serial > other) - (serial < other);
}

int owners_make(const struct snapshot *snapshot, struct owners *ret)
{
    struct owners owners = {.rows = calloc(snapshot->process_count + 1, sizeof(*owners.rows))};

    if (!owners.rows)
        return -ENOMEM;
    for (size_t i = 0; i < snapshot->process_count; i++) {
        if (snapshot->processes[i]->tracking == TRACKING_REPORTING)
            owners.rows[owners.count++] = snapshot->processes[i];
    }
    if (owners.count > 1)
        qsort(owners.rows, owners.count, sizeof(*owners.rows), compare_rows);
    *ret = owners;
    return 0;
}

void owners_clear(struct owners *owners)
{
    free(owners->rows);
    *owners = (struct owners){0};
}

struct process_row owners_find(const struct owners *owners, const struct tt_alloc_buffer *buffer)
{
    const struct process_row **found =
        bsearch(&buffer->serial, owners->rows, owners->count, sizeof(*owners->rows), compare_serial);

    if (found)
        return **found;
    return (struct process_row){
        .facts = {.pid = buffer->pid, .uid = buffer->uid, .serial = buffer->serial, .comm = "?", .command = "?"},
        .tracking = TRACKING_REPORTING,
        .has_uid = true,
    };
}

char *group_devices(const struct buffer_group *group)
{
    int32_t *devices = calloc(group->count, sizeof(*devices));
    size_t found = 0;
    char *text;

    if (!devices)
        return NULL;
    for (size_t i = 0; i < group->count; i++) {
        if (i == 0 || group->buffers[i]->device != group->buffers[i - 1]->device)
            devices[found++] = group->buffers[i]->device;
    }
    text = join_numbers(devices, found);
    free(devices);
    return text;
}
