/*
 * What the network does element by element, along rows and along columns, written once over
 * `lanes`. What does not fill the lanes goes through padded copies and the same operations.
 */
#ifndef TB_KERNELS_NETWORK_BODY_H
#define TB_KERNELS_NETWORK_BODY_H

#include <math.h>
#include <string.h>

#include "engine/kernels/functions_body.h"
#include "engine/kernels/gemm_body.h"
#include "engine/kernels/softmax_body.h"

enum {
    PARTIALS = 16, /* of a sum along a row */
    PARTIAL_LANES = PARTIALS / LANES
};

/* n <= LANES floats, zeros behind them */
LANES_INLINE lanes load_part(const float *p, size_t n)
{
    float padded[LANES] = {0};
    memcpy(padded, p, sizeof *p * n);
    return lanes_load(padded);
}

LANES_INLINE void store_part(float *p, lanes a, size_t n)
{
    float padded[LANES];
    lanes_store(padded, a);
    memcpy(p, padded, sizeof *p * n);
}

typedef lanes map_step(lanes a, lanes b, lanes c);

/* out[i] = step(a[i], b[i], c) */
LANES_INLINE void map(float *out, const float *a, const float *b, float c, size_t n, map_step *step)
{
    lanes constant = lanes_set(c);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        lanes_store(out + i, step(lanes_load(a + i), lanes_load(b + i), constant));
    if (i < n)
        store_part(out + i, step(load_part(a + i, n - i), load_part(b + i, n - i), constant),
                   n - i);
}

LANES_INLINE lanes add_step(lanes a, lanes b, lanes c)
{
    (void)c;
    return lanes_add(a, b);
}

LANES_INLINE lanes scale_step(lanes a, lanes b, lanes c)
{
    (void)b;
    return lanes_mul(a, c);
}

LANES_INLINE lanes sigmoid_step(lanes a, lanes b, lanes c)
{
    (void)b;
    return lanes_sigmoid_product(a, c);
}

LANES_INLINE lanes gelu_step(lanes a, lanes b, lanes c)
{
    (void)b, (void)c;
    return lanes_gelu(a);
}

LANES_INLINE lanes geglu_step(lanes a, lanes b, lanes c)
{
    (void)c;
    return lanes_mul(a, lanes_gelu(b));
}

static void add(float *out, const float *a, const float *b, size_t n)
{
    map(out, a, b, 0, n, add_step);
}

static void add_twice(float *out, const float *a, const float *b, const float *c, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        lanes sum = lanes_add(lanes_load(a + i), lanes_load(b + i));
        lanes_store(out + i, lanes_add(sum, lanes_load(c + i)));
    }
    if (i < n) {
        lanes sum = lanes_add(load_part(a + i, n - i), load_part(b + i, n - i));
        store_part(out + i, lanes_add(sum, load_part(c + i, n - i)), n - i);
    }
}

static void scale(float *out, const float *in, float factor, size_t n)
{
    map(out, in, in, factor, n, scale_step);
}

static void silu(float *out, const float *in, size_t n)
{
    map(out, in, in, -1, n, sigmoid_step);
}

static void quick_gelu(float *out, const float *in, size_t n)
{
    map(out, in, in, -1.702f, n, sigmoid_step);
}

static void gelu(float *out, const float *in, size_t n)
{
    map(out, in, in, 0, n, gelu_step);
}

static void geglu(float *out, const float *hidden, const float *gate, size_t n)
{
    map(out, hidden, gate, 0, n, geglu_step);
}

LANES_INLINE void scale_shift_row(float *out, const float *in, const float *scales,
                                  const float *shifts, size_t n, bool has_silu)
{
    size_t c = 0;
    for (; c + LANES <= n; c += LANES) {
        lanes y = lanes_fma(lanes_load(in + c), lanes_load(scales + c), lanes_load(shifts + c));
        lanes_store(out + c, has_silu ? lanes_silu(y) : y);
    }
    if (c < n) {
        size_t rest = n - c;
        lanes y = lanes_fma(load_part(in + c, rest), load_part(scales + c, rest),
                            load_part(shifts + c, rest));
        store_part(out + c, has_silu ? lanes_silu(y) : y, rest);
    }
}

static void scale_shift(float *out, const float *in, size_t ld, const float *scales,
                        const float *shifts, int n_rows, int n_channels, bool has_silu)
{
    for (size_t r = 0; r < (size_t)n_rows; r++) {
        if (has_silu)
            scale_shift_row(out + r * ld, in + r * ld, scales, shifts, (size_t)n_channels, true);
        else
            scale_shift_row(out + r * ld, in + r * ld, scales, shifts, (size_t)n_channels, false);
    }
}

/* The moments of n_lanes * LANES channels, or of `part` of LANES: the rows come from cache the
 * second time. */
