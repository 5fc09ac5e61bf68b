/*
 * What a model's config files say, in diffusers' and transformers' terms. Any network of the
 * Stable Diffusion 1.x family is described by these; what is outside the family is refused by name.
 */
#ifndef TB_MODELS_CONFIG_H
#define TB_MODELS_CONFIG_H

#include <jansson.h>
#include <stdbool.h>

#include "engine/base/error.h"

enum { TB_MODEL_MAX_BLOCKS = 8 };

/* transformers' CLIPTextConfig */
typedef struct tb_text_config {
    int vocab_size, width, n_layers, n_heads, mlp_width; /* hidden_size, intermediate_size */
    int n_positions;                                     /* max_position_embeddings: 77 */
    bool is_quick_gelu;                                  /* hidden_act; else exact gelu */
    float eps;                                           /* layer_norm_eps */
} tb_text_config;

/* diffusers' UNet2DConditionModel */
typedef struct tb_unet_config {
    int in_channels, out_channels;
    int n_blocks;                                 /* down, and as many up */
    int block_channels[TB_MODEL_MAX_BLOCKS];      /* block_out_channels */
    bool has_attention_down[TB_MODEL_MAX_BLOCKS]; /* CrossAttnDownBlock2D, else DownBlock2D */
    bool has_attention_up[TB_MODEL_MAX_BLOCKS];   /* CrossAttnUpBlock2D, else UpBlock2D */
    int layers_per_block[TB_MODEL_MAX_BLOCKS];    /* up blocks have one more */
    int n_heads[TB_MODEL_MAX_BLOCKS];             /* attention_head_dim, which means heads */
    int cross_width;                              /* cross_attention_dim */
    int n_groups;                                 /* norm_num_groups */
    float eps;                                    /* norm_eps: 1e-5 */
    bool has_linear_projection;                   /* use_linear_projection */
    bool flips_sin_to_cos;                        /* cos first */
    double frequency_shift;                       /* freq_shift */
    int sample_size;                              /* 0: not said */
} tb_unet_config;

/* diffusers' AutoencoderKL */
typedef struct tb_vae_config {
    int in_channels, out_channels; /* 3 and 3 */
    int latent_channels;
    int n_blocks; /* down-sampling is 2^(n_blocks - 1) */
    int block_channels[TB_MODEL_MAX_BLOCKS];
    int layers_per_block; /* the decoder has one more */
    int n_groups;
    float eps;             /* 1e-6, not in the file */
    double scaling_factor; /* 0.18215 */
} tb_vae_config;

/* Each reads one config.json that is parsed already; `what` names the file in errors. Keys that are
 * absent have diffusers' defaults; unknown ones are ignored; a known one that asks for something
 * which is not of the family is refused. BAD_FILE names file, key, value and limit. */
TB_MUST_USE tb_status tb_text_config_read(const json_t *json, const char *what,
                                          tb_text_config *config, tb_error *err);
TB_MUST_USE tb_status tb_unet_config_read(const json_t *json, const char *what,
                                          tb_unet_config *config, tb_error *err);
TB_MUST_USE tb_status tb_vae_config_read(const json_t *json, const char *what,
                                         tb_vae_config *config, tb_error *err);

/* Stable Diffusion 1.5's, which single files without a config have. Vocabulary, widths and layers
 * are then checked against the tensors. */
void tb_text_config_sd15(tb_text_config *config);
void tb_unet_config_sd15(tb_unet_config *config);
void tb_vae_config_sd15(tb_vae_config *config);

static inline int tb_vae_factor(const tb_vae_config *config)
{
    return 1 << (config->n_blocks - 1);
}

#endif
