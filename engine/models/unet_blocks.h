/*
 * The attention block of the UNet (diffusers' Transformer2DModel with one BasicTransformerBlock):
 * self-attention, cross-attention to the texts, feed-forward.
 */
#ifndef TB_MODELS_UNET_BLOCKS_H
#define TB_MODELS_UNET_BLOCKS_H

#include "engine/models/part.h"

typedef struct tb_transformer {
    int channels, n_heads;
    tb_norm norm_in, norm1, norm2, norm3;
    tb_matrix proj_in, proj_out; /* linear, or 1x1 convolutions: the same */
    tb_matrix q1, k1, v1, out1;  /* self-attention */
    tb_matrix q2, k2, v2, out2;  /* cross-attention: k2, v2 [channels, cross_width] */
    tb_matrix ff_in, ff_gate;    /* [4 * channels, channels] each: two halves of one tensor */
    tb_matrix ff_out;            /* [channels, 4 * channels] */
} tb_transformer;

typedef struct tb_transformer_style {
    int n_heads, n_groups, cross_width;
} tb_transformer_style;

void tb_transformer_load(tb_loader *loader, tb_transformer *t, const char *prefix, int channels,
                         const tb_transformer_style *style);
void tb_transformer_deinit(tb_transformer *t); /* accepts a zeroed one */
size_t tb_transformer_bytes(const tb_transformer *t);

/* Keys and values of the texts for one transformer, each [n, n_tokens, channels]. */
typedef struct tb_cross_attention {
    const float *keys, *values; /* NULL: for a dry run only */
    int n_tokens;
} tb_cross_attention;

/* Replace the picture by the block's output. */
void tb_transformer_forward(tb_nn *nn, const tb_transformer *t, tb_picture *p,
                            const tb_cross_attention *texts);

#endif
