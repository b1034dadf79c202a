/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The shapes of transformers, and how many bytes their tensors take: all that an allocator ever sees of a model.
 */

#include <stdbool.h>
#include <stdint.h>

/* Tensors are stored in tiles of 32 x 32 numbers, each in so many bytes. */
#define TILE_BFLOAT16 2048
#define TILE_BFLOAT8 1088 /* 8 bits each, and an exponent for every 16 */

struct transformer {
    const char *name;
    unsigned layers;
    unsigned hidden;   /* numbers that describe a token between layers */
    unsigned heads;    /* of attention */
    unsigned kv_heads; /* shared by several of them */
    unsigned head_size;
    unsigned feed_forward;
    unsigned vocabulary;  /* 0: it does not end in words */
    bool is_gated;        /* three feed-forward matrices instead of two */
    bool cross_attention; /* looks at an encoder's output, too */
    unsigned weight_tile;
};

extern const struct transformer llama_3_1_8b;
extern const struct transformer whisper_large_encoder;
extern const struct transformer whisper_large_decoder;

/* Bytes of a tensor of rows x columns. */
uint64_t tensor_size(uint64_t rows, uint64_t columns, unsigned tile);

/* The weights of a layer on each of so many chips among which it is divided. */
struct weight {
    uint64_t rows;
    uint64_t columns;
    unsigned tile;
};
#define LAYER_WEIGHTS_MAX 10
/* Fills in the list and returns how many there are. */
unsigned transformer_layer_weights(const struct transformer *transformer, unsigned chips,
                                   struct weight ret[LAYER_WEIGHTS_MAX]);

/* Keys and values of tokens, in all layers, on each of so many chips. */
uint64_t transformer_cache_size(const struct transformer *transformer, unsigned tokens, unsigned chips);
