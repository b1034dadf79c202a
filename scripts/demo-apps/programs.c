/* SPDX-License-Identifier: Apache-2.0 */

#include "programs.h"

#include <errno.h>
#include <stdio.h>

#define KIB UINT64_C(1024)
#define CIRCULAR_BUFFERS 4
#define KERNELS 3

/* Per core. The kernels are reader, writer and compute. */
static const struct {
    const char *name;
    uint64_t circular_buffers[CIRCULAR_BUFFERS];
    uint64_t kernels[KERNELS];
} catalogue[PROGRAMS] = {
    [PROGRAM_NORM] = {"norm", {32 * KIB, 8 * KIB, 32 * KIB}, {2 * KIB, 1 * KIB, 6 * KIB}},
    [PROGRAM_MATMUL] = {"matmul", {64 * KIB, 136 * KIB, 64 * KIB, 64 * KIB}, {5 * KIB, 4 * KIB, 11 * KIB}},
    [PROGRAM_ATTENTION] = {"attention", {64 * KIB, 68 * KIB, 68 * KIB, 64 * KIB}, {9 * KIB, 5 * KIB, 24 * KIB}},
    [PROGRAM_ALL_REDUCE] = {"all-reduce", {32 * KIB, 32 * KIB}, {7 * KIB, 7 * KIB, 4 * KIB}},
    [PROGRAM_ADD] = {"add", {16 * KIB, 16 * KIB, 16 * KIB}, {1 * KIB, 1 * KIB, 3 * KIB}},
};

static uint64_t kernel_id(enum program program, unsigned kernel)
{
    return (uint64_t)program * KERNELS + kernel + 1;
}

static void load_kernels(const struct mesh *mesh, enum program program)
{
    for (unsigned chip = 0; chip < mesh->chips; chip++)
        for (unsigned i = 0; i < KERNELS; i++)
            tt_alloc_report_kernel_load((int32_t)chip, MESH_CORES * catalogue[program].kernels[i],
                                        kernel_id(program, i), (uint8_t)i);
}

static void unload_kernels(const struct mesh *mesh, enum program program)
{
    for (unsigned chip = 0; chip < mesh->chips; chip++)
        for (unsigned i = 0; i < KERNELS; i++)
            tt_alloc_report_kernel_unload((int32_t)chip, MESH_CORES * catalogue[program].kernels[i],
                                          kernel_id(program, i));
}

/* Circular buffers stand one behind the other at the bottom of L1, and are known by their addresses. */
static void report_circular_buffers(const struct mesh *mesh, enum program program,
                                    void (*report)(int32_t device_id, uint64_t size, uint64_t cb_id))
{
    const uint64_t *sizes = catalogue[program].circular_buffers;

    for (unsigned chip = 0; chip < mesh->chips; chip++) {
        uint64_t address = mesh_l1_gap(mesh).start;

        for (unsigned i = 0; i < CIRCULAR_BUFFERS && sizes[i] > 0; i++) {
            report((int32_t)chip, MESH_CORES * sizes[i], address);
            address += sizes[i];
        }
    }
}

static void free_circular_buffers(struct programs *programs, const struct mesh *mesh)
{
    if (programs->has_circular_buffers)
        report_circular_buffers(mesh, programs->latest, tt_alloc_report_cb_deallocation);
    programs->has_circular_buffers = false;
}

static int check_room(const struct mesh *mesh, enum program program)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < CIRCULAR_BUFFERS; i++)
        total += catalogue[program].circular_buffers[i];
    if (total <= mesh_l1_gap(mesh).size)
        return 0;
    fprintf(stderr, "the circular buffers of %s would reach into L1 buffers\n", catalogue[program].name);
    return -ENOSPC;
}

int programs_run(struct programs *programs, const struct mesh *mesh, enum program program)
{
    int error = check_room(mesh, program);

    if (error < 0)
        return error;
    if (!programs->loaded[program])
        load_kernels(mesh, program);
    programs->loaded[program] = true;

    free_circular_buffers(programs, mesh);
    report_circular_buffers(mesh, program, tt_alloc_report_cb_allocation);
    programs->latest = program;
    programs->has_circular_buffers = true;
    return 0;
}

void programs_clear(struct programs *programs, const struct mesh *mesh)
{
    free_circular_buffers(programs, mesh);
    for (enum program program = 0; program < PROGRAMS; program++)
        if (programs->loaded[program])
            unload_kernels(mesh, program);
    *programs = (struct programs){0};
}
