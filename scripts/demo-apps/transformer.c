/* SPDX-License-Identifier: Apache-2.0 */

#include "transformer.h"

const struct transformer llama_3_1_8b = {
    .name = "Llama-3.1-8B",
    .layers = 32,
    .hidden = 4096,
    .heads = 32,
    .kv_heads = 8,
    .head_size = 128,
    .feed_forward = 14336,
    .vocabulary = 128256,
    .is_gated = true,
    .weight_tile = TILE_BFLOAT8,
};

const struct transformer whisper_large_encoder = {
    .name = "Whisper large-v3 encoder",
    .layers = 32,
    .hidden = 1280,
    .heads = 20,
    .kv_heads = 20,
    .head_size = 64,
    .feed_forward = 5120,
    .weight_tile = TILE_BFLOAT16,
};

const struct transformer whisper_large_decoder = {
    .name = "Whisper large-v3 decoder",
    .layers = 32,
    .hidden = 1280,
    .heads = 20,
    .kv_heads = 20,
    .head_size = 64,
    .feed_forward = 5120,
    .vocabulary = 51866,
    .cross_attention = true,
    .weight_tile = TILE_BFLOAT16,
};

uint64_t tensor_size(uint64_t rows, uint64_t columns, unsigned tile)
{
    return (rows + 31) / 32 * ((columns + 31) / 32) * tile;
}

static unsigned add_attention(const struct transformer *transformer, unsigned chips, struct weight *ret)
{
    uint64_t heads = transformer->heads / chips, kv_heads = transformer->kv_heads / chips;
    unsigned tile = transformer->weight_tile;

    ret[0] = (struct weight){1, transformer->hidden, TILE_BFLOAT16}; /* norm */
    ret[1] = (struct weight){transformer->hidden, (heads + 2 * kv_heads) * transformer->head_size, tile};
    ret[2] = (struct weight){heads * transformer->head_size, transformer->hidden, tile};
    return 3;
}

unsigned transformer_layer_weights(const struct transformer *transformer, unsigned chips,
                                   struct weight ret[LAYER_WEIGHTS_MAX])
{
    struct weight up = {transformer->hidden, transformer->feed_forward / chips, transformer->weight_tile};
    unsigned count = add_attention(transformer, chips, ret);

    if (transformer->cross_attention)
        count += add_attention(transformer, chips, ret + count);
    ret[count++] = (struct weight){1, transformer->hidden, TILE_BFLOAT16}; /* norm */
    ret[count++] = up;
    if (transformer->is_gated)
        ret[count++] = up;
    ret[count++] = (struct weight){up.columns, up.rows, up.tile};
    return count;
}

uint64_t transformer_cache_size(const struct transformer *transformer, unsigned tokens, unsigned chips)
{
    uint64_t width = (uint64_t)transformer->kv_heads * transformer->head_size / chips;

    return 2 * transformer->layers * tensor_size(tokens, width, TILE_BFLOAT8);
}
