/*
 * 3x3 convolutions of stride 1 by Winograd's F(4x4, 3x3): about a quarter of the products. Only
 * this knows tiles; conv.h chooses where it pays.
 */
#ifndef TB_NN_WINOGRAD_H
#define TB_NN_WINOGRAD_H

#include "engine/nn/conv.h"

typedef struct tb_winograd {
    const tb_conv *conv; /* of kernel 3 and stride 1 */
    float *out;          /* [n, out_h*out_w, c_out] */
    const float *residual;
    const tb_conv_pictures *in;
    int block_tiles; /* 0: as many as serve the caches; others give the same bits */
} tb_winograd;

/*
 * out = conv(in) + bias (+ residual, which may be out). Each of the 36 sums of a tile and output
 * takes blocks of TB_WINOGRAD_DEPTH channels, each summed by the gemm kernel and added in order;
 * then the transform, the bias, the residual. Bits do not depend on block_tiles or threads.
 */
void tb_winograd_run(tb_nn *nn, const tb_winograd *winograd);

enum { TB_WINOGRAD_DEPTH = 128 };

#endif
