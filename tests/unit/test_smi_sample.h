/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A sample made by hand, so that views can be tested without a server: two described devices and one that nobody
 * described, three processes, two ended ones of which one left buffers.
 */

#include "smi/sample/snapshot.h"
#include "smi/text/format.h"

#include <errno.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define SECOND UINT64_C(1000000000)
#define SAMPLE_TIME (UINT64_C(1795356191) * SECOND + 482000000) /* 2026-11-22T14:03:11.482Z */

#define SAMPLE_REGION(number, which, live, count, most)                                                                \
    {                                                                                                                  \
        .device = (number), .logical_id = (number), .index = (which), .bytes = (live), .buffers = (count),             \
        .peak_bytes = (most), .allocations = (count) + 1, .frees = 1                                                   \
    }
#define SAMPLE_POOL(number, which, live, count, most)                                                                  \
    {                                                                                                                  \
        .device = (number), .logical_id = (number), .is_pool = true, .index = (which), .bytes = (live),                \
        .buffers = (count), .peak_bytes = (most)                                                                       \
    }
#define SAMPLE_COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct tt_alloc_usage usage_of_device_0[] = {
    SAMPLE_REGION(0, TT_ALLOC_DRAM, 8601 * MIB, 1456, 8800 * MIB),
    SAMPLE_REGION(0, TT_ALLOC_TRACE, 200 * MIB, 1, 200 * MIB),
    SAMPLE_REGION(0, TT_ALLOC_L1, 19083008, 12, 19083008),
    SAMPLE_REGION(0, TT_ALLOC_L1_SMALL, 921600, 1, 921600),
    SAMPLE_POOL(0, TT_ALLOC_POOL_DRAM, 8801 * MIB, 1457, 9000 * MIB),
    SAMPLE_POOL(0, TT_ALLOC_POOL_L1, 19083008 + 921600, 13, 19083008 + 921600),
};
static const struct tt_alloc_usage usage_of_device_1[] = {
    SAMPLE_REGION(1, TT_ALLOC_DRAM, 612 * MIB, 88, 3400 * MIB),
    SAMPLE_REGION(1, TT_ALLOC_L1, 0, 0, 4 * MIB),
    SAMPLE_POOL(1, TT_ALLOC_POOL_DRAM, 612 * MIB, 88, 3400 * MIB),
    SAMPLE_POOL(1, TT_ALLOC_POOL_L1, 0, 0, 4 * MIB),
};
static const struct tt_alloc_usage usage_of_device_7[] = {
    SAMPLE_REGION(7, TT_ALLOC_DRAM, 5 * MIB, 1, 5 * MIB),
    SAMPLE_POOL(7, TT_ALLOC_POOL_DRAM, 5 * MIB, 1, 5 * MIB),
};
static const struct tt_alloc_usage usage_of_serve[] = {
    SAMPLE_REGION(0, TT_ALLOC_DRAM, 8601 * MIB, 1456, 8800 * MIB),
    SAMPLE_REGION(0, TT_ALLOC_TRACE, 200 * MIB, 1, 200 * MIB),
    SAMPLE_REGION(0, TT_ALLOC_L1, 19083008, 12, 19083008),
    SAMPLE_REGION(0, TT_ALLOC_L1_SMALL, 921600, 1, 921600),
    SAMPLE_POOL(0, TT_ALLOC_POOL_DRAM, 8801 * MIB, 1457, 9000 * MIB),
    SAMPLE_POOL(0, TT_ALLOC_POOL_L1, 19083008 + 921600, 13, 19083008 + 921600),
    SAMPLE_REGION(1, TT_ALLOC_DRAM, 100 * MIB, 8, 400 * MIB),
    SAMPLE_POOL(1, TT_ALLOC_POOL_DRAM, 100 * MIB, 8, 400 * MIB),
};
static const struct tt_alloc_usage usage_of_tests[] = {
    SAMPLE_REGION(1, TT_ALLOC_DRAM, 512 * MIB, 80, 3000 * MIB),
    SAMPLE_REGION(1, TT_ALLOC_L1, 0, 0, 4 * MIB),
    SAMPLE_POOL(1, TT_ALLOC_POOL_DRAM, 512 * MIB, 80, 3000 * MIB),
    SAMPLE_POOL(1, TT_ALLOC_POOL_L1, 0, 0, 4 * MIB),
};
static const struct tt_alloc_usage usage_of_trainer[] = {
    SAMPLE_REGION(1, TT_ALLOC_DRAM, 256 * MIB, 1, 2150 * MIB),
    SAMPLE_POOL(1, TT_ALLOC_POOL_DRAM, 256 * MIB, 1, 2150 * MIB),
    SAMPLE_REGION(0, TT_ALLOC_L1, 0, 0, 2 * MIB),
    SAMPLE_POOL(0, TT_ALLOC_POOL_L1, 0, 0, 2 * MIB),
};

