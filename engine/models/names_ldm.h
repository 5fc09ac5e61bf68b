/*
 * Names of tensors in files other than today's diffusers folders: single-file checkpoints of the
 * original latent-diffusion code, older diffusers, transformers with and without "text_model.".
 * The rules are those of diffusers' conversion; which block an index of the original's flat lists
 * belongs to follows from the names themselves, where the list has its down- and up-samplers.
 */
#ifndef TB_MODELS_NAMES_LDM_H
#define TB_MODELS_NAMES_LDM_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/limits.h"
#include "engine/models/parameters.h"

typedef struct tb_ldm_place {
    int block, layer;
} tb_ldm_place;

/* Zeroed, then told all names of a network, then settled. */
typedef struct tb_ldm_layout {
    bool ends_input[TB_LDM_MAX_INDEX];  /* input_blocks.N is a down-sampler */
    bool ends_output[TB_LDM_MAX_INDEX]; /* output_blocks.N has an up-sampler */
    tb_ldm_place input[TB_LDM_MAX_INDEX], output[TB_LDM_MAX_INDEX];
    int n_decoder_blocks; /* decoder.up counts from the last block */
} tb_ldm_layout;

void tb_ldm_layout_add(tb_ldm_layout *layout, const char *name);
void tb_ldm_layout_settle(tb_ldm_layout *layout);

/* The name that today's diffusers gives to a tensor that the file calls `name` (without a
 * checkpoint's prefix); false when it is too long. Unknown names stay. */
bool tb_ldm_translate(const tb_ldm_layout *layout, tb_network network, const char *name,
                      char out[TB_TENSOR_NAME_MAX_BYTES]);

/* Of the other direction: zeroed, then told all names of a network as today's diffusers has them.
 */
typedef struct tb_ldm_blocks {
    int n_down[TB_LDM_MAX_INDEX], n_up[TB_LDM_MAX_INDEX]; /* resnets of the UNet's blocks */
    bool has_sampler[TB_LDM_MAX_INDEX];                   /* down_blocks.N has a down-sampler */
    bool has_attention_up[TB_LDM_MAX_INDEX];
    int n_decoder; /* blocks of the VAE's decoder */
} tb_ldm_blocks;

void tb_ldm_blocks_add(tb_ldm_blocks *blocks, const char *name);

/* The inverse of tb_ldm_translate: what a tensor is called in a single-file checkpoint of Stable
 * Diffusion 1.x, prefix included. `name` is one of a network that tb_model_open knows; false when
 * the result is too long. */
bool tb_ldm_original(const tb_ldm_blocks *blocks, tb_network network, const char *name,
                     char out[TB_TENSOR_NAME_MAX_BYTES]);

/* What follows a checkpoint's prefix of this network ("model.diffusion_model."), or NULL. */
const char *tb_ldm_name_inside(tb_network network, const char *name);
/* Of training or another network, known not to matter: EMA copies, schedules, safety checkers. */
bool tb_ldm_is_skipped(const char *name);
/* The same inside of a network: position_ids, projections, losses. */
bool tb_ldm_is_skipped_inside(const char *name);

#endif
