#include "engine/nn/conv.h"

#include <string.h>

#include "engine/kernels/winograd.h"
#include "engine/nn/product.h"
#include "engine/nn/winograd.h"

int tb_conv_size(const tb_conv *conv, int size)
{
    return (size + conv->pad_before + conv->pad_after - conv->kernel) / conv->stride + 1;
}

typedef struct source {
    const tb_conv *conv;
    const tb_conv_pictures *in;
    int shift; /* of positions, to those that are stored */
    size_t stored_h, stored_w;
    int out_h, out_w;
} source;

/* Inputs k .. k+n_k-1, in the order (ky, kx, c), of the output pixel (y, x) of a picture. */
static void gather_pixel(const source *s, const float *picture, int y, int x, int k, int n_k,
                         float *out)
{
    const tb_conv *conv = s->conv;
    int tap = k / conv->c_in, c = k % conv->c_in;
    for (int left = n_k; left > 0; tap++, c = 0) {
        int len = conv->c_in - c < left ? conv->c_in - c : left;
        int in_y = y * conv->stride - conv->pad_before + tap / conv->kernel;
        int in_x = x * conv->stride - conv->pad_before + tap % conv->kernel;
        size_t bytes = sizeof *out * (size_t)len;
        if (in_y >= 0 && in_y < s->in->h && in_x >= 0 && in_x < s->in->w) {
            size_t pixel = (size_t)(in_y >> s->shift) * s->stored_w + (size_t)(in_x >> s->shift);
            memcpy(out, picture + pixel * (size_t)conv->c_in + c, bytes);
        } else {
            memset(out, 0, bytes);
        }
        out += len;
        left -= len;
    }
}

static tb_product_rows gather(const void *user, int64_t row, int n_rows, int k, int n_k,
                              float *room)
{
    const source *s = user;
    int64_t pixels = (int64_t)s->out_h * s->out_w, i = row / pixels;
    size_t picture_len = s->stored_h * s->stored_w * (size_t)s->conv->c_in;
    int y = (int)(row % pixels / s->out_w), x = (int)(row % pixels % s->out_w);
    for (int r = 0; r < n_rows; r++) {
        gather_pixel(s, s->in->x + (size_t)i * picture_len, y, x, k, n_k, room + (size_t)r * n_k);
        if (++x == s->out_w) {
            x = 0;
            y++;
        }
        if (y == s->out_h) {
            y = 0;
            i++;
        }
    }
    return (tb_product_rows){room, (size_t)n_k};
}

void tb_conv_run_direct(tb_nn *nn, float *out, const tb_conv_pictures *in, const tb_conv *conv,
                        const float *residual)
{
    source s = {.conv = conv, .in = in, .shift = in->is_doubled ? 1 : 0};
    s.stored_h = (size_t)(in->h + s.shift) >> s.shift;
    s.stored_w = (size_t)(in->w + s.shift) >> s.shift;
    s.out_h = tb_conv_size(conv, in->h);
    s.out_w = tb_conv_size(conv, in->w);
    tb_product_run(nn, &(tb_product){.w = &conv->matrix,
                                     .n_rows = (int64_t)in->n * s.out_h * s.out_w,
                                     .out = out,
                                     .residual = residual,
                                     .rows = gather,
                                     .user = &s});
}

/*
 * Where Winograd is the faster way, by shape alone: neither the number of pictures nor the machine
 * may change what is computed. From bench_conv, with AVX2 and AVX-512: at 64x64 to 8x8 it takes 2.5
 * to 4.6 times less time than the direct way. Where c_in is 4 (the networks' first layers) both are
 * the same; tiles that lie outside of the picture for the most part lose it (5x5, 3/8 inside: 1.2;
 * 2x2, 1/4: 0.8). TIMBRE_ENGINE_VERSION goes up with every change.
 */
enum { WINOGRAD_MIN_C_IN = 8, WINOGRAD_MIN_INSIDE_8 = 3 /* eighths */ };

bool tb_conv_is_winograd(const tb_conv *conv, int h, int w)
{
    int64_t out_h = tb_conv_size(conv, h), out_w = tb_conv_size(conv, w);
    int64_t tiles_y = (out_h + TB_WINOGRAD_OUT - 1) / TB_WINOGRAD_OUT;
    int64_t tiles_x = (out_w + TB_WINOGRAD_OUT - 1) / TB_WINOGRAD_OUT;
    return conv->kernel == 3 && conv->stride == 1 && conv->c_in >= WINOGRAD_MIN_C_IN &&
           8 * out_h * out_w >= WINOGRAD_MIN_INSIDE_8 * TB_WINOGRAD_PIXELS * tiles_y * tiles_x;
}

void tb_conv_run(tb_nn *nn, float *out, const tb_conv_pictures *in, const tb_conv *conv,
                 const float *residual)
{
    bool is_linear = conv->kernel == 1 && conv->stride == 1 && conv->pad_before == 0 &&
                     conv->pad_after == 0 && !in->is_doubled;
    if (is_linear)
        tb_linear(nn, out, in->x, (int64_t)in->n * in->h * in->w, &conv->matrix, residual);
    else if (tb_conv_is_winograd(conv, in->h, in->w))
        tb_winograd_run(nn, &(tb_winograd){conv, out, residual, in, 0});
    else
        tb_conv_run_direct(nn, out, in, conv, residual);
}

void tb_conv2d(tb_nn *nn, float *out, const float *in, int n, int h, int w, const tb_conv *conv,
               const float *residual)
{
    tb_conv_run(nn, out, &(tb_conv_pictures){in, n, h, w, false}, conv, residual);
}
