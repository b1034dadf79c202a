/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From records to items: every record is checked, since the server may be anything that listens at a path, and copied
 * into the arrays that list.h describes. Regions and pools that this version does not know are left out, so that
 * whoever uses a region as an index into a table of his own is safe.
 */

#include "client/list.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static size_t item_size(uint8_t kind)
{
    switch (kind) {
    case TT_ALLOC_DEVICE:
        return sizeof(struct tt_alloc_device);
    case TT_ALLOC_PROCESS:
    case TT_ALLOC_ENDED:
        return sizeof(struct tt_alloc_process);
    case TT_ALLOC_BUFFER:
        return sizeof(struct tt_alloc_buffer);
    default:
        assert(kind == TT_ALLOC_FIGURE);
        return sizeof(struct tt_alloc_figure);
    }
}

static bool is_process_list(const struct tt_alloc_list *list)
{
    return list->kind == TT_ALLOC_PROCESS || list->kind == TT_ALLOC_ENDED;
}

static int add_text(struct tt_alloc_list *list, const char *text, size_t length)
{
    char *copy = tt_alloc_array_extend(&list->text, 1, length);

    if (copy == NULL)
        return -ENOMEM;
    memcpy(copy, text, length);
    return 0;
}

static int add_string(struct tt_alloc_list *list, const char *string)
{
    return add_text(list, string, strlen(string) + 1);
}

/* The command line of the last process comes in pieces, and only what follows tells that it is complete. */
static int end_command(struct tt_alloc_list *list)
{
    return is_process_list(list) && list->items.count > 0 ? add_string(list, "") : 0;
}

static int fill_device(struct tt_alloc_list *list, struct tt_alloc_device *item,
                       const struct tt_alloc_device_record *record)
{
    if (!TT_ALLOC_IS_TERMINATED(record->board))
        return -EPROTO;
    *item = (struct tt_alloc_device){
        .device = record->device_id,
        .description =
            {
                .known = record->known,
                .asic_id = record->asic_id,
                .pci_address = record->pci_address,
                .arch = record->arch,
                .remote = record->remote != 0,
                .dram_size = record->dram_size,
                .l1_size = record->l1_size,
                .l1_small_size = record->l1_small_size,
                .trace_size = record->trace_size,
                .num_dram_channels = record->num_dram_channels,
                .l1_size_per_core = record->l1_size_per_core,
            },
        .processes = record->processes,
        .idle = record->idle,
    };
    return add_string(list, record->board);
}

static int fill_process(struct tt_alloc_list *list, struct tt_alloc_process *item,
                        const struct tt_alloc_process_record *record)
{
    if (!TT_ALLOC_IS_TERMINATED(record->comm))
        return -EPROTO;
    *item = (struct tt_alloc_process){
        .pid = record->process_id,
        .uid = record->uid,
        .serial = record->serial,
        .start_time = record->start_time,
        .end_time = record->end_time,
        .age = record->age,
        .idle = record->idle,
        .buffers = record->buffers,
        .lost = record->lost,
        .job = record->job,
        .sessions = record->sessions,
        .label_pid = record->label_pid,
        .reason = record->reason,
        .inexact = (record->flags & TT_ALLOC_PROCESS_INEXACT) != 0,
        .forgotten = (record->flags & TT_ALLOC_PROCESS_FORGOTTEN) != 0,
        .peaks_reset = (record->flags & TT_ALLOC_PROCESS_PEAKS_RESET) != 0,
        .accounted = (record->flags & TT_ALLOC_PROCESS_ACCOUNTED) != 0,
    };
    return add_string(list, record->comm);
}

static int fill_buffer(struct tt_alloc_buffer *item, const struct tt_alloc_buffer_record *record)
{
    if (record->size >= TT_ALLOC_SIZE_LIMIT)
        return -EPROTO;
    *item = (struct tt_alloc_buffer){
        .device = record->device_id,
        .pid = record->process_id,
        .uid = record->uid,
        .serial = record->serial,
        .region = record->region,
        .references = record->references,
        .buffer_id = record->buffer_id,
        .size = record->size,
        .age = record->age,
    };
    return 0;
}

static int fill_figure(struct tt_alloc_list *list, struct tt_alloc_figure *item,
                       const struct tt_alloc_figure_record *record)
{
    if (!TT_ALLOC_IS_TERMINATED(record->name))
        return -EPROTO;
    *item = (struct tt_alloc_figure){.value = record->value};
    return add_string(list, record->name);
}

static int take_item(struct tt_alloc_list *list, const union tt_alloc_answer *record)
{
    if (list->kind == TT_ALLOC_BUFFER && record->buffer.region >= TT_ALLOC_REGIONS)
        return 0;
    int r = end_command(list);
    if (r < 0)
        return r;
    void *item = tt_alloc_array_extend(&list->items, item_size(list->kind), 1);
    if (item == NULL)
        return -ENOMEM;

    switch (list->kind) {
    case TT_ALLOC_DEVICE:
        return fill_device(list, item, &record->device);
    case TT_ALLOC_BUFFER:
        return fill_buffer(item, &record->buffer);
    case TT_ALLOC_FIGURE:
        return fill_figure(list, item, &record->figure);
    default:
        return fill_process(list, item, &record->process);
    }
}

