/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_server_core */

/*
 * A feed against a client that does everything at random: reports, finds the ring full, has gaps, resyncs while it goes
 * on reporting, takes a larger ring, loses its connection. The client knows the truth, in a ledger of its own and in
 * its counts. Whenever the server has taken in all there is, then
 *
 *   - made == before + applied + lost, and the client agrees on how many were lost;
 *   - unless the server says that the process is inexact, it holds just the buffers that the client holds, with the
 *     same sizes, references and counts.
 *
 * And it does not say so for ever: it is exact often.
 */

#include "tests/unit/feed_fixture.h"

#define IDS 40
#define DEVICES 3

/* Where the client stands in telling all it has. */
enum telling {
    TELLING_NOTHING,
    TELLING_BUFFERS,
    TELLING_THE_END,
};

struct client {
    struct ledger *ledger;
    uint64_t made;
    uint64_t put; /* reports that went into a ring of this connection */
    bool has_gap; /* it needs a resync, and nothing goes into the ring until that begins */
    enum telling telling;
    uint64_t cursor;
    bool has_ended; /* it told all, and the server may not have swept yet */
    bool has_grown; /* RING_REQUEST was sent once more */
    struct writer next;
};

struct model {
    struct bench bench;
    struct client client;
    struct fixture_random random;
    uint64_t exact;
    uint64_t gaps;
    uint64_t resyncs;
    uint64_t switches;
    uint64_t swept;
    uint64_t overtaken;
};

static bool chance(struct model *model, size_t one_in)
{
    return fixture_below(&model->random, one_in) == 0;
}

/* ---- The client ---- */

static void tell_made(struct model *model)
{
    model->bench.writer.memory->made = model->client.made;
}

static void fall_behind(struct model *model)
{
    model->gaps += !model->client.has_gap;
    model->client.has_gap = true;
    model->client.telling = TELLING_NOTHING;
}

static void report(struct model *model, struct tt_alloc_record record)
{
    struct client *client = &model->client;

    client->made++;
    if (!client->has_gap && writer_room(&model->bench.writer) > 0 && !chance(model, 5000)) {
        writer_put(&model->bench.writer, record);
        client->put++;
    } else
        fall_behind(model);
    tell_made(model);
}

static void report_allocation(struct model *model)
{
    int32_t device = (int32_t)fixture_below(&model->random, DEVICES);
    uint8_t region = (uint8_t)fixture_below(&model->random, TT_ALLOC_REGIONS);
    uint64_t id = fixture_below(&model->random, IDS), size = fixture_below(&model->random, 4);
    struct ledger_change change;

    assert_int_equal(ledger_allocate(model->client.ledger, device, region, id, size, NOW, &change), 0);
    report(model, alloc_record(device, region, id, size));
}

static void report_release(struct model *model)
{
    int32_t device = (int32_t)fixture_below(&model->random, DEVICES);
    uint8_t region = (uint8_t)fixture_below(&model->random, TT_ALLOC_REGIONS);
    uint64_t id = fixture_below(&model->random, IDS);
    struct ledger_change change;

    if (chance(model, 3))
        region = ANY;
    assert_int_equal(ledger_release(model->client.ledger, device, region, id, NOW, &change), 0);
    /* Freed twice just before it is swept, a buffer counts as freed at the server: not worth a difference here. */
    if (change.effect != LEDGER_UNKNOWN || !model->client.has_ended)
        report(model, free_record(device, change.region, id));
}

static void begin_to_tell(struct model *model)
{
    struct client *client = &model->client;

    if (feed_pending(&model->bench.feed) > 0 || writer_room(&model->bench.writer) == 0)
        return;
    client->has_gap = false;
    client->telling = TELLING_BUFFERS;
    client->cursor = 0;
    writer_put(&model->bench.writer, begin_record(ledger_count(client->ledger), client->made));
}

static void tell_some_buffers(struct model *model)
{
    struct client *client = &model->client;
    struct ledger_buffer buffer;

    for (size_t i = fixture_below(&model->random, 50); i > 0; i--) {
        if (writer_room(&model->bench.writer) == 0)
            return;
        if (!ledger_walk(client->ledger, &client->cursor, NULL, &buffer)) {
            client->telling = TELLING_THE_END;
            return;
        }
        writer_put(&model->bench.writer, buffer_record(buffer.device->device_id, buffer.region, buffer.id, buffer.size,
                                                       (uint16_t)buffer.references));
    }
}

static void tell_the_end(struct model *model)
{
    struct client *client = &model->client;
    struct writer *writer = &model->bench.writer;

    if (writer_room(writer) < DEVICES * USAGE_REGIONS + 1)
        return;
    for (size_t i = 0; i < ledger_device_count(client->ledger); i++) {
        const struct ledger_device *device = ledger_device(client->ledger, i);

        for (uint8_t region = 0; region < USAGE_REGIONS; region++)
            writer_put(writer, told_record(TT_ALLOC_RESYNC_COUNTS, device->device_id, region,
                                           device->usage.allocations[region], device->usage.frees[region]));
    }
    writer_put(writer, end_record(ledger_count(client->ledger), client->made));
    client->telling = TELLING_NOTHING;
    client->has_ended = true;
    model->resyncs++;
}

static void heal(struct model *model)
{
    if (model->client.telling == TELLING_BUFFERS)
        tell_some_buffers(model);
    else if (model->client.telling == TELLING_THE_END)
        tell_the_end(model);
    else if (model->client.has_gap)
        begin_to_tell(model);
}

