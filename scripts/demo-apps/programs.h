/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Programs: what the cores of a mesh run. The kernels of a program stay loaded once it has run (the program cache); its
 * circular buffers, through which its kernels hand tiles to each other, last until the next program runs.
 */

#include <stdbool.h>

#include "mesh.h"

enum program {
    PROGRAM_NORM,
    PROGRAM_MATMUL,
    PROGRAM_ATTENTION,
    PROGRAM_ALL_REDUCE,
    PROGRAM_ADD,
    PROGRAMS,
};

/* A zeroed one has run nothing. */
struct programs {
    bool loaded[PROGRAMS];
    bool has_circular_buffers; /* those of `latest` */
    enum program latest;
};

/* -ENOSPC, after a line on stderr: its circular buffers would reach into buffers. */
int programs_run(struct programs *programs, const struct mesh *mesh, enum program program);

/* Frees circular buffers and unloads kernels. */
void programs_clear(struct programs *programs, const struct mesh *mesh);
