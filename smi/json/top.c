/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A group by owner has no region but a pool, and no size that all its buffers share; the keys are there and null, so
 * that whoever reads them need not know how it was asked.
 */

#include "smi/json/top.h"
#include "smi/json/rows.h"
#include "smi/json/values.h"
#include "smi/sample/users.h"
#include "smi/top/owners.h"

#include <inttypes.h>
#include <stdlib.h>

#define NANOSECONDS UINT64_C(1000000000)

static json_t *owner_keys(const struct process_row *owner)
{
    const struct tt_alloc_process *process = &owner->facts;

    return json_pack("{s:o, s:o, s:I, s:o, s:o}", "pid", process->pid > 0 ? json_integer(process->pid) : json_null(),
                     "user", json_text(user_name(process->uid)), "uid", (json_int_t)process->uid, "serial",
                     json_sprintf("%" PRIu64, process->serial), "command", json_text(process->command));
}

static json_t *buffer_keys(const struct tt_alloc_buffer *buffer)
{
    return json_pack("{s:s, s:s, s:o, s:I, s:I, s:I}", "device", device_label(buffer->device).text, "region",
                     regions[buffer->region].name, "address", json_sprintf("0x%" PRIx64, buffer->buffer_id), "bytes",
                     json_clamp(buffer->size), "references", (json_int_t)buffer->references, "age_seconds",
                     json_clamp(buffer->age / NANOSECONDS));
}

static json_t *device_names(const struct buffer_group *group)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < group->count; i++) {
        if ((i == 0 || group->buffers[i]->device != group->buffers[i - 1]->device) &&
            json_array_append_new(list, json_string(device_label(group->buffers[i]->device).text)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *group_keys(const struct top *top, const struct buffer_group *group)
{
    const struct tt_alloc_buffer *buffer = group->buffers[0];
    const struct region *region = &regions[buffer->region];
    bool by_pool = top->by == TOP_BY_OWNER;

    return json_pack("{s:o, s:o, s:o, s:I, s:I, s:o, s:I}", "devices", device_names(group), "pool",
                     region->pool >= 0 ? json_string(pool_names[region->pool]) : json_null(), "region",
                     by_pool && region->pool >= 0 ? json_null() : json_string(region->name), "bytes",
                     json_clamp(group->bytes), "buffers", json_clamp(group->count), "each_bytes",
                     by_pool ? json_null() : json_integer(json_clamp(buffer->size)), "oldest_seconds",
                     json_clamp(group->oldest / NANOSECONDS));
}

static json_t *entry(const struct top *top, const struct buffer_group *group, const struct owners *owners)
{
    struct process_row owner = owners_find(owners, group->buffers[0]);
    json_t *object = top->each ? buffer_keys(group->buffers[0]) : group_keys(top, group);

    return json_merge(object, owner_keys(&owner));
}

const char *json_top_key(const struct snapshot *snapshot)
{
    return snapshot->details.top.each ? "buffers" : "top";
}

json_t *json_top(const struct snapshot *snapshot)
{
    const struct top *top = &snapshot->details.top;
    struct owners owners;
    json_t *list;

    if (owners_make(snapshot, &owners) < 0)
        return NULL;
    list = json_array();
    for (size_t i = 0; list && i < top->shown; i++) {
        if (json_array_append_new(list, entry(top, &top->groups[i], &owners)) < 0) {
            json_decref(list);
            list = NULL;
        }
    }
    owners_clear(&owners);
    return list;
}
