/* SPDX-License-Identifier: Apache-2.0 */

#include "model.h"

#define SEMAPHORES 8
#define SEMAPHORE_SIZE 16 /* on each core */

static int load_tensor(struct model *model, uint64_t rows, uint64_t columns, unsigned tile)
{
    return mesh_allocate_into(model->mesh, TT_ALLOC_DRAM, tensor_size(rows, columns, tile), tile, &model->weights);
}

/* The table of words, once to look up tokens and once to find the most likely next one. */
static int load_vocabulary(struct model *model)
{
    const struct transformer *shape = model->shape;
    unsigned words = shape->vocabulary / model->mesh->chips;
    int error = 0;

    if (shape->vocabulary > 0)
        error = load_tensor(model, words, shape->hidden, TILE_BFLOAT16);
    if (error == 0 && shape->vocabulary > 0)
        error = load_tensor(model, shape->hidden, words, shape->weight_tile);
    return error;
}

static int make_semaphores(struct model *model)
{
    int error = 0;

    for (unsigned i = 0; i < SEMAPHORES && error == 0; i++)
        error = mesh_allocate_into(model->mesh, TT_ALLOC_L1_SMALL, MESH_CORES * SEMAPHORE_SIZE, SEMAPHORE_SIZE,
                                   &model->semaphores);
    return error;
}

int model_load_layer(struct model *model)
{
    struct weight weights[LAYER_WEIGHTS_MAX];
    unsigned count = transformer_layer_weights(model->shape, model->mesh->chips, weights);
    int error = 0;

    if (model->layers_loaded == 0) {
        error = load_vocabulary(model);
        if (error == 0)
            error = make_semaphores(model);
    }
    for (unsigned i = 0; i < count && error == 0; i++)
        error = load_tensor(model, weights[i].rows, weights[i].columns, weights[i].tile);
    if (error == 0)
        model->layers_loaded++;
    return error;
}

int model_capture_trace(struct model *model, uint64_t size)
{
    return mesh_allocate(model->mesh, TT_ALLOC_TRACE, size, 1024, &model->trace);
}

/* ---- A layer, as the operations that it becomes ---- */

/* Intermediate results, by what is in them. */
enum slot { HIDDEN, MIDDLE, NORMED, QKV, ATTENDED, PROJECTED, GATE, UP, PRODUCT, SLOTS };
#define BIT(slot) (1U << (slot))

/* Runs a program that makes `result`, and then frees what nobody needs any more. */
struct operation {
    enum program program;
    enum slot result;
    unsigned frees;
};

static const struct operation layer_operations[] = {
    {PROGRAM_NORM, NORMED, 0},
    {PROGRAM_MATMUL, QKV, BIT(NORMED)},
    {PROGRAM_ATTENTION, ATTENDED, BIT(QKV)},
    {PROGRAM_MATMUL, PROJECTED, BIT(ATTENDED)},
    {PROGRAM_ALL_REDUCE, NORMED, BIT(PROJECTED)},
    {PROGRAM_ADD, MIDDLE, BIT(HIDDEN) | BIT(NORMED)},
    {PROGRAM_NORM, NORMED, 0},
    {PROGRAM_MATMUL, GATE, 0},
    {PROGRAM_MATMUL, UP, BIT(NORMED)},
    {PROGRAM_ADD, PRODUCT, BIT(GATE) | BIT(UP)},
    {PROGRAM_MATMUL, PROJECTED, BIT(PRODUCT)},
    {PROGRAM_ALL_REDUCE, NORMED, BIT(PROJECTED)},
    {PROGRAM_ADD, HIDDEN, BIT(MIDDLE) | BIT(NORMED)},
};

static unsigned slot_columns(const struct transformer *shape, unsigned chips, enum slot slot)
{
    switch (slot) {
    case QKV:
        return (shape->heads + 2 * shape->kv_heads) * shape->head_size / chips;
    case ATTENDED:
        return shape->heads * shape->head_size / chips;
    case GATE:
    case UP:
    case PRODUCT:
        return shape->feed_forward / chips;
    default:
        return shape->hidden;
    }
}

static int allocate_slot(struct model *model, unsigned tokens, enum slot slot, struct mesh_buffer *ret)
{
    unsigned columns = slot_columns(model->shape, model->mesh->chips, slot);

    return mesh_allocate(model->mesh, TT_ALLOC_L1, tensor_size(tokens, columns, TILE_BFLOAT16), TILE_BFLOAT16, ret);
}

static void free_slots(struct model *model, struct mesh_buffer *slots, unsigned which)
{
    for (unsigned i = 0; i < SLOTS; i++)
        if (which & BIT(i))
            mesh_free(model->mesh, &slots[i]);
}

static int run_operation(struct model *model, unsigned tokens, const struct operation *operation,
                         struct mesh_buffer *slots)
{
    int error = allocate_slot(model, tokens, operation->result, &slots[operation->result]);

    if (error == 0)
        error = programs_run(&model->programs, model->mesh, operation->program);
    free_slots(model, slots, operation->frees);
    return error;
}

static int run_layer(struct model *model, struct pass *pass)
{
    struct mesh_buffer slots[SLOTS] = {[HIDDEN] = pass->hidden};
    int error = 0;

    for (size_t i = 0; i < sizeof(layer_operations) / sizeof(layer_operations[0]) && error == 0; i++)
        error = run_operation(model, pass->tokens, &layer_operations[i], slots);
    pass->hidden = slots[HIDDEN];
    slots[HIDDEN] = (struct mesh_buffer){0};
    free_slots(model, slots, BIT(SLOTS) - 1);
    return error;
}

int model_begin_pass(struct model *model, unsigned tokens, struct pass *ret)
{
    struct pass pass = {.tokens = tokens};
    int error = allocate_slot(model, tokens, HIDDEN, &pass.hidden);

    if (error == 0)
        *ret = pass;
    return error;
}

int model_advance_pass(struct model *model, struct pass *pass, unsigned layers)
{
    int error = 0;

    for (; layers > 0 && pass->layers_done < model->shape->layers && error == 0; layers--) {
        error = run_layer(model, pass);
        pass->layers_done++;
    }
    if (pass->layers_done == model->shape->layers)
        model_end_pass(model, pass);
    return error;
}

void model_end_pass(struct model *model, struct pass *pass)
{
    mesh_free(model->mesh, &pass->hidden);
    *pass = (struct pass){0};
}

void model_unload(struct model *model)
{
    programs_clear(&model->programs, model->mesh);
    mesh_free(model->mesh, &model->trace);
    mesh_free_all(model->mesh, &model->semaphores);
    mesh_free_all(model->mesh, &model->weights);
    model->layers_loaded = 0;
}
