/* The residual block of UNet and autoencoder (He et al. 2016; diffusers' ResnetBlock2D). */
#ifndef TB_MODELS_RESNET_H
#define TB_MODELS_RESNET_H

#include "engine/models/part.h"

typedef struct tb_resnet {
    tb_norm norm1, norm2;
    tb_conv conv1, conv2;
    tb_matrix time;     /* [c_out, time_width]; n_out 0: none */
    tb_matrix shortcut; /* [c_out, c_in], where the numbers differ */
    int c_in, c_out, time_width;
} tb_resnet;

/* What they all share. time_width 0: the block knows no time. */
typedef struct tb_resnet_style {
    int time_width, n_groups;
    float eps;
} tb_resnet_style;

void tb_resnet_load(tb_loader *loader, tb_resnet *resnet, const char *prefix, int c_in, int c_out,
                    const tb_resnet_style *style);
void tb_resnet_deinit(tb_resnet *resnet); /* accepts a zeroed one */
size_t tb_resnet_bytes(const tb_resnet *resnet);
/* Products for one position, for shares of the progress. */
double tb_resnet_cost(const tb_resnet *resnet);

/* Replace the picture by the block's output; `keeps`: the old one stays, untouched. time: silu of
 * the time embedding [time_width], the same for the whole batch. */
void tb_resnet_forward(tb_nn *nn, const tb_resnet *resnet, tb_picture *p, const float *time,
                       bool keeps);

#endif
