/* Convolution over pictures, channels last. */
#ifndef TB_NN_CONV_H
#define TB_NN_CONV_H

#include "engine/nn/matrix.h"

typedef struct tb_conv {
    tb_matrix matrix; /* n_in = kernel * kernel * c_in in the order (ky, kx, c_in) */
    int c_in, kernel; /* 1 or 3 */
    int stride;       /* 1 or 2 */
    int pad_before;   /* zeros above and left */
    int pad_after;    /* zeros below and right */
} tb_conv;

/* Height or width of the result. */
int tb_conv_size(const tb_conv *conv, int size);

/* out[n, oh*ow, c_out] = conv(in[n, h*w, c_in]) + bias (+ residual of out's shape, or NULL).
 * The sums are those of tb_linear over (ky, kx, c_in), padding as zeros. */
void tb_conv2d(tb_nn *nn, float *out, const float *in, int n, int h, int w, const tb_conv *conv,
               const float *residual);

/* out[n, out_h*out_w, c]: pixel (y / 2, x / 2) of in[n, h*w, c] (nearest). out_h and out_w are 2h
 * and 2w, or one less where a skip connection is of odd size. */
void tb_upsample2(tb_nn *nn, float *out, int out_h, int out_w, const float *in, int n, int h, int w,
                  int c);

#endif
