/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Transcribes a batch of recordings with Whisper large-v3, on the third chip alone, which it knows as device 0. The
 * encoder runs over a recording of 30 seconds in bursts of activations; the decoder then reads its output for some
 * steps through keys and values made of it. What the encoder found is kept for a second pass over the whole batch, so
 * this application grows until the batch is through.
 */

#include <stdlib.h>
#include <unistd.h>

#include "application.h"
#include "model.h"

#define RECORDINGS_PER_BATCH 240
#define FRAMES 1500       /* of sound in a recording, as the encoder sees it */
#define ENCODER_LAYERS 16 /* in one step */
#define TRACE_SIZE (UINT64_C(42) << 20)
#define WINDOWS 4 /* small tables of the convolutions that read the sound */

struct batch {
    struct application application;
    struct mesh mesh;
    struct model encoder;
    struct model decoder;
    struct mesh_buffers windows;
    struct pass encoding;
    unsigned tokens_to_come; /* of the recording that is decoded */
    struct mesh_buffer cross_cache;
    struct mesh_buffers features; /* of the recordings so far */
    unsigned long recordings;
};

static int make_windows(struct batch *batch)
{
    int error = 0;

    for (unsigned i = 0; i < WINDOWS && error == 0; i++)
        error = mesh_allocate_into(&batch->mesh, TT_ALLOC_L1_SMALL, MESH_CORES * UINT64_C(1024), 1024, &batch->windows);
    return error;
}

static int load_next_layer(struct batch *batch)
{
    int error;

    if (!model_is_loaded(&batch->encoder))
        return model_load_layer(&batch->encoder);
    error = model_load_layer(&batch->decoder);
    if (error < 0 || !model_is_loaded(&batch->decoder))
        return error;
    error = model_capture_trace(&batch->decoder, TRACE_SIZE);
    if (error == 0)
        error = make_windows(batch);
    if (error == 0)
        application_say(&batch->application, "ready, PID %d transcribes on device 2 (its own device 0)", (int)getpid());
    return error;
}

static int begin_recording(struct batch *batch)
{
    if (batch->features.count == RECORDINGS_PER_BATCH)
        mesh_free_all(&batch->mesh, &batch->features);
    return model_begin_pass(&batch->encoder, FRAMES, &batch->encoding);
}

/* Keys and values of the cross attention are made once for a recording, from what is kept of it. */
static int begin_decoding(struct batch *batch)
{
    const struct transformer *shape = batch->decoder.shape;
    uint64_t features = tensor_size(FRAMES, shape->hidden, TILE_BFLOAT16);
    int error = mesh_allocate_into(&batch->mesh, TT_ALLOC_DRAM, features, TILE_BFLOAT16, &batch->features);

    if (error == 0)
        error = mesh_allocate(&batch->mesh, TT_ALLOC_DRAM, transformer_cache_size(shape, FRAMES, batch->mesh.chips),
                              TILE_BFLOAT8, &batch->cross_cache);
    batch->tokens_to_come = application_chance(&batch->application, 4, 12);
    return error;
}

static int encode(struct batch *batch)
{
    int error = model_advance_pass(&batch->encoder, &batch->encoding, ENCODER_LAYERS);

    if (error < 0 || !pass_is_over(&batch->encoding))
        return error;
    return begin_decoding(batch);
}

static void decode(struct batch *batch)
{
    batch->tokens_to_come--;
    if (batch->tokens_to_come > 0)
        return;
    mesh_free(&batch->mesh, &batch->cross_cache);
    batch->recordings++;
}

static int step(struct batch *batch)
{
    if (!model_is_loaded(&batch->decoder))
        return load_next_layer(batch);
    if (!pass_is_over(&batch->encoding))
        return encode(batch);
    if (batch->tokens_to_come == 0)
        return begin_recording(batch);
    decode(batch);
    return 0;
}

static void clean_up(struct batch *batch)
{
    mesh_free_all(&batch->mesh, &batch->features);
    mesh_free(&batch->mesh, &batch->cross_cache);
    model_end_pass(&batch->encoder, &batch->encoding);
    mesh_free_all(&batch->mesh, &batch->windows);
    model_unload(&batch->decoder);
    model_unload(&batch->encoder);
    mesh_close(&batch->mesh);
}

int main(int argc, char **argv)
{
    static struct batch batch = {.encoder = {.shape = &whisper_large_encoder, .mesh = &batch.mesh},
                                 .decoder = {.shape = &whisper_large_decoder, .mesh = &batch.mesh}};
    int status, error;

    if (!application_start(&batch.application, argc, argv,
                           "Transcribes recordings with Whisper large-v3 on the third device, so to speak.", &status))
        return status;
    error = mesh_open(&batch.mesh, 2, 1);
    while (error == 0 && application_next_step(&batch.application))
        error = step(&batch);
    clean_up(&batch);
    if (error < 0)
        return EXIT_FAILURE;
    application_say(&batch.application, "transcribed %lu recordings and freed everything", batch.recordings);
    return EXIT_SUCCESS;
}
