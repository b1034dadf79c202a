/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Two processes that do whatever the input says, in the words of their generation: allocate, free, load kernels, say
 * which chip they mean, report through rings and change them, lose reports, tell everything again, hang up, die and
 * come back. All of it is done to the model as well, and every answer of the server is compared with what the model
 * says.
 */

#include "server/clock.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/pair_compare.h"

#define STEPS_MAX 100
#define ENDS_MAX 30
#define REFUSALS_MAX 12 /* sixteen bad frames in a row end a session */
#define OBSERVER 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum what {
    ALLOCATE,
    ALLOCATE_AGAIN, /* the same once more in the numbering: most steps are reports */
    RELEASE,
    RELEASE_AGAIN,
    REFUSED,
    DESCRIBE,
    MISS,
    CHANGE_RINGS,
    FLUSH,
    BEGIN,
    TELL,
    TELL_ALL,
    TELL_NUMBERS,
    FINISH,
    ASK,
    MORE,
};

enum more {
    COMPARE,
    HANG_UP,
    EXIT,
    RESET_PEAKS,
};

struct side {
    struct client client;
    int number;
    unsigned refusals;
};

/* What a report is about. */
struct subject {
    int device;
    int region;
    uint64_t id;
};

static struct world world;
static struct model model;
static struct side sides[MODEL_PROCESSES];
static struct client observer;
static struct input input;

static struct model_process *process_of(const struct side *side)
{
    return &model.processes[side->number];
}

static bool is_ours(const struct side *side)
{
    return side->client.frame_size == TT_ALLOC_FRAME_112;
}

static uint32_t tick_now(void)
{
    return (uint32_t)(clock_read(CLOCK_MONOTONIC) >> TT_ALLOC_TICK_SHIFT);
}

static struct subject choose(void)
{
    uint8_t byte = input_byte(&input);

    return (struct subject){.device = byte & 3, .region = (byte >> 2 & 7) % MODEL_REGIONS, .id = byte >> 5 & 3};
}

/* ---- Reports ---- */

static void report_by_frame(struct side *side, bool allocates, struct subject subject, uint64_t size)
{
    struct tt_alloc_message_72 message = {.type = allocates ? TT_ALLOC_ALLOC : TT_ALLOC_FREE,
                                          .device_id = subject.device,
                                          .size = size,
                                          .buffer_type = (uint8_t)subject.region,
                                          .buffer_id = subject.id};

    if (subject.region == TT_ALLOC_CB)
        message.type = allocates ? TT_ALLOC_CB_ALLOC : TT_ALLOC_CB_FREE;
    if (subject.region == TT_ALLOC_KERNEL)
        message.type = allocates ? TT_ALLOC_KERNEL_LOAD : TT_ALLOC_KERNEL_UNLOAD;
    client_send_message(&side->client, message);
}

/* After the model has heard of it. */
static void report(struct side *side, bool allocates, struct subject subject, uint64_t size)
{
    if (!side->client.ring) {
        report_by_frame(side, allocates, subject, size);
        return;
    }
    client_send_record(&side->client,
                       (struct tt_alloc_record){.type = allocates ? TT_ALLOC_ALLOC : TT_ALLOC_FREE,
                                                .device_id = subject.device,
                                                .buffer_type = (uint8_t)subject.region,
                                                .buffer_id = subject.id,
                                                .size = size,
                                                .tick = tick_now()},
                       process_of(side)->made);
}

static struct subject choose_for(const struct side *side)
{
    struct subject subject = choose();

    if (side->client.frame_size == TT_ALLOC_FRAME_72)
        subject.region %= 5;
    return subject;
}

static void allocate(struct side *side)
{
    struct subject subject = choose_for(side);
    uint64_t size = input_byte(&input) & 0x83;

    model_allocate(&model, side->number, subject.device, subject.region, subject.id, size << 20);
    report(side, true, subject, size << 20);
}

/* Old clients do not say of which region a buffer is. */
static void release(struct side *side)
{
    struct subject subject = choose_for(side);
    bool is_unsaid = subject.region < 5 && (!is_ours(side) || (input_byte(&input) & 1));

    if (is_unsaid)
        subject.region = MODEL_ANY;
    model_release(&model, side->number, subject.device, subject.region, subject.id);
    if (is_unsaid && !is_ours(side))
        subject.region = 0;
    report(side, false, subject, 0);
}

static void report_nonsense(struct side *side)
{
    struct subject subject = choose_for(side);
    uint8_t how = input_byte(&input) % 3;

    if (side->refusals++ >= REFUSALS_MAX)
        return;
    if (how == 0)
        subject.device = -1 - subject.device;
    if (how == 1)
        subject.region = MODEL_REGIONS + subject.region;
    model_allocate(&model, side->number, subject.device, subject.region, subject.id, UINT64_C(1) << 48);
    report(side, true, subject, UINT64_C(1) << 48);
}

