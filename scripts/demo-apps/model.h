/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A transformer on a mesh: its weights in DRAM, and the bursts of short-lived L1 buffers when it runs.
 *
 * Functions return 0 or a negative errno after mesh.c or programs.c said on stderr what did not fit.
 */

#include "mesh.h"
#include "programs.h"
#include "transformer.h"

struct model {
    const struct transformer *shape;
    struct mesh *mesh;
    unsigned layers_loaded;
    struct mesh_buffers weights;
    struct mesh_buffers semaphores; /* by which the chips wait for each other */
    struct mesh_buffer trace;
    struct programs programs;
};

/* One run of a batch of tokens through the layers, which may stop between two of them. A zeroed one is over. */
struct pass {
    unsigned tokens;
    unsigned layers_done;
    struct mesh_buffer hidden; /* the tokens between two layers */
};

static inline bool model_is_loaded(const struct model *model)
{
    return model->layers_loaded == model->shape->layers;
}

/* Loads the next layer; with the first one, what stands outside of the layers. */
int model_load_layer(struct model *model);

/* Records the commands of one decoding step, so that from then on they are replayed and nothing is allocated. */
int model_capture_trace(struct model *model, uint64_t size);

int model_begin_pass(struct model *model, unsigned tokens, struct pass *ret);
/* Takes the pass through so many layers. When it has been through all, it is over. */
int model_advance_pass(struct model *model, struct pass *pass, unsigned layers);
void model_end_pass(struct model *model, struct pass *pass);

static inline bool pass_is_over(const struct pass *pass)
{
    return pass->tokens == 0;
}

/* Frees everything. */
void model_unload(struct model *model);
