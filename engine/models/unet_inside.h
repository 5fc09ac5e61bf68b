/*
 * What a UNet consists of, for the files that load it, run it and prepare its texts. Layers stand
 * in the order in which they run: down, middle, up.
 */
#ifndef TB_MODELS_UNET_INSIDE_H
#define TB_MODELS_UNET_INSIDE_H

#include "engine/base/limits.h"
#include "engine/models/resnet.h"
#include "engine/models/unet.h"
#include "engine/models/unet_blocks.h"

struct tb_unet {
    tb_unet_config config;
    int time_width; /* 4 * block_channels[0] */
    tb_matrix time1, time2;
    tb_conv conv_in, conv_out;
    tb_norm norm_out;
    int n_resnets, n_transformers;
    tb_resnet *resnets;                                         /* owned */
    tb_transformer *transformers;                               /* owned */
    tb_conv down[TB_MODEL_MAX_BLOCKS], up[TB_MODEL_MAX_BLOCKS]; /* [n_blocks - 1] are there */
};

struct tb_unet_context {
    int n, n_tokens, n_layers;
    tb_cross_attention *layers; /* owned; one for each transformer */
    float *floats;              /* owned; NULL: a shape without values */
};

#endif