static void describe(struct side *side)
{
    struct tt_alloc_device_record record = {
        .type = TT_ALLOC_DESCRIBE_DEVICE, .known = TT_ALLOC_KNOWN_ASIC_ID | TT_ALLOC_KNOWN_DRAM_SIZE, .dram_size = 1};
    int chip = 1 + input_byte(&input) % 3;

    if (!is_ours(side))
        return;
    client_flush(&side->client);
    record.device_id = input_byte(&input) & 3;
    record.asic_id = 0x1000 + (uint64_t)chip;
    model_describe(&model, side->number, record.device_id, chip);
    client_send(&side->client, &record, sizeof(record));
}

/* Through a ring, the server comes to know at once. */
static void miss(struct side *side)
{
    model_miss(&model, side->number);
    if (!side->client.ring)
        return;
    side->client.ring->made = process_of(side)->made;
    client_flush(&side->client);
    model_find_missing(&model, side->number);
}

static void change_rings(struct side *side)
{
    if (!is_ours(side))
        return;
    client_change_rings(&side->client, UINT64_C(1024) << (input_byte(&input) & 1));
    side->client.ring->made = process_of(side)->made;
    client_flush(&side->client);
    model_find_missing(&model, side->number);
}

/* ---- Resyncs ---- */

static void tell(struct side *side, struct tt_alloc_record record)
{
    client_send_record(&side->client, record, process_of(side)->made);
}

static void begin(struct side *side)
{
    if (!is_ours(side))
        return;
    model_begin(&model, side->number);
    tell(side, (struct tt_alloc_record){
                   .type = TT_ALLOC_RESYNC_BEGIN, .device_id = -1, .size = process_of(side)->made, .tick = tick_now()});
}

static void tell_buffer(struct side *side, struct model_buffer buffer)
{
    model_tell(&model, side->number, buffer);
    tell(side, (struct tt_alloc_record){.type = TT_ALLOC_RESYNC_BUFFER,
                                        .device_id = buffer.device,
                                        .buffer_type = (uint8_t)buffer.region,
                                        .buffer_id = buffer.id,
                                        .size = buffer.size,
                                        .references = (uint16_t)buffer.references,
                                        .tick = tick_now()});
}

/* One that the server may know otherwise, or not at all. */
static void tell_some_buffer(struct side *side)
{
    struct subject subject = choose();
    uint8_t byte = input_byte(&input);

    tell_buffer(side, (struct model_buffer){.is_there = true,
                                            .device = subject.device,
                                            .region = subject.region,
                                            .id = subject.id,
                                            .size = (uint64_t)(byte & 3) << 20,
                                            .references = 1U + (byte >> 6),
                                            .born = ++model.clock});
}

/* As they are, the oldest first. */
static void tell_all(struct side *side)
{
    struct model_process *process = process_of(side);

    for (;;) {
        struct model_buffer *oldest = NULL;

        for (int i = 0; i < MODEL_BUFFERS; i++) {
            struct model_buffer *buffer = &process->buffers[i];

            if (buffer->is_there && buffer->is_stale && (!oldest || buffer->born < oldest->born))
                oldest = buffer;
        }
        if (!oldest)
            return;
        oldest->born = ++model.clock;
        fake_host_pass(NSEC_PER_SEC / 32);
        tell_buffer(side, (struct model_buffer){.is_there = true,
                                                .device = oldest->device,
                                                .region = oldest->region,
                                                .id = oldest->id,
                                                .size = oldest->size,
                                                .references = oldest->references,
                                                .born = oldest->born});
    }
}

static void tell_numbers(struct side *side)
{
    struct subject subject = choose();
    uint8_t byte = input_byte(&input), region_or_pool = (uint8_t)subject.region;
    struct tt_alloc_record record = {.device_id = subject.device, .buffer_id = 1U + byte};

    if (byte & 1) {
        record.type = TT_ALLOC_RESYNC_COUNTS;
        record.size = subject.id;
        model_tell_counts(&model, side->number, subject.device, subject.region, record.buffer_id, record.size);
    } else {
        record.type = TT_ALLOC_RESYNC_PEAK;
        record.buffer_id <<= 20;
        if (byte & 2)
            region_or_pool = TT_ALLOC_RECORD_POOL + region_or_pool % MODEL_POOLS;
        model_tell_peak(&model, side->number, subject.device, region_or_pool, record.buffer_id);
    }
    record.buffer_type = region_or_pool;
    tell(side, record);
}