LANES_INLINE void moments_block(float *sum, float *m2, const float *in, size_t ld, int n_rows,
                                int n_lanes, size_t part)
{
    lanes total[4], squares[4], mean[4], n = lanes_set((float)n_rows);
    for (int l = 0; l < n_lanes; l++)
        total[l] = squares[l] = lanes_set(0);
    for (size_t r = 0; r < (size_t)n_rows; r++)
        for (int l = 0; l < n_lanes; l++) {
            const float *at = in + r * ld + l * LANES;
            total[l] = lanes_add(total[l], part > 0 ? load_part(at, part) : lanes_load(at));
        }
    for (int l = 0; l < n_lanes; l++)
        mean[l] = lanes_div(total[l], n);
    for (size_t r = 0; r < (size_t)n_rows; r++)
        for (int l = 0; l < n_lanes; l++) {
            const float *at = in + r * ld + l * LANES;
            lanes d = lanes_sub(part > 0 ? load_part(at, part) : lanes_load(at), mean[l]);
            squares[l] = lanes_fma(d, d, squares[l]);
        }
    for (int l = 0; l < n_lanes; l++) {
        size_t len = part > 0 ? part : LANES;
        store_part(sum + l * LANES, total[l], len);
        store_part(m2 + l * LANES, squares[l], len);
    }
}

static void channel_moments(float *sum, float *m2, const float *in, size_t ld, int n_rows,
                            int n_channels)
{
    size_t c = 0, n = (size_t)n_channels;
    for (; c + 4 * LANES <= n; c += 4 * LANES)
        moments_block(sum + c, m2 + c, in + c, ld, n_rows, 4, 0);
    for (; c + LANES <= n; c += LANES)
        moments_block(sum + c, m2 + c, in + c, ld, n_rows, 1, 0);
    if (c < n)
        moments_block(sum + c, m2 + c, in + c, ld, n_rows, 1, n - c);
}

/* s[i] += s[i + 8], then 4, 2, 1 */
LANES_INLINE float add_partials(const lanes partial[PARTIAL_LANES])
{
    lanes sum = partial[0];
    for (int h = 1; h < PARTIAL_LANES; h++)
        sum = lanes_add(sum, partial[h]);
    return lanes_fold(sum);
}

/* What LANES elements of a row give to a sum. */
typedef lanes row_term(lanes x, lanes mean);

/* n < 16 elements at the end of a row; those that are missing give +0, whatever their term is. */
LANES_INLINE void row_rest(lanes partial[PARTIAL_LANES], const float *in, lanes mean, size_t n,
                           row_term *term)
{
    float padded[PARTIALS] = {0}, terms[PARTIALS];
    memcpy(padded, in, sizeof *in * n);
    for (int h = 0; h < PARTIAL_LANES; h++)
        lanes_store(terms + h * LANES, term(lanes_load(padded + h * LANES), mean));
    for (size_t i = n; i < PARTIALS; i++)
        terms[i] = 0;
    for (int h = 0; h < PARTIAL_LANES; h++)
        partial[h] = lanes_add(partial[h], lanes_load(terms + h * LANES));
}

/* The sum16 of a row's terms. */
LANES_INLINE float row_sum(const float *in, float mean, size_t n, row_term *term)
{
    lanes partial[PARTIAL_LANES], m = lanes_set(mean);
    size_t i = 0;
    for (int h = 0; h < PARTIAL_LANES; h++)
        partial[h] = lanes_set(0);
    for (; i + PARTIALS <= n; i += PARTIALS)
        for (size_t h = 0; h < PARTIAL_LANES; h++)
            partial[h] = lanes_add(partial[h], term(lanes_load(in + i + h * LANES), m));
    if (i < n)
        row_rest(partial, in + i, m, n - i, term);
    return add_partials(partial);
}

LANES_INLINE lanes itself(lanes x, lanes mean)
{
    (void)mean;
    return x;
}

LANES_INLINE lanes squared_distance(lanes x, lanes mean)
{
    lanes d = lanes_sub(x, mean);
    return lanes_mul(d, d);
}

LANES_INLINE lanes normal_lanes(lanes x, lanes mean, lanes r, lanes gain, lanes bias)
{
    return lanes_fma(lanes_mul(lanes_sub(x, mean), r), gain, bias);
}

static void layer_norm(float *out, const float *in, const float *gain, const float *bias, int n,
                       float eps)
{
    size_t len = (size_t)n, i = 0;
    float mean = row_sum(in, 0, len, itself) / (float)n;
    float variance = row_sum(in, mean, len, squared_distance) / (float)n;
    lanes m = lanes_set(mean), r = lanes_set(1 / sqrtf(variance + eps));
    for (; i + LANES <= len; i += LANES)
        lanes_store(out + i, normal_lanes(lanes_load(in + i), m, r, lanes_load(gain + i),
                                          lanes_load(bias + i)));
    if (i < len) {
        size_t rest = len - i;
        store_part(out + i,
                   normal_lanes(load_part(in + i, rest), m, r, load_part(gain + i, rest),
                                load_part(bias + i, rest)),
                   rest);
    }
}

#define NETWORK_KERNELS                                                                            \
    {                                                                                              \
        .gemm = gemm, .gemm_panels = TILE_PANELS, .widen_f16 = widen_f16,                          \
        .widen_bf16 = widen_bf16, .pack_rows = pack_rows, .add = add, .add_twice = add_twice,      \
        .silu = silu, .quick_gelu = quick_gelu, .gelu = gelu, .geglu = geglu,                      \
        .scale_shift = scale_shift, .channel_moments = channel_moments, .layer_norm = layer_norm,  \
        .softmax = softmax, .scale = scale,                                                        \
    }

#endif
