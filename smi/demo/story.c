/* SPDX-License-Identifier: Apache-2.0 */

/* Sizes are chosen so that what is told fits on the devices with room to spare, and a leak can be watched for minutes.
 */

#include "smi/demo/story.h"
#include "protocol/tt_alloc_protocol.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define TAG "(demo)" /* nobody shall take one for a real application */

#define ROLES(list) .roles = (list), .role_count = sizeof(list) / sizeof((list)[0])

/* A server that forgets some of its requests' caches, and a job that forgets everything when it ends. */
static const struct story_role leak[] = {
    {
        .words = {"serve.py", "--model", "llama", TAG},
        .device = 0,
        .devices = 2,
        .load = {{TT_ALLOC_DRAM, 32, 96 * MIB, 128 * MIB, 0},
                 {TT_ALLOC_TRACE, 2, 40 * MIB, 64 * MIB, 0},
                 {TT_ALLOC_L1_SMALL, 4, 8 * KIB, 16 * KIB, 0},
                 {TT_ALLOC_KERNEL, 24, 64 * KIB, 256 * KIB, 0}},
        .habits = {{TT_ALLOC_DRAM, 1, 256 * KIB, 2 * MIB, 0},
                   {TT_ALLOC_DRAM, 1, 4 * MIB, 64 * MIB, 9},
                   {TT_ALLOC_L1, 2, 128 * KIB, 1 * MIB, 6},
                   {TT_ALLOC_CB, 1, 512 * KIB, 2 * MIB, 2}},
        .beats = 300,
    },
    {
        .words = {"train.py", "--epochs", "3", TAG},
        .device = 1,
        .devices = 1,
        .load = {{TT_ALLOC_DRAM, 12, 32 * MIB, 96 * MIB, 0}, {TT_ALLOC_KERNEL, 8, 64 * KIB, 128 * KIB, 0}},
        .habits = {{TT_ALLOC_DRAM, 1, 1 * MIB, 8 * MIB, 0}, {TT_ALLOC_L1, 3, 64 * KIB, 512 * KIB, 4}},
        .beats = 100,
        .ending = ENDING_EXIT,
    },
};

/* One works on, the other is killed among hundreds of buffers. */
static const struct story_role crash[] = {
    {
        .words = {"serve.py", "--model", "whisper", TAG},
        .device = 0,
        .devices = 1,
        .load = {{TT_ALLOC_DRAM, 24, 32 * MIB, 128 * MIB, 0},
                 {TT_ALLOC_L1_SMALL, 4, 8 * KIB, 32 * KIB, 0},
                 {TT_ALLOC_KERNEL, 12, 64 * KIB, 256 * KIB, 0}},
        .habits = {{TT_ALLOC_L1, 2, 64 * KIB, 1 * MIB, 5}, {TT_ALLOC_CB, 1, 256 * KIB, 2 * MIB, 2}},
        .beats = 100,
    },
    {
        .words = {"bench.py", "--batch", "256", TAG},
        .device = 0,
        .devices = 2,
        .load = {{TT_ALLOC_DRAM, 80, 16 * MIB, 48 * MIB, 0},
                 {TT_ALLOC_TRACE, 4, 16 * MIB, 48 * MIB, 0},
                 {TT_ALLOC_KERNEL, 16, 64 * KIB, 256 * KIB, 0}},
        .habits = {{TT_ALLOC_DRAM, 2, 1 * MIB, 8 * MIB, 30},
                   {TT_ALLOC_L1, 2, 64 * KIB, 512 * KIB, 40},
                   {TT_ALLOC_CB, 1, 512 * KIB, 2 * MIB, 3}},
        .beats = 120,
        .ending = ENDING_KILL,
    },
};