static void finish(struct side *side)
{
    const struct model_process *process = process_of(side);
    uint64_t live = model_count(process) - model_stale(process) + (input_byte(&input) & 1);

    model_finish(&model, side->number, live);
    tell(side, (struct tt_alloc_record){
                   .type = TT_ALLOC_RESYNC_END, .device_id = -1, .buffer_id = live, .size = process->made});
    client_flush(&side->client);
}

static void step_of_resync(struct side *side, enum what what)
{
    if (!process_of(side)->is_telling)
        return;
    if (what == TELL)
        tell_some_buffer(side);
    else if (what == TELL_ALL)
        tell_all(side);
    else if (what == TELL_NUMBERS)
        tell_numbers(side);
    else
        finish(side);
}

/* ---- Coming, going, asking ---- */

static void open_side(struct side *side)
{
    static const size_t sizes[] = {TT_ALLOC_FRAME_112, TT_ALLOC_FRAME_144, TT_ALLOC_FRAME_112, TT_ALLOC_FRAME_72};
    size_t frame_size = sizes[input_byte(&input) & 3];

    side->refusals = 0;
    client_open(&side->client, frame_size, true);
    process_of(side)->is_there = is_ours(side);
}

static void close_side(struct side *side, bool exits)
{
    if (side->client.fd < 0)
        return;
    client_close(&side->client, exits);
    model_end(&model, side->number, exits);
    fake_host_pass(NSEC_PER_SEC);
}

static void reset_peaks(struct side *side)
{
    struct tt_alloc_list_request request = {.type = TT_ALLOC_RESET_PEAKS, .device_id = -1};
    struct tt_alloc_end_record end;
    uint8_t none[TT_ALLOC_FRAME_112];

    if (!is_ours(side))
        return;
    client_list(&side->client, &request, none, 1, &end);
    CHECK(end.status == 0);
    model_reset_peaks(&model, side->number);
}

static void do_more(struct side *side)
{
    switch ((enum more)(input_byte(&input) & 3)) {
    case COMPARE:
        compare_lists(&observer, &model);
        world_check(&world);
        break;
    case HANG_UP:
        close_side(side, false);
        break;
    case EXIT:
        close_side(side, true);
        break;
    case RESET_PEAKS:
        reset_peaks(side);
    }
}

static void ask(struct side *side)
{
    compare_processes(&observer, &model);
    compare_query(&side->client, &model, side->number, input_byte(&input) % (MODEL_DEVICES + 1));
}

static void step_of_report(struct side *side, enum what what)
{
    switch (what) {
    case ALLOCATE:
    case ALLOCATE_AGAIN:
        allocate(side);
        break;
    case RELEASE:
    case RELEASE_AGAIN:
        release(side);
        break;
    case REFUSED:
        report_nonsense(side);
        break;
    default:
        miss(side);
    }
}

static void step_of_session(struct side *side, enum what what)
{
    switch (what) {
    case DESCRIBE:
        describe(side);
        break;
    case CHANGE_RINGS:
        change_rings(side);
        break;
    case FLUSH:
        client_flush(&side->client);
        break;
    case ASK:
        ask(side);
        break;
    default:
        do_more(side);
    }
}

static void step(void)
{
    uint8_t byte = input_byte(&input);
    struct side *side = &sides[byte & 1];
    enum what what = byte >> 1 & 15;

    fake_host_pass(NSEC_PER_SEC / 32); /* so that whatever was made later is younger */
    if (side->client.fd < 0)
        open_side(side);
    if (what <= REFUSED || what == MISS)
        step_of_report(side, what);
    else if (what == BEGIN)
        begin(side);
    else if (what >= TELL && what <= FINISH)
        step_of_resync(side, what);
    else
        step_of_session(side, what);
}

static void begin_world(void)
{
    world_open(&world, false);
    model = (struct model){0};
    for (int i = 0; i < MODEL_PROCESSES; i++) {
        struct fake_process *process = fake_host_get((size_t)i);

        *process = (struct fake_process){.pid = 100 + i, .uid = 1000, .start_ticks = 7, .has_pidfd = true, .life = 1};
        sides[i] = (struct side){.client = {.world = &world, .process = process, .fd = -1}, .number = i};
    }
    observer = (struct client){.world = &world, .process = fake_host_get(OBSERVER), .fd = -1};
    *observer.process = (struct fake_process){.pid = 200};
    client_open(&observer, TT_ALLOC_FRAME_112, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = (struct input){.bytes = data, .size = size};
    begin_world();
    for (size_t i = 0; i < STEPS_MAX && input.size > 0 && model.ended_count < ENDS_MAX; i++)
        step();
    compare_lists(&observer, &model);
    for (int i = 0; i < MODEL_PROCESSES; i++)
        close_side(&sides[i], i > 0);
    compare_lists(&observer, &model);
    client_close(&observer, false);
    world_close(&world);
    return 0;
}
