/*
 * Rows of samples to buffers and back, and what is done to the bins of a buffer, written once over
 * `lanes`; after fft_body.h.
 *
 * A lane carries two real frames as z = a + i b. With Z its transform of length N:
 *     A[k] = (Z[k] + conj Z[N-k]) / 2      B[k] = (Z[k] - conj Z[N-k]) / 2i
 *     Z[k] = A[k] + i B[k]                 Z[N-k] = conj A[k] + i conj B[k]
 * The halving is left to whoever scaled the input.
 */
#ifndef TB_KERNELS_FRAMES_BODY_H
#define TB_KERNELS_FRAMES_BODY_H

#include <string.h>

#include "engine/kernels/fft_body.h"

enum { HALF_FLOATS = TB_ELEMENT_FLOATS, BIN_FLOATS = 2 * HALF_FLOATS };

/* Up to 8 floats of 8 rows (every second of 16), turned: out[j] are the lanes of sample at + j. */
LANES_INLINE void load_block(lanes out[8], const float *const *rows, size_t at, int n)
{
    float padded[8] = {0};
    for (int l = 0; l < 8; l++) {
        if (n < 8)
            memset(padded, 0, sizeof padded);
        if (n < 8)
            memcpy(padded, rows[2 * l] + at, sizeof *padded * (size_t)n);
        out[l] = lanes_load(n < 8 ? padded : rows[2 * l] + at);
    }
    lanes_transpose(out);
}

LANES_INLINE void store_block(float *const *rows, size_t at, lanes in[8], int n)
{
    float padded[8] = {0};
    lanes_transpose(in);
    for (int l = 0; l < 8; l++) {
        lanes_store(n < 8 ? padded : rows[2 * l] + at, in[l]);
        if (n < 8)
            memcpy(rows[2 * l] + at, padded, sizeof *padded * (size_t)n);
    }
}

LANES_INLINE lanes weighted(lanes x, const float *window, size_t j)
{
    return window != NULL ? lanes_mul(x, lanes_set(window[j])) : x;
}

LANES_INLINE void load_rows_block(float *out, const float *const *rows, const float *window_even,
                                  const float *window_odd, size_t at, int n)
{
    lanes re[8], im[8];
    load_block(re, rows, at, n);
    load_block(im, rows + 1, at, n);
    for (int j = 0; j < n; j++) {
        complex_lanes x = {weighted(re[j], window_even, at + (size_t)j),
                           weighted(im[j], window_odd, at + (size_t)j)};
        complex_store(out + (at + (size_t)j) * TB_ELEMENT_FLOATS, STRAIGHT, x);
    }
}

static void load_rows(float *out, const float *const rows[TB_BATCH_FRAMES],
                      const float *window_even, const float *window_odd, int n)
{
    int at = 0;
    for (; at + 8 <= n; at += 8)
        load_rows_block(out, rows, window_even, window_odd, (size_t)at, 8);
    if (at < n)
        load_rows_block(out, rows, window_even, window_odd, (size_t)at, n - at);
}

LANES_INLINE void store_rows_block(float *const *rows, const float *in, const float *window_even,
                                   const float *window_odd, size_t at, int n)
{
    lanes re[8], im[8];
    for (int j = 0; j < 8; j++) {
        size_t i = at + (size_t)(j < n ? j : 0);
        complex_lanes x = complex_load(in + i * TB_ELEMENT_FLOATS, STRAIGHT);
        re[j] = weighted(x.re, window_even, i);
        im[j] = weighted(x.im, window_odd, i);
    }
    store_block(rows, at, re, n);
    store_block(rows + 1, at, im, n);
}

static void store_rows(float *const rows[TB_BATCH_FRAMES], const float *in,
                       const float *window_even, const float *window_odd, int n)
{
    int at = 0;
    for (; at + 8 <= n; at += 8)
        store_rows_block(rows, in, window_even, window_odd, (size_t)at, 8);
    if (at < n)
        store_rows_block(rows, in, window_even, window_odd, (size_t)at, n - at);
}

/* 2 A[k] and 2 B[k] of Z[k] and Z[N-k]. */
LANES_INLINE void split(complex_lanes z, complex_lanes mirror, complex_lanes *a, complex_lanes *b)
{
    *a = (complex_lanes){lanes_add(z.re, mirror.re), lanes_sub(z.im, mirror.im)};
    *b = (complex_lanes){lanes_add(z.im, mirror.im), lanes_sub(mirror.re, z.re)};
}

