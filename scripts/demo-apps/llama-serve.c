/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A server of Llama-3.1-8B, divided over both chips. The weights are loaded layer by layer and stay. Requests come and
 * go: the prompt of a new one runs through the layers, a few at a time, in bursts of activations; then every step gives
 * each request one more token by replaying a trace, and its keys and values take another page now and then. A request
 * that has all its tokens gives its pages back.
 */

#include <stdlib.h>
#include <unistd.h>

#include "application.h"
#include "model.h"

#define REQUESTS_MAX 16
#define PAGE_TOKENS 32
#define PREFILL_LAYERS 8 /* in one step, so that those who wait for tokens do not starve */
#define TRACE_SIZE (UINT64_C(186) << 20)

struct request {
    unsigned tokens; /* so far, the prompt included; 0: this place is free */
    unsigned tokens_to_come;
    struct mesh_buffers pages;
};

struct serving {
    struct application application;
    struct mesh mesh;
    struct model model;
    struct request requests[REQUESTS_MAX];
    struct request *starting; /* whose prompt is on its way through the layers */
    struct pass prefill;
    struct mesh_buffer logits; /* how likely each word is to be the next one */
    unsigned long tokens_made;
};

static int load_next_layer(struct serving *serving)
{
    int error = model_load_layer(&serving->model);

    if (error < 0 || !model_is_loaded(&serving->model))
        return error;
    error = model_capture_trace(&serving->model, TRACE_SIZE);
    if (error == 0)
        application_say(&serving->application, "ready, PID %d serves %s on devices 0 and 1", (int)getpid(),
                        serving->model.shape->name);
    return error;
}

/* A page holds keys and values of all layers: they are needed, and given up, together. */
static int add_pages(struct serving *serving, struct request *request)
{
    uint64_t size = transformer_cache_size(serving->model.shape, PAGE_TOKENS, serving->mesh.chips);
    int error = 0;

    while (request->pages.count * PAGE_TOKENS < request->tokens && error == 0)
        error = mesh_allocate_into(&serving->mesh, TT_ALLOC_DRAM, size, TILE_BFLOAT8, &request->pages);
    return error;
}

static void end_request(struct serving *serving, struct request *request)
{
    mesh_free_all(&serving->mesh, &request->pages);
    *request = (struct request){0};
}

static struct request *find_free_place(struct serving *serving)
{
    for (size_t i = 0; i < REQUESTS_MAX; i++)
        if (serving->requests[i].tokens == 0)
            return &serving->requests[i];
    return NULL;
}

/* One comes in every eight steps or so, and waits outside while all places are taken. */
static int accept_request(struct serving *serving)
{
    struct request *request = find_free_place(serving);
    int error;

    if (!request || serving->starting || application_chance(&serving->application, 1, 8) > 1)
        return 0;
    request->tokens = application_chance(&serving->application, 64, 768);
    request->tokens_to_come = application_chance(&serving->application, 40, 400);
    serving->starting = request;
    error = add_pages(serving, request);
    return error < 0 ? error : model_begin_pass(&serving->model, request->tokens, &serving->prefill);
}

static int continue_prefill(struct serving *serving)
{
    int error;

    if (!serving->starting)
        return 0;
    error = model_advance_pass(&serving->model, &serving->prefill, PREFILL_LAYERS);
    if (pass_is_over(&serving->prefill))
        serving->starting = NULL;
    return error;
}

static int add_token(struct serving *serving, struct request *request)
{
    if (request->tokens == 0 || request == serving->starting)
        return 0;
    if (request->tokens_to_come == 0) {
        end_request(serving, request);
        return 0;
    }
    request->tokens++;
    request->tokens_to_come--;
    serving->tokens_made++;
    return add_pages(serving, request);
}

static int decode(struct serving *serving)
{
    unsigned words = serving->model.shape->vocabulary / serving->mesh.chips;
    uint64_t size = tensor_size(REQUESTS_MAX, words, TILE_BFLOAT16);
    int error;

    mesh_free(&serving->mesh, &serving->logits);
    error = mesh_allocate(&serving->mesh, TT_ALLOC_L1, size, TILE_BFLOAT16, &serving->logits);
    for (size_t i = 0; i < REQUESTS_MAX && error == 0; i++)
        error = add_token(serving, &serving->requests[i]);
    return error;
}

static int step(struct serving *serving)
{
    int error;

    if (!model_is_loaded(&serving->model))
        return load_next_layer(serving);
    error = accept_request(serving);
    if (error == 0)
        error = continue_prefill(serving);
    return error < 0 ? error : decode(serving);
}

static void clean_up(struct serving *serving)
{
    for (size_t i = 0; i < REQUESTS_MAX; i++)
        end_request(serving, &serving->requests[i]);
    model_end_pass(&serving->model, &serving->prefill);
    mesh_free(&serving->mesh, &serving->logits);
    model_unload(&serving->model);
    mesh_close(&serving->mesh);
}

int main(int argc, char **argv)
{
    static struct serving serving = {.model = {.shape = &llama_3_1_8b, .mesh = &serving.mesh}};
    int status, error;

    if (!application_start(&serving.application, argc, argv, "Serves Llama-3.1-8B on devices 0 and 1, so to speak.",
                           &status))
        return status;
    error = mesh_open(&serving.mesh, 0, 2);
    while (error == 0 && application_next_step(&serving.application))
        error = step(&serving);
    clean_up(&serving);
    if (error < 0)
        return EXIT_FAILURE;
    application_say(&serving.application, "made %lu tokens and freed everything", serving.tokens_made);
    return EXIT_SUCCESS;
}
