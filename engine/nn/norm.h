/* Normalisations with learned gain and shift. */
#ifndef TB_NN_NORM_H
#define TB_NN_NORM_H

#include "engine/nn/nn.h"

typedef struct tb_norm {
    int n_channels, n_groups; /* n_groups: GroupNorm only */
    float eps;
    float *gain, *shift; /* owned [n_channels] */
} tb_norm;

void tb_norm_deinit(tb_norm *norm); /* accepts a zeroed one */

/* out = GroupNorm(in), both [n, positions, c], then silu where asked (Wu & He 2018). Moments: float
 * sums of TB_MOMENT_ROWS positions for each channel, combined in double in order of positions, then
 * channels (Chan et al. 1983). out may be in. */
void tb_group_norm(tb_nn *nn, float *out, const float *in, int n, int64_t positions,
                   const tb_norm *norm, bool has_silu);
/* out = LayerNorm(in), both [rows, c]. out may be in. */
void tb_layer_norm(tb_nn *nn, float *out, const float *in, int64_t rows, const tb_norm *norm);

#endif