/* Three of different kinds on two devices, with every region between them. */
static const struct story_role multi[] = {
    {
        .words = {"serve.py", "--model", "llama", TAG},
        .device = 0,
        .devices = 2,
        .load = {{TT_ALLOC_DRAM, 40, 96 * MIB, 160 * MIB, 0},
                 {TT_ALLOC_TRACE, 3, 48 * MIB, 96 * MIB, 0},
                 {TT_ALLOC_KERNEL, 24, 64 * KIB, 256 * KIB, 0}},
        .habits = {{TT_ALLOC_DRAM, 1, 8 * MIB, 96 * MIB, 12},
                   {TT_ALLOC_L1, 2, 128 * KIB, 2 * MIB, 5},
                   {TT_ALLOC_CB, 1, 512 * KIB, 2 * MIB, 2}},
        .beats = 100,
    },
    {
        .words = {"resnet.py", "--images", "/data", TAG},
        .device = 1,
        .devices = 1,
        .load = {{TT_ALLOC_DRAM, 53, 128 * KIB, 9 * MIB, 0},
                 {TT_ALLOC_L1_SMALL, 16, 16 * KIB, 96 * KIB, 0},
                 {TT_ALLOC_KERNEL, 40, 32 * KIB, 128 * KIB, 0}},
        .habits = {{TT_ALLOC_L1, 3, 512 * KIB, 6 * MIB, 3}, {TT_ALLOC_CB, 2, 256 * KIB, 3 * MIB, 1}},
        .beats = 100,
    },
    {
        .words = {"jupyter-kernel", "matmul.ipynb", TAG},
        .device = 0,
        .devices = 1,
        .load = {{TT_ALLOC_DRAM, 6, 2 * MIB, 32 * MIB, 0}, {TT_ALLOC_SYSTEM_MEMORY, 2, 64 * MIB, 64 * MIB, 0}},
        .habits = {{TT_ALLOC_DRAM, 1, 2 * MIB, 8 * MIB, 20}},
        .beats = 60,
    },
};

/* A job over a whole Galaxy, and two that took a corner of it. */
static const struct story_role galaxy[] = {
    {
        .words = {"mesh.py", "--mesh", "8x4", TAG},
        .device = 0,
        .devices = 32,
        .load = {{TT_ALLOC_DRAM, 16, 192 * MIB, 384 * MIB, 0},
                 {TT_ALLOC_TRACE, 2, 64 * MIB, 128 * MIB, 0},
                 {TT_ALLOC_L1_SMALL, 2, 32 * KIB, 64 * KIB, 0},
                 {TT_ALLOC_KERNEL, 8, 64 * KIB, 256 * KIB, 0}},
        .habits = {{TT_ALLOC_DRAM, 1, 8 * MIB, 160 * MIB, 8},
                   {TT_ALLOC_L1, 1, 512 * KIB, 8 * MIB, 4},
                   {TT_ALLOC_CB, 1, 512 * KIB, 4 * MIB, 2}},
        .beats = 20,
    },
    {
        .words = {"pytest", "tests/ops", TAG},
        .device = 5,
        .devices = 1,
        .load = {{TT_ALLOC_DRAM, 4, 16 * MIB, 64 * MIB, 0}},
        .habits = {{TT_ALLOC_DRAM, 1, 32 * KIB, 48 * MIB, 2}, {TT_ALLOC_L1, 2, 32 * KIB, 4 * MIB, 2}},
        .beats = 60,
    },
    {
        .words = {"serve.py", "--model", "whisper", TAG},
        .device = 28,
        .devices = 4,
        .load = {{TT_ALLOC_DRAM, 24, 32 * MIB, 96 * MIB, 0}, {TT_ALLOC_KERNEL, 12, 64 * KIB, 256 * KIB, 0}},
        .habits = {{TT_ALLOC_L1, 2, 64 * KIB, 1 * MIB, 5}, {TT_ALLOC_CB, 1, 256 * KIB, 2 * MIB, 2}},
        .beats = 60,
    },
};

const struct story stories[STORIES] = {
    [STORY_LEAK] = {.board = "n300", ROLES(leak)},
    [STORY_CRASH] = {.board = "n300", ROLES(crash)},
    [STORY_MULTI] = {.board = "n300", ROLES(multi)},
    [STORY_GALAXY] = {.board = "galaxy-wormhole", ROLES(galaxy)},
};
