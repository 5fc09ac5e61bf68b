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

/* What a convolution sees: n pictures of h * w pixels. Where they are doubled, pixel (y, x) is (y /
 * 2, x / 2) of what is stored (nearest neighbours), pictures of (h + 1) / 2 * (w + 1) / 2. */
typedef struct tb_conv_pictures {
    const float *x; /* [n, h*w, c_in], or as doubled */
    int n, h, w;
    bool is_doubled;
} tb_conv_pictures;

/* Height or width of the result. */
int tb_conv_size(const tb_conv *conv, int size);

/*
 * out[n, oh*ow, c_out] = conv(in[n, h*w, c_in]) + bias (+ residual of out's shape, or NULL). Zeros
 * are around the pictures. The sums are those of tb_linear over (ky, kx, c_in), or
 * tb_winograd_run's where tb_conv_is_winograd says so. out may not be in, but the residual.
 */
void tb_conv_run(tb_nn *nn, float *out, const tb_conv_pictures *in, const tb_conv *conv,
                 const float *residual);
/* tb_conv_run of pictures as they are stored. */
void tb_conv2d(tb_nn *nn, float *out, const float *in, int n, int h, int w, const tb_conv *conv,
               const float *residual);

/* tb_conv_run by the sums of tb_linear whatever the shape. */
void tb_conv_run_direct(tb_nn *nn, float *out, const tb_conv_pictures *in, const tb_conv *conv,
                        const float *residual);

/* How a convolution of pictures of h * w pixels is computed: by its shape alone. */
bool tb_conv_is_winograd(const tb_conv *conv, int h, int w);

#endif
