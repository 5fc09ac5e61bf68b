/*
 * What an autoencoder consists of. Encoder and decoder are the same parts in other order: resnets
 * stand in the order in which they run.
 */
#ifndef TB_MODELS_VAE_BLOCKS_H
#define TB_MODELS_VAE_BLOCKS_H

#include "engine/models/resnet.h"
#include "engine/models/vae.h"

/* One head over all positions, with biases (diffusers' Attention with residual_connection). */
typedef struct tb_vae_attention {
    tb_norm norm;
    tb_matrix q, k, v, out; /* [channels, channels] */
} tb_vae_attention;

typedef struct tb_vae_half {
    tb_conv conv_in, conv_out;
    tb_matrix quant; /* 1x1: behind the encoder, before the decoder */
    tb_vae_attention attention;
    tb_norm norm_out;
    int n_resnets;
    tb_resnet *resnets;                    /* owned */
    tb_conv samplers[TB_MODEL_MAX_BLOCKS]; /* [n_blocks - 1] are there */
} tb_vae_half;

struct tb_vae {
    tb_vae_config config;
    int parts;
    tb_vae_half encoder, decoder;
};

void tb_vae_attention_load(tb_loader *loader, tb_vae_attention *a, const char *prefix, int channels,
                           int n_groups, float eps);
void tb_vae_attention_deinit(tb_vae_attention *a); /* accepts a zeroed one */
size_t tb_vae_attention_bytes(const tb_vae_attention *a);
/* x += attention of GroupNorm(x) to itself */
void tb_vae_attention_forward(tb_nn *nn, const tb_vae_attention *a, tb_picture *p);

#endif
