#include "engine/nn/conv.h"

#include <assert.h>
#include <string.h>

#include "engine/nn/product.h"

int tb_conv_size(const tb_conv *conv, int size)
{
    return (size + conv->pad_before + conv->pad_after - conv->kernel) / conv->stride + 1;
}

typedef struct source {
    const tb_conv *conv;
    const float *in; /* [n, h*w, c_in] */
    int h, w, out_h, out_w;
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
        if (in_y >= 0 && in_y < s->h && in_x >= 0 && in_x < s->w) {
            size_t pixel = (size_t)in_y * (size_t)s->w + (size_t)in_x;
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
    size_t picture_len = (size_t)s->h * (size_t)s->w * (size_t)s->conv->c_in;
    int y = (int)(row % pixels / s->out_w), x = (int)(row % pixels % s->out_w);
    for (int r = 0; r < n_rows; r++) {
        gather_pixel(s, s->in + (size_t)i * picture_len, y, x, k, n_k, room + (size_t)r * n_k);
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

void tb_conv2d(tb_nn *nn, float *out, const float *in, int n, int h, int w, const tb_conv *conv,
               const float *residual)
{
    if (conv->kernel == 1 && conv->stride == 1 && conv->pad_before == 0 && conv->pad_after == 0) {
        tb_linear(nn, out, in, (int64_t)n * h * w, &conv->matrix, residual);
        return;
    }
    source s = {conv, in, h, w, tb_conv_size(conv, h), tb_conv_size(conv, w)};
    tb_product_run(nn, &(tb_product){.w = &conv->matrix,
                                     .n_rows = (int64_t)n * s.out_h * s.out_w,
                                     .out = out,
                                     .residual = residual,
                                     .rows = gather,
                                     .user = &s});
}

typedef struct upsample {
    float *out;
    const float *in;
    int h, w, out_h, out_w;
    size_t c;
} upsample;

/* One row of the result. */
static void upsample_row(int i_task, void *user)
{
    const upsample *u = user;
    size_t image = (size_t)(i_task / u->out_h), y = (size_t)(i_task % u->out_h / 2);
    const float *in = u->in + (image * (size_t)u->h + y) * (size_t)u->w * u->c;
    float *out = u->out + (size_t)i_task * (size_t)u->out_w * u->c;
    for (size_t x = 0; x < (size_t)u->out_w; x++)
        memcpy(out + x * u->c, in + x / 2 * u->c, sizeof *out * u->c);
}

void tb_upsample2(tb_nn *nn, float *out, int out_h, int out_w, const float *in, int n, int h, int w,
                  int c)
{
    assert((out_h + 1) / 2 <= h && (out_w + 1) / 2 <= w);
    if (tb_nn_begin(nn, 0))
        tb_nn_tasks(nn, n * out_h, upsample_row,
                    &(upsample){out, in, h, w, out_h, out_w, (size_t)c});
}