static void grow(struct model *model)
{
    const struct tt_alloc_record change = {.type = TT_ALLOC_RING_SWITCH, .device_id = -1};
    struct client *client = &model->client;

    if (!client->has_grown) {
        client->next = writer_open(&model->bench.feed, 4096);
        client->has_grown = true;
    } else if (client->next.memory && writer_room(&model->bench.writer) > 0 && !client->has_gap) {
        writer_put(&model->bench.writer, change);
        writer_close(&model->bench.writer);
        model->bench.writer = client->next;
        client->next = (struct writer){0};
        tell_made(model);
        model->switches++;
    }
}

/* The server forgets everything; the client goes on, and tells all once it has a ring again. */
static void reconnect(struct model *model)
{
    struct client *client = &model->client;
    struct bench *bench = &model->bench;

    model->swept += bench->registry.figures.swept;
    model->overtaken += bench->registry.figures.overtaken;
    if (client->next.memory)
        writer_close(&client->next);
    bench_done(bench);
    bench_init(bench);
    tell_made(model);
    client->put = 0;
    client->has_gap = true;
    client->has_grown = false;
    client->telling = TELLING_NOTHING;
}

/* ---- What must hold ---- */

static void assert_same_usage(struct ledger *ours, struct ledger *theirs)
{
    for (size_t i = 0; i < ledger_device_count(ours); i++) {
        const struct ledger_device *mine = ledger_device(ours, i);
        const struct ledger_device *other = ledger_find_device(theirs, mine->device_id);

        for (unsigned region = 0; region < USAGE_REGIONS; region++) {
            if (!other) {
                assert_int_equal(mine->usage.allocations[region] + mine->usage.buffers[region], 0);
                continue;
            }
            assert_int_equal(mine->usage.buffers[region], other->usage.buffers[region]);
            assert_true(mine->usage.region[region].bytes == other->usage.region[region].bytes);
            assert_int_equal(mine->usage.allocations[region], other->usage.allocations[region]);
            assert_int_equal(mine->usage.frees[region], other->usage.frees[region]);
        }
    }
}

/* One number per buffer, so that the order does not matter. */
static uint64_t sum_up(const struct ledger *ledger)
{
    struct ledger_buffer buffer;
    uint64_t cursor = 0, sum = 0;

    while (ledger_walk(ledger, &cursor, NULL, &buffer)) {
        struct fixture_random mixer = {buffer.id << 40 ^ buffer.size << 32 ^ (uint64_t)buffer.references << 16 ^
                                       (uint64_t)buffer.device->device_id << 8 ^ buffer.region};

        sum += fixture_random(&mixer);
    }
    return sum;
}

static void compare(struct model *model)
{
    const struct process *process = model->bench.process;

    if (process_is_inexact(process) || !model->bench.feed.is_known)
        return;
    model->exact++;
    assert_int_equal(ledger_count(process->ledger), ledger_count(model->client.ledger));
    assert_int_equal(sum_up(process->ledger), sum_up(model->client.ledger));
    assert_same_usage(process->ledger, model->client.ledger);
    assert_same_usage(model->client.ledger, process->ledger);
}

static void settle(struct model *model)
{
    const struct feed *feed = &model->bench.feed;

    assert_int_equal(bench_drain(&model->bench), 0);
    assert_int_equal(feed->refusal, 0);
    assert_int_equal(feed->applied, model->client.put);
    if (feed->is_known) {
        assert_int_equal(model->client.made, feed->before + feed->applied + feed->lost);
        assert_int_equal(model->bench.process->lost, feed->lost);
    }
    if (model->client.has_gap)
        assert_true(process_is_inexact(model->bench.process) || !feed->is_known);
    compare(model);
}

static void drain_some(struct model *model)
{
    size_t limit = fixture_below(&model->random, 200), taken;

    assert_int_equal(feed_drain(&model->bench.feed, &model->bench.registry, model->bench.process, limit, NOW, &taken),
                     0);
    assert_true(taken <= limit);
    bench_check(&model->bench);
}

static void sweep_some(struct model *model)
{
    size_t steps = fixture_below(&model->random, 30);

    if (registry_sweep(&model->bench.registry, model->bench.process, &steps) && feed_pending(&model->bench.feed) == 0)
        model->client.has_ended = false;
    bench_check(&model->bench);
}

/* ---- Anything at all ---- */

static void step(struct model *model)
{
    size_t what = fixture_below(&model->random, 1000);

    if (what < 450)
        report_allocation(model);
    else if (what < 900)
        report_release(model);
    else if (what < 960)
        heal(model);
    else if (what < 970)
        sweep_some(model);
    else if (what < 984)
        drain_some(model);
    else if (what < 992)
        settle(model);
    else if (chance(model, 20))
        grow(model);
    else if (chance(model, 200))
        reconnect(model);
}

static void test_anything_at_all(void **state)
{
    struct model model = {.random = {2024}};

    (void)state;
    assert_int_equal(ledger_new(&model.client.ledger, NULL), 0);
    bench_init(&model.bench);
    model.client.has_gap = true;
    for (size_t i = 0; i < 1500000; i++)
        step(&model);
    settle(&model);
    reconnect(&model);
    bench_done(&model.bench);
    ledger_free(model.client.ledger);

    /* It all happened. */
    assert_true(model.exact > 2000);
    assert_true(model.gaps > 100 && model.resyncs > 100 && model.switches > 10);
    assert_true(model.swept > 100 && model.overtaken > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_anything_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