LANES_INLINE void join(complex_lanes a, complex_lanes b, complex_lanes *z, complex_lanes *mirror)
{
    *z = (complex_lanes){lanes_sub(a.re, b.im), lanes_add(a.im, b.re)};
    *mirror = (complex_lanes){lanes_add(a.re, b.im), lanes_sub(b.re, a.im)};
}

/* Bins k .. k+n-1 (n <= 4) of 16 frames in natural order: four complex numbers of a row are eight
 * floats, so blocks turn as rows do. */
LANES_INLINE void split_block(float *const *rows, const float *data, const int32_t *position,
                              int length, int k, int n)
{
    lanes even[8], odd[8], half = lanes_set(0.5f);
    for (int i = 0; i < 4; i++) {
        int bin = i < n ? k + i : k, mirror = bin == 0 ? 0 : length - bin;
        complex_lanes a, b;
        split(complex_load(data + (size_t)position[bin] * TB_ELEMENT_FLOATS, STRAIGHT),
              complex_load(data + (size_t)position[mirror] * TB_ELEMENT_FLOATS, STRAIGHT), &a, &b);
        even[2 * i] = lanes_mul(half, a.re);
        even[2 * i + 1] = lanes_mul(half, a.im);
        odd[2 * i] = lanes_mul(half, b.re);
        odd[2 * i + 1] = lanes_mul(half, b.im);
    }
    store_block(rows, 2 * (size_t)k, even, 2 * n);
    store_block(rows + 1, 2 * (size_t)k, odd, 2 * n);
}

static void split_bins(float *bins, const float *data, const int32_t *position, int n)
{
    float *rows[TB_BATCH_FRAMES];
    int n_bins = n / 2 + 1, k = 0;
    for (size_t i = 0; i < TB_BATCH_FRAMES; i++)
        rows[i] = bins + i * 2 * (size_t)n_bins;
    for (; k + 4 <= n_bins; k += 4)
        split_block(rows, data, position, n, k, 4);
    if (k < n_bins)
        split_block(rows, data, position, n, k, n_bins - k);
}

LANES_INLINE void join_block(float *data, const float *const *rows, const int32_t *position,
                             int length, int k, int n)
{
    lanes even[8], odd[8];
    load_block(even, rows, 2 * (size_t)k, 2 * n);
    load_block(odd, rows + 1, 2 * (size_t)k, 2 * n);
    for (int i = 0; i < n; i++) {
        int bin = k + i, mirror = bin == 0 ? 0 : length - bin;
        complex_lanes a = {even[2 * i], even[2 * i + 1]}, b = {odd[2 * i], odd[2 * i + 1]};
        complex_lanes z, z_mirror;
        if (bin == mirror)
            a.im = b.im = lanes_set(0);
        join(a, b, &z, &z_mirror);
        complex_store(data + (size_t)position[mirror] * TB_ELEMENT_FLOATS, STRAIGHT, z_mirror);
        complex_store(data + (size_t)position[bin] * TB_ELEMENT_FLOATS, STRAIGHT, z);
    }
}

static void join_bins(float *data, const float *bins, const int32_t *position, int n)
{
    const float *rows[TB_BATCH_FRAMES];
    int n_bins = n / 2 + 1, k = 0;
    for (size_t i = 0; i < TB_BATCH_FRAMES; i++)
        rows[i] = bins + i * 2 * (size_t)n_bins;
    for (; k + 4 <= n_bins; k += 4)
        join_block(data, rows, position, n, k, 4);
    if (k < n_bins)
        join_block(data, rows, position, n, k, n_bins - k);
}

/* The bin of the even and of the odd frames. */
LANES_INLINE void load_pair(const float *buffer, const tb_bin_pair *pair, complex_lanes half[2])
{
    split(complex_load(buffer + (size_t)pair->at * TB_ELEMENT_FLOATS, STRAIGHT),
          complex_load(buffer + (size_t)pair->mirror_at * TB_ELEMENT_FLOATS, STRAIGHT), &half[0],
          &half[1]);
}

LANES_INLINE void store_pair(float *buffer, const tb_bin_pair *pair, const complex_lanes half[2])
{
    complex_lanes z, mirror;
    join(half[0], half[1], &z, &mirror);
    complex_store(buffer + (size_t)pair->mirror_at * TB_ELEMENT_FLOATS, STRAIGHT, mirror);
    complex_store(buffer + (size_t)pair->at * TB_ELEMENT_FLOATS, STRAIGHT, z);
}

static void analyze(float *X, const float *buffer, const tb_bin_pairs *bins)
{
    for (size_t i = 0; i < (size_t)bins->n; i++) {
        complex_lanes half[2];
        load_pair(buffer, &bins->pairs[i], half);
        for (size_t h = 0; h < 2; h++)
            complex_store(X + (size_t)bins->pairs[i].bin * BIN_FLOATS + h * HALF_FLOATS, STRAIGHT,
                          complex_mul(half[h], bins->phases + 4 * i + 2 * h));
    }
}