static const struct tt_alloc_device sample_devices[] = {
    {
        .device = 0,
        .description = {.known = TT_ALLOC_KNOWN_ASIC_ID | TT_ALLOC_KNOWN_PCI | TT_ALLOC_KNOWN_ARCH |
                                 TT_ALLOC_KNOWN_DRAM_SIZE | TT_ALLOC_KNOWN_L1_SIZE | TT_ALLOC_KNOWN_L1_SMALL_SIZE |
                                 TT_ALLOC_KNOWN_TRACE_SIZE | TT_ALLOC_KNOWN_BOARD | TT_ALLOC_KNOWN_REMOTE,
                        .asic_id = UINT64_MAX,
                        .pci_address = 0x0900,
                        .arch = TT_ALLOC_ARCH_WORMHOLE_B0,
                        .dram_size = 12 * GIB,
                        .l1_size = 93 * MIB,
                        .l1_small_size = 2 * MIB,
                        .trace_size = 576 * MIB,
                        .board = "n300"},
        .processes = 1,
        .usage = usage_of_device_0,
        .usage_count = SAMPLE_COUNT(usage_of_device_0),
    },
    {
        .device = 1,
        .description = {.known = TT_ALLOC_KNOWN_ARCH | TT_ALLOC_KNOWN_DRAM_SIZE | TT_ALLOC_KNOWN_L1_SIZE |
                                 TT_ALLOC_KNOWN_REMOTE,
                        .arch = TT_ALLOC_ARCH_BLACKHOLE,
                        .remote = true,
                        .dram_size = 12 * GIB,
                        .l1_size = 93 * MIB},
        .processes = 2,
        .usage = usage_of_device_1,
        .usage_count = SAMPLE_COUNT(usage_of_device_1),
    },
    {
        .device = 7,
        .processes = 1,
        .usage = usage_of_device_7,
        .usage_count = SAMPLE_COUNT(usage_of_device_7),
    },
};

static const struct tt_alloc_process sample_processes[] = {
    {
        .pid = 51203,
        .uid = 0,
        .serial = 2,
        .start_time = SAMPLE_TIME - 240 * SECOND,
        .age = 240 * SECOND,
        .comm = "pytest",
        .command = "pytest tests/ops -k conv",
        .inexact = true,
        .lost = 3,
        .buffers = 80,
        .usage = usage_of_tests,
        .usage_count = SAMPLE_COUNT(usage_of_tests),
    },
    {
        .pid = 41772,
        .uid = 4000000000,
        .serial = 1,
        .start_time = SAMPLE_TIME - 4320 * SECOND,
        .age = 4320 * SECOND,
        .label_pid = 12,
        .sessions = 1,
        .comm = "python",
        .command = "/opt/python/bin/python serve.py --model llama-70b",
        .buffers = 1478,
        .usage = usage_of_serve,
        .usage_count = SAMPLE_COUNT(usage_of_serve),
    },
    {
        .pid = 0,
        .uid = 0,
        .serial = 3,
        .age = 2 * SECOND,
        .comm = "bad",
        .command = "bad\033[31m\nname \xff\xe2\x80\xae",
    },
};

static const struct tt_alloc_process sample_ended[] = {
    {
        .pid = 49990,
        .uid = 0,
        .serial = 5,
        .end_time = SAMPLE_TIME - 10 * SECOND,
        .age = 3 * SECOND,
        .reason = TT_ALLOC_REASON_HUNG_UP,
        .comm = "true",
        .command = "true",
    },
    {
        .pid = 49981,
        .uid = 0,
        .serial = 4,
        .start_time = SAMPLE_TIME - 8000 * SECOND,
        .end_time = SAMPLE_TIME - 31 * SECOND,
        .age = 7969 * SECOND,
        .reason = TT_ALLOC_REASON_EXITED,
        .comm = "python",
        .command = "python train.py",
        .buffers = 1,
        .usage = usage_of_trainer,
        .usage_count = SAMPLE_COUNT(usage_of_trainer),
    },
};

static struct device_row sample_device_rows[SAMPLE_COUNT(sample_devices)];
static struct process_row sample_process_rows[SAMPLE_COUNT(sample_processes)];
static struct process_row sample_ended_rows[SAMPLE_COUNT(sample_ended)];

/* As the server tells of it. */
static inline struct device_row sample_device_row(const struct tt_alloc_device *facts)
{
    return (struct device_row){
        .facts = *facts, .is_told = true, .is_placed = true, .is_complete = true, .has_peaks = true};
}

static inline struct process_row sample_process_row(const struct tt_alloc_process *facts, enum tracking tracking)
{
    return (struct process_row){
        .facts = *facts, .tracking = tracking, .has_uid = true, .is_complete = true, .has_peaks = true};
}

static inline void sample_fill(struct snapshot *sample)
{
    for (size_t i = 0; i < sample->device_count; i++) {
        sample_device_rows[i] = sample_device_row(&sample_devices[i]);
        sample->devices[i] = &sample_device_rows[i];
    }
    for (size_t i = 0; i < sample->process_count; i++) {
        sample_process_rows[i] = sample_process_row(&sample_processes[i], TRACKING_REPORTING);
        sample->processes[i] = &sample_process_rows[i];
    }
    for (size_t i = 0; i < sample->ended_count; i++) {
        sample_ended_rows[i] = sample_process_row(&sample_ended[i], TRACKING_EXITED);
        sample->ended[i] = &sample_ended_rows[i];
    }
}

/* A sample of them all, selected. snapshot_clear() it. */
static inline struct snapshot sample_make(const struct filter *filter)
{
    struct snapshot sample = {
        .time = SAMPLE_TIME,
        .name = "bh-lab-07",
        .path = "/tmp/s.sock",
        .protocol_version = 1,
        .uptime = 274320 * SECOND,
        .coverage = {.devices = 3, .reporting = 3, .inexact = 1, .leaks = 1, .lost = 3},
        .device_count = SAMPLE_COUNT(sample_devices),
        .process_count = SAMPLE_COUNT(sample_processes),
        .ended_count = SAMPLE_COUNT(sample_ended),
        .host = {.driver.error = -ENOENT, .devices_error = -ENOENT, .totals_error = -ENOENT},
    };

    sample.devices = calloc(sample.device_count, sizeof(*sample.devices));
    sample.processes = calloc(sample.process_count, sizeof(*sample.processes));
    sample.ended = calloc(sample.ended_count, sizeof(*sample.ended));
    assert_true(sample.devices && sample.processes && sample.ended);
    sample_fill(&sample);
    assert_int_equal(snapshot_select(&sample, filter), 0);
    return sample;
}
