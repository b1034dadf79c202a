/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which number a row has, the model does not know. So the lists are read first: each place of a process names its row,
 * two places must name the same one if and only if the model says so, and the sums are compared row by row.
 */

#include "tests/fuzz/pair_compare.h"

#include <string.h>

#define FRAMES_MAX 2000
#define NO_ROW (-1)

static uint8_t answer[(FRAMES_MAX + 1) * TT_ALLOC_FRAME_112];
static int32_t rows[MODEL_PROCESSES][MODEL_DEVICES]; /* as far as the last list of processes told */

static size_t list(struct client *observer, uint8_t type)
{
    struct tt_alloc_list_request request = {.type = type, .device_id = -1, .region = -1};
    struct tt_alloc_end_record end;
    size_t frames = client_list(observer, &request, answer, FRAMES_MAX, &end);

    CHECK(end.status == 0 && end.hidden == 0);
    return frames;
}

static const void *frame_at(size_t index)
{
    return answer + index * TT_ALLOC_FRAME_112;
}

static int process_of(int32_t pid)
{
    int process = pid - 100;

    CHECK(process >= 0 && process < MODEL_PROCESSES);
    return process;
}

/* ---- Processes ---- */

static void compare_region(const struct model_process *process, const struct tt_alloc_usage_record *usage)
{
    const struct model_place *place = &process->places[usage->logical_id];

    CHECK(usage->bytes == model_bytes(process, usage->logical_id, (int)usage->index));
    CHECK(usage->buffers == model_buffers(process, usage->logical_id, (int)usage->index));
    CHECK(usage->allocations == place->allocations[usage->index]);
    CHECK(usage->frees == place->frees[usage->index]);
    CHECK(usage->peak_bytes == place->peak[usage->index]);
}

static void compare_pool(const struct model_process *process, const struct tt_alloc_usage_record *usage)
{
    CHECK(usage->bytes == model_pool_bytes(process, usage->logical_id, (int)usage->index));
    CHECK(usage->peak_bytes == process->places[usage->logical_id].pool_peak[usage->index]);
}

static void compare_usage(const struct model *model, int which, const struct tt_alloc_usage_record *usage)
{
    const struct model_process *process = &model->processes[which];
    int32_t *row;

    CHECK(usage->logical_id >= 0 && usage->logical_id < MODEL_DEVICES);
    if (usage->kind == TT_ALLOC_USAGE_REGION)
        compare_region(process, usage);
    else
        compare_pool(process, usage);
    row = &rows[which][usage->logical_id];
    CHECK(*row == NO_ROW || *row == usage->device_id);
    *row = usage->device_id;
}

static void compare_process(const struct model *model, const struct tt_alloc_process_record *record)
{
    const struct model_process *process = &model->processes[process_of(record->process_id)];

    CHECK(process->is_there && record->sessions == 1);
    CHECK(record->buffers == model_count(process));
    CHECK(record->lost == process->lost);
    CHECK(!(record->flags & TT_ALLOC_PROCESS_INEXACT) == !model_is_inexact(process));
}

/* Regions that were ever used are told of, and no others. */
static size_t count_used(const struct model *model)
{
    size_t count = 0;

    for (int p = 0; p < MODEL_PROCESSES; p++)
        for (int d = 0; d < MODEL_DEVICES; d++)
            for (int region = 0; region < MODEL_REGIONS; region++)
                count += model->processes[p].places[d].allocations[region] > 0;
    return count;
}

void compare_processes(struct client *observer, const struct model *model)
{
    size_t frames = list(observer, TT_ALLOC_LIST_PROCESSES), regions = 0;
    int listed = 0, current = 0;

    memset(rows, NO_ROW, sizeof(rows));
    for (size_t i = 0; i < frames; i++) {
        const struct tt_alloc_process_record *process = frame_at(i);
        const struct tt_alloc_usage_record *usage = frame_at(i);

        if (process->type == TT_ALLOC_PROCESS) {
            current = process_of(process->process_id);
            compare_process(model, process);
            listed++;
        } else if (usage->type == TT_ALLOC_USAGE) {
            compare_usage(model, current, usage);
            regions += usage->kind == TT_ALLOC_USAGE_REGION;
        } else
            CHECK(usage->type == TT_ALLOC_TEXT);
    }
    CHECK(listed == model->processes[0].is_there + model->processes[1].is_there);
    CHECK(regions == count_used(model));
}

