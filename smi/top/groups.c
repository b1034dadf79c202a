/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Buffers are sorted so that those of a group stand together, a walk finds where each group ends, and then the groups
 * are sorted. Every order is completed by what tells any two buffers apart, so that nothing jumps about in a watch.
 */

#include "smi/top/top.h"

#include <errno.h>
#include <stdlib.h>

#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

static int pool_of(const struct tt_alloc_buffer *buffer)
{
    return regions[buffer->region].pool;
}

static int compare_devices(const struct tt_alloc_buffer *left, const struct tt_alloc_buffer *right)
{
    return ORDER(device_rank(left->device), device_rank(right->device));
}

/* Completes any order. */
static int compare_rest(const struct tt_alloc_buffer *left, const struct tt_alloc_buffer *right)
{
    int order = compare_devices(left, right);

    if (order == 0)
        order = ORDER(left->region, right->region);
    if (order == 0)
        order = ORDER(right->size, left->size);
    return order ? order : ORDER(left->buffer_id, right->buffer_id);
}

static int compare_by_place(const void *a, const void *b)
{
    const struct tt_alloc_buffer *left = *(const struct tt_alloc_buffer *const *)a;
    const struct tt_alloc_buffer *right = *(const struct tt_alloc_buffer *const *)b;
    int order = ORDER(left->serial, right->serial);

    return order ? order : compare_rest(left, right);
}

static int compare_by_pool(const void *a, const void *b)
{
    const struct tt_alloc_buffer *left = *(const struct tt_alloc_buffer *const *)a;
    const struct tt_alloc_buffer *right = *(const struct tt_alloc_buffer *const *)b;
    int order = ORDER(left->serial, right->serial);

    if (order == 0)
        order = ORDER(pool_of(left), pool_of(right));
    return order ? order : compare_rest(left, right);
}

static bool is_by_pool(const struct top *top)
{
    return !top->each && top->by == TOP_BY_OWNER;
}

static bool is_same_group(const struct top *top, const struct tt_alloc_buffer *left,
                          const struct tt_alloc_buffer *right)
{
    if (top->each || left->serial != right->serial)
        return false;
    if (is_by_pool(top))
        return pool_of(left) == pool_of(right);
    return left->device == right->device && left->region == right->region && left->size == right->size;
}

static bool begins_group(const struct top *top, size_t index)
{
    return index == 0 || !is_same_group(top, top->buffers[index - 1], top->buffers[index]);
}

static void fill_groups(struct top *top)
{
    struct buffer_group *group = top->groups - 1;

    for (size_t i = 0; i < top->buffer_count; i++) {
        const struct tt_alloc_buffer *buffer = top->buffers[i];

        if (begins_group(top, i))
            *++group = (struct buffer_group){.buffers = &top->buffers[i]};
        group->count++;
        group->bytes = add_saturating(group->bytes, buffer->size);
        if (group->oldest < buffer->age)
            group->oldest = buffer->age;
    }
}

/* Groups of one process still stand together. */
static void fill_leads(struct top *top)
{
    for (size_t first = 0, end = 0; first < top->group_count; first = end) {
        uint64_t serial = top->groups[first].buffers[0]->serial, lead = 0;

        for (; end < top->group_count && top->groups[end].buffers[0]->serial == serial; end++)
            lead = top->groups[end].bytes > lead ? top->groups[end].bytes : lead;
        for (size_t i = first; i < end; i++)
            top->groups[i].lead = lead;
    }
}

static int compare_groups(const void *a, const void *b, void *context)
{
    const struct buffer_group *left = a, *right = b;
    const struct tt_alloc_buffer *left_buffer = left->buffers[0], *right_buffer = right->buffers[0];
    const enum top_order *by = context;
    int order = 0;

    if (*by == TOP_BY_AGE)
        order = ORDER(right->oldest, left->oldest);
    if (*by == TOP_BY_OWNER)
        order = ORDER(right->lead, left->lead);
    if (*by == TOP_BY_OWNER && order == 0)
        order = ORDER(left_buffer->serial, right_buffer->serial);
    if (order == 0)
        order = ORDER(right->bytes, left->bytes);
    if (order == 0)
        order = ORDER(left_buffer->serial, right_buffer->serial);
    return order ? order : compare_rest(left_buffer, right_buffer);
}

int top_arrange(struct top *top, size_t most)
{
    if (top->buffer_count > 1)
        qsort(top->buffers, top->buffer_count, sizeof(*top->buffers),
              is_by_pool(top) ? compare_by_pool : compare_by_place);
    for (size_t i = 0; i < top->buffer_count; i++)
        top->group_count += begins_group(top, i);
    top->groups = calloc(top->group_count + 1, sizeof(*top->groups));
    if (!top->groups)
        return -ENOMEM;
    fill_groups(top);
    fill_leads(top);
    if (top->group_count > 1)
        qsort_r(top->groups, top->group_count, sizeof(*top->groups), compare_groups, &top->by);
    top->shown = top->group_count < most ? top->group_count : most;
    return 0;
}

void top_clear(struct top *top)
{
    free(top->groups);
    free(top->buffers);
    tt_alloc_list_free(top->answer);
    *top = (struct top){0};
}

/* ---- Places ---- */

/* Neighbours are mostly in one place, so the search begins where the last one ended. */
static struct place *find_place(struct place *places, size_t count, size_t last, const struct tt_alloc_buffer *buffer)
{
    for (size_t i = 0; i < count; i++) {
        struct place *place = &places[(last + i) % count];

        if (place->device == buffer->device && place->region == buffer->region)
            return place;
    }
    return NULL;
}

static struct place *add_place(struct place **places, size_t *count, const struct tt_alloc_buffer *buffer)
{
    struct place *grown = reallocarray(*places, *count + 1, sizeof(*grown));

    if (!grown)
        return NULL;
    *places = grown;
    grown[*count] = (struct place){.device = buffer->device, .region = buffer->region};
    return &grown[(*count)++];
}

static int compare_places(const void *a, const void *b)
{
    const struct place *left = a, *right = b;
    int order = ORDER(device_rank(left->device), device_rank(right->device));

    return order ? order : ORDER(left->region, right->region);
}

int top_places(const struct top *top, struct place **ret, size_t *ret_count)
{
    struct place *places = NULL;
    size_t count = 0, last = 0;

    for (size_t i = 0; i < top->buffer_count; i++) {
        struct place *place = find_place(places, count, last, top->buffers[i]);

        if (!place)
            place = add_place(&places, &count, top->buffers[i]);
        if (!place) {
            free(places);
            return -ENOMEM;
        }
        last = (size_t)(place - places);
        place->bytes = add_saturating(place->bytes, top->buffers[i]->size);
        place->buffers++;
    }
    if (count > 1)
        qsort(places, count, sizeof(*places), compare_places);
    *ret = places;
    *ret_count = count;
    return 0;
}