/* A zero byte inside would cut the command line short and shift the strings behind it. */
static int take_text(struct tt_alloc_list *list, const struct tt_alloc_text_record *record)
{
    if (!is_process_list(list) || list->items.count == 0 || record->length > sizeof(record->text))
        return -EPROTO;
    if (memchr(record->text, '\0', record->length) != NULL)
        return -EPROTO;
    return add_text(list, record->text, record->length);
}

/* Where the last item counts its usages; NULL if there is none or its kind has none. */
static size_t *last_usage_count(const struct tt_alloc_list *list)
{
    size_t count = list->items.count;

    if (count == 0)
        return NULL;
    if (list->kind == TT_ALLOC_DEVICE)
        return &((struct tt_alloc_device *)list->items.items)[count - 1].usage_count;
    if (is_process_list(list))
        return &((struct tt_alloc_process *)list->items.items)[count - 1].usage_count;
    return NULL;
}

static bool is_known_usage(const struct tt_alloc_usage_record *record)
{
    return (record->kind == TT_ALLOC_USAGE_REGION && record->index < TT_ALLOC_REGIONS) ||
           (record->kind == TT_ALLOC_USAGE_POOL && record->index < TT_ALLOC_POOLS);
}

static int take_usage(struct tt_alloc_list *list, const struct tt_alloc_usage_record *record)
{
    size_t *count = last_usage_count(list);

    /* Sums are cut off at 63 bits before they are sent. */
    if (count == NULL || record->bytes > INT64_MAX || record->peak_bytes > INT64_MAX)
        return -EPROTO;
    if (!is_known_usage(record))
        return 0;
    struct tt_alloc_usage *usage = tt_alloc_array_extend(&list->usages, sizeof(*usage), 1);
    if (usage == NULL)
        return -ENOMEM;
    *usage = (struct tt_alloc_usage){
        .device = record->device_id,
        .logical_id = record->logical_id,
        .is_pool = record->kind == TT_ALLOC_USAGE_POOL,
        .index = record->index,
        .bytes = record->bytes,
        .buffers = record->buffers,
        .peak_bytes = record->peak_bytes,
        .allocations = record->allocations,
        .frees = record->frees,
        .idle = record->idle,
        .since = record->since,
        .until = record->until,
    };
    (*count)++;
    return 0;
}

int tt_alloc_list_take(void *userdata, const union tt_alloc_answer *record)
{
    struct tt_alloc_list *list = userdata;

    if (record->type == TT_ALLOC_HISTORY && list->kind == TT_ALLOC_HISTORY)
        return tt_alloc_list_take_history(list, &record->history);
    if (record->type == list->kind)
        return take_item(list, record);
    if (record->type == TT_ALLOC_TEXT)
        return take_text(list, &record->text);
    if (record->type == TT_ALLOC_USAGE)
        return take_usage(list, &record->usage);
    return -EPROTO;
}

static const char *next_string(const char **text)
{
    const char *string = *text;

    *text += strlen(string) + 1;
    return string;
}

static const struct tt_alloc_usage *next_usages(const struct tt_alloc_usage **usages, size_t count)
{
    const struct tt_alloc_usage *first = *usages;

    if (count == 0)
        return NULL;
    *usages += count;
    return first;
}

static void finish_process(struct tt_alloc_process *process, const char **text, const struct tt_alloc_usage **usages)
{
    process->comm = next_string(text);
    process->command = next_string(text);
    if (process->command[0] == '\0')
        process->command = process->comm;
    process->usage = next_usages(usages, process->usage_count);
}

int tt_alloc_list_finish(struct tt_alloc_list *list)
{
    int r = end_command(list);
    if (r < 0)
        return r;
    if (list->kind == TT_ALLOC_HISTORY) {
        tt_alloc_list_finish_history(list);
        return 0;
    }

    const struct tt_alloc_usage *usages = list->usages.items;
    const char *text = list->text.items;
    for (size_t i = 0; i < list->items.count; i++) {
        if (list->kind == TT_ALLOC_DEVICE) {
            struct tt_alloc_device *device = &((struct tt_alloc_device *)list->items.items)[i];
            device->description.board = next_string(&text);
            device->usage = next_usages(&usages, device->usage_count);
        } else if (list->kind == TT_ALLOC_FIGURE) {
            ((struct tt_alloc_figure *)list->items.items)[i].name = next_string(&text);
        } else if (is_process_list(list)) {
            finish_process(&((struct tt_alloc_process *)list->items.items)[i], &text, &usages);
        }
    }
    return 0;
}