/* ---- Rows ---- */

static void compare_partition(const struct model *model)
{
    for (int a = 0; a < MODEL_PROCESSES * MODEL_DEVICES; a++)
        for (int b = 0; b < a; b++) {
            int32_t row_a = rows[a / MODEL_DEVICES][a % MODEL_DEVICES];
            int32_t row_b = rows[b / MODEL_DEVICES][b % MODEL_DEVICES];

            if (row_a != NO_ROW && row_b != NO_ROW)
                CHECK((row_a == row_b) == model_is_same_row(model, a / MODEL_DEVICES, a % MODEL_DEVICES,
                                                            b / MODEL_DEVICES, b % MODEL_DEVICES));
        }
}

/* In the row with this number, over all places that name it. */
static uint64_t bytes_in_row(const struct model *model, int32_t number, int region)
{
    uint64_t bytes = 0;

    for (int p = 0; p < MODEL_PROCESSES; p++)
        for (int d = 0; d < MODEL_DEVICES; d++)
            if (rows[p][d] == number)
                bytes += model_bytes(&model->processes[p], d, region);
    return bytes;
}

static void compare_devices(struct client *observer, const struct model *model)
{
    size_t frames = list(observer, TT_ALLOC_LIST_DEVICES);

    compare_partition(model);
    for (size_t i = 0; i < frames; i++) {
        const struct tt_alloc_usage_record *usage = frame_at(i);

        if (usage->type == TT_ALLOC_USAGE && usage->kind == TT_ALLOC_USAGE_REGION) {
            CHECK(usage->bytes == bytes_in_row(model, usage->device_id, (int)usage->index));
            CHECK(usage->bytes <= usage->peak_bytes || model_stale(&model->processes[0]) > 0 ||
                  model_stale(&model->processes[1]) > 0);
        }
    }
}

/* ---- Buffers ---- */

static bool is_listed(const struct model *model, const struct tt_alloc_buffer_record *record)
{
    int which = process_of(record->process_id);
    const struct model_process *process = &model->processes[which];

    for (int i = 0; i < MODEL_BUFFERS; i++) {
        const struct model_buffer *buffer = &process->buffers[i];

        if (buffer->is_there && buffer->id == record->buffer_id && (uint32_t)buffer->region == record->region &&
            rows[which][buffer->device] == record->device_id && buffer->size == record->size &&
            buffer->references == record->references)
            return true;
    }
    return false;
}

static void compare_buffers(struct client *observer, const struct model *model)
{
    size_t frames = list(observer, TT_ALLOC_LIST_BUFFERS);

    CHECK(frames == model_count(&model->processes[0]) + model_count(&model->processes[1]));
    for (size_t i = 0; i < frames; i++)
        CHECK(is_listed(model, frame_at(i)));
}

/* ---- Ended processes, and figures ---- */

static void compare_end(const struct model_end *end, const struct tt_alloc_process_record *record)
{
    CHECK(process_of(record->process_id) == end->process);
    CHECK(record->reason == (end->has_exited ? TT_ALLOC_REASON_EXITED : TT_ALLOC_REASON_HUNG_UP));
    CHECK(record->buffers == end->buffers && record->lost == end->lost);
    CHECK(!(record->flags & TT_ALLOC_PROCESS_INEXACT) == !end->is_inexact);
}