static void synthesize(float *buffer, const float *X, const tb_bin_pairs *bins)
{
    for (size_t i = 0; i < (size_t)bins->n; i++) {
        const tb_bin_pair *pair = &bins->pairs[i];
        complex_lanes half[2];
        for (size_t h = 0; h < 2; h++) {
            complex_lanes x = complex_load(X + (size_t)pair->bin * BIN_FLOATS + h * HALF_FLOATS,
                                           SWAPPED); /* for the conjugate factor */
            if (pair->at == pair->mirror_at)
                x.re = lanes_set(0);
            x = complex_mul(x, bins->phases + 4 * i + 2 * h);
            half[h] = (complex_lanes){x.im, pair->at == pair->mirror_at ? lanes_set(0) : x.re};
        }
        store_pair(buffer, pair, half);
    }
}

LANES_INLINE lanes magnitude(complex_lanes a)
{
    return lanes_sqrt(lanes_fma(a.re, a.re, lanes_mul(a.im, a.im)));
}

static void magnitudes(float *out, const float *buffer, const tb_bin_pairs *bins)
{
    for (size_t i = 0; i < (size_t)bins->n; i++) {
        complex_lanes half[2];
        load_pair(buffer, &bins->pairs[i], half);
        lanes_store_interleaved(out + (size_t)bins->pairs[i].bin * TB_BATCH_FRAMES,
                                magnitude(half[0]), magnitude(half[1]));
    }
}

/* R becomes now; returns S * a / (|a| + 1e-16), a = now - momentum * (what R was). */
LANES_INLINE complex_lanes fit(complex_lanes now, const float *S, float *R, lanes momentum)
{
    complex_lanes before = complex_load(R, STRAIGHT);
    complex_store(R, STRAIGHT, now);
    complex_lanes a = {lanes_fnma(momentum, before.re, now.re),
                       lanes_fnma(momentum, before.im, now.im)};
    lanes scale = lanes_div(lanes_load(S), lanes_add(magnitude(a), lanes_set(1e-16f)));
    return (complex_lanes){lanes_mul(a.re, scale), lanes_mul(a.im, scale)};
}

static void griffin_lim(float *buffer, const float *S, float *R, float momentum,
                        const tb_bin_pairs *bins)
{
    lanes m = lanes_set(momentum);
    for (size_t i = 0; i < (size_t)bins->n; i++) {
        complex_lanes half[2];
        load_pair(buffer, &bins->pairs[i], half);
        for (size_t h = 0; h < 2; h++)
            half[h] = fit(half[h], S + (2 * i + h) * TB_LANES, R + (2 * i + h) * HALF_FLOATS, m);
        store_pair(buffer, &bins->pairs[i], half);
    }
}

static void griffin_lim_last(float *X, const float *buffer, const float *S, float *R,
                             float momentum, const tb_bin_pairs *bins)
{
    lanes m = lanes_set(momentum);
    for (size_t i = 0; i < (size_t)bins->n; i++) {
        complex_lanes half[2];
        load_pair(buffer, &bins->pairs[i], half);
        for (size_t h = 0; h < 2; h++) {
            half[h] = fit(half[h], S + (2 * i + h) * TB_LANES, R + (2 * i + h) * HALF_FLOATS, m);
            complex_store(X + (size_t)bins->pairs[i].bin * BIN_FLOATS + h * HALF_FLOATS, STRAIGHT,
                          complex_mul(half[h], bins->phases + 4 * i + 2 * h));
        }
    }
}

/* A variant's table. */
#define FRAME_KERNELS                                                                              \
    {                                                                                              \
        .fft_forward =                                                                             \
            {[2] = forward_2, [3] = forward_3, [4] = forward_4, [5] = forward_5, [7] = forward_7}, \
        .fft_inverse =                                                                             \
            {[2] = inverse_2, [3] = inverse_3, [4] = inverse_4, [5] = inverse_5, [7] = inverse_7}, \
        .multiply = multiply, .multiply_conj = multiply_conj,                                      \
        .multiply_conj_add = multiply_conj_add, .load_rows = load_rows, .store_rows = store_rows,  \
        .split_bins = split_bins, .join_bins = join_bins, .analyze = analyze,                      \
        .synthesize = synthesize, .magnitudes = magnitudes, .griffin_lim = griffin_lim,            \
        .griffin_lim_last = griffin_lim_last,                                                      \
    }

#endif