static void compare_ended(struct client *observer, const struct model *model)
{
    size_t frames = list(observer, TT_ALLOC_LIST_ENDED), count = 0;
    uint64_t left[MODEL_REGIONS] = {0};

    for (size_t i = 0; i < frames; i++) {
        const struct tt_alloc_process_record *record = frame_at(i);
        const struct tt_alloc_usage_record *usage = frame_at(i);

        if (record->type == TT_ALLOC_ENDED) {
            CHECK(count < model->ended_count);
            memcpy(left, model->ended[count].bytes, sizeof(left));
            compare_end(&model->ended[count++], record);
        } else if (usage->type == TT_ALLOC_USAGE && usage->kind == TT_ALLOC_USAGE_REGION) {
            CHECK(usage->bytes <= left[usage->index]);
            left[usage->index] -= usage->bytes;
        }
        if (i + 1 == frames || ((const struct tt_alloc_process_record *)frame_at(i + 1))->type == TT_ALLOC_ENDED)
            for (int region = 0; region < MODEL_REGIONS; region++)
                CHECK(left[region] == 0);
    }
    CHECK(count == model->ended_count);
}

static void compare_figures(struct client *observer, const struct model *model)
{
#define FIGURE(name)                                                                                                   \
    {                                                                                                                  \
#name, model->name                                                                                             \
    }
    const struct {
        const char *name;
        uint64_t value;
    } expected[] = {
        FIGURE(reports),         FIGURE(allocations),      FIGURE(frees),          FIGURE(unknown_free),
        FIGURE(overtaken),       FIGURE(ambiguous_free),   FIGURE(shared),         FIGURE(replaced),
        FIGURE(refused_size),    FIGURE(refused_device),   FIGURE(refused_region), FIGURE(lost_reports),
        FIGURE(caught_up),       FIGURE(resyncs),          FIGURE(announced),      FIGURE(swept),
        FIGURE(resync_mismatch), FIGURE(leaked_processes), FIGURE(leaked_buffers),
    };
#undef FIGURE
    const size_t count = sizeof(expected) / sizeof(expected[0]);
    size_t frames = list(observer, TT_ALLOC_LIST_FIGURES), found = 0;

    for (size_t i = 0; i < frames; i++) {
        const struct tt_alloc_figure_record *record = frame_at(i);

        for (size_t k = 0; k < count; k++) {
            if (strcmp(record->name, expected[k].name) != 0)
                continue;
            found++;
            if (record->value != expected[k].value)
                fprintf(stderr, "%s: %llu, and not %llu\n", record->name, (unsigned long long)record->value,
                        (unsigned long long)expected[k].value);
            CHECK(record->value == expected[k].value);
        }
    }
    CHECK(found == count);
}

void compare_lists(struct client *observer, const struct model *model)
{
    compare_processes(observer, model);
    compare_devices(observer, model);
    compare_buffers(observer, model);
    compare_ended(observer, model);
    compare_figures(observer, model);
}

/* ---- QUERY ---- */

static uint64_t expected_bytes(const struct model *model, int process, int32_t device, int region)
{
    if (device < MODEL_DEVICES && model->processes[process].places[device].is_used)
        return model_row_bytes(model, process, device, region);
    return bytes_in_row(model, device, region);
}

void compare_query(struct client *client, const struct model *model, int process, int32_t device)
{
    struct tt_alloc_message_144 reply = {0};

    client_send_message(client, (struct tt_alloc_message_72){.type = TT_ALLOC_QUERY, .device_id = device});
    client_receive(client, &reply, client->frame_size);
    CHECK(reply.head.type == TT_ALLOC_RESPONSE && reply.head.device_id == device);
    CHECK(reply.head.dram_allocated == expected_bytes(model, process, device, TT_ALLOC_DRAM));
    CHECK(reply.head.l1_allocated == expected_bytes(model, process, device, TT_ALLOC_L1));
    CHECK(reply.head.l1_small_allocated == expected_bytes(model, process, device, TT_ALLOC_L1_SMALL));
    CHECK(reply.head.trace_allocated == expected_bytes(model, process, device, TT_ALLOC_TRACE));
    if (client->frame_size != TT_ALLOC_FRAME_144)
        return;
    CHECK(reply.cb_allocated == expected_bytes(model, process, device, TT_ALLOC_CB));
    CHECK(reply.kernel_allocated == expected_bytes(model, process, device, TT_ALLOC_KERNEL));
}
