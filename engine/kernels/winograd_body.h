/*
 * Winograd's transforms, written once over `lanes`. A transform of a square is that of its columns,
 * which pass through the stack, then that of the rows.
 */
#ifndef TB_KERNELS_WINOGRAD_BODY_H
#define TB_KERNELS_WINOGRAD_BODY_H

#include "engine/kernels/network_body.h" /* load_part, store_part */
#include "engine/kernels/winograd.h"

/* The points are a, -a, b, -b, 0, infinity with a = 3/4 and b = 3/2. */
#define POINT_A 0.75f
#define POINT_B 1.5f

/* x^4 - q^2 x^2 +- p (x^3 - q^2 x): two rows of B^T */
LANES_INLINE void input_pair(lanes out[2], const lanes d[6], float p, float q_squared)
{
    lanes q = lanes_set(q_squared), even = lanes_fnma(q, d[2], d[4]),
          odd = lanes_fnma(q, d[1], d[3]);
    out[0] = lanes_fma(lanes_set(p), odd, even);
    out[1] = lanes_fnma(lanes_set(p), odd, even);
}

/* x^4 - (a^2 + b^2) x^2 + a^2 b^2 of d0, d2, d4 or d1, d3, d5 */
LANES_INLINE lanes input_end(lanes low, lanes mid, lanes high)
{
    return lanes_fma(lanes_set(81.0f / 64), low, lanes_fnma(lanes_set(45.0f / 16), mid, high));
}

LANES_INLINE void input_line(lanes out[6], const lanes d[6])
{
    input_pair(out, d, POINT_A, POINT_B * POINT_B);
    input_pair(out + 2, d, POINT_B, POINT_A * POINT_A);
    out[4] = input_end(d[0], d[2], d[4]);
    out[5] = input_end(d[1], d[3], d[5]);
}

/* Channels c .. of a tile: all lanes, or `part` of them. */
LANES_INLINE void input_lanes(float *out, size_t plane, const float *const *pixels, size_t c,
                              size_t part)
{
    lanes line[6], column[6], half[TB_WINOGRAD_VALUES];
    for (int x = 0; x < 6; x++) {
        for (int y = 0; y < 6; y++) {
            const float *at = pixels[6 * y + x] + c;
            line[y] = part > 0 ? load_part(at, part) : lanes_load(at);
        }
        input_line(column, line);
        for (int y = 0; y < 6; y++)
            half[6 * y + x] = column[y];
    }
    for (int y = 0; y < 6; y++) {
        input_line(line, half + 6 * y);
        for (int x = 0; x < 6; x++) {
            float *at = out + (size_t)(6 * y + x) * plane + c;
            if (part > 0)
                store_part(at, line[x], part);
            else
                lanes_store(at, line[x]);
        }
    }
}

static void winograd_input(float *out, size_t plane, const float *const *pixels,
                           const float *const *next, int n)
{
    size_t c = 0, len = (size_t)n;
    for (; c + LANES <= len; c += LANES) {
        for (int i = 0; c % LINE_FLOATS == 0 && i < TB_WINOGRAD_VALUES; i++)
            __builtin_prefetch(next[i] + c);
        input_lanes(out, plane, pixels, c, 0);
    }
    if (c < len)
        input_lanes(out, plane, pixels, c, len - c);
}

/* s (g0 + p^2 g2) +- s p g1: two rows of G, by the factors s, s p, s p^2 */
LANES_INLINE void filter_pair(lanes out[2], const lanes g[3], float s, float sp, float spp)
{
    lanes even = lanes_fma(lanes_set(spp), g[2], lanes_mul(lanes_set(s), g[0]));
    out[0] = lanes_fma(lanes_set(sp), g[1], even);
    out[1] = lanes_fnma(lanes_set(sp), g[1], even);
}

/* Rows 2 * part and 2 * part + 1. */
LANES_INLINE void filter_rows(lanes out[2], const lanes g[3], int part)
{
    if (part == 0) { /* s = 1 / (2 a^2 (a^2 - b^2)) */
        filter_pair(out, g, -128.0f / 243, -32.0f / 81, -8.0f / 27);
    } else if (part == 1) { /* s = 1 / (2 b^2 (b^2 - a^2)) */
        filter_pair(out, g, 32.0f / 243, 16.0f / 81, 8.0f / 27);
    } else { /* s = 1 / (a^2 b^2), 1 */
        out[0] = lanes_mul(lanes_set(64.0f / 81), g[0]);
        out[1] = g[2];
    }
}

typedef lanes load_taps(const void *taps, size_t at);

LANES_INLINE lanes load_taps_f32(const void *taps, size_t at)
{
    return lanes_load((const float *)taps + at);
}

LANES_INLINE lanes load_taps_f16(const void *taps, size_t at)
{
    return lanes_load_f16((const uint16_t *)taps + at);
}

LANES_INLINE lanes load_taps_bf16(const void *taps, size_t at)
{
    return lanes_load_bf16((const uint16_t *)taps + at);
}

/* Lanes at .. of the panel's rows; at = 16 * channel + lane. */
LANES_INLINE void filter_lanes(float *out, size_t plane, const void *taps, size_t tap_ld, size_t at,
                               int part, load_taps *load)
{
    lanes rows[2][3], line[6];
    for (size_t x = 0; x < 3; x++) {
        lanes column[3], pair[2];
        for (size_t y = 0; y < 3; y++)
            column[y] = load(taps, (3 * y + x) * tap_ld + at);
        filter_rows(pair, column, part);
        rows[0][x] = pair[0];
        rows[1][x] = pair[1];
    }
    for (size_t y = 0; y < 2; y++) {
        for (int pair = 0; pair < 3; pair++)
            filter_rows(line + 2 * pair, rows[y], pair);
        for (size_t x = 0; x < 6; x++)
            lanes_store(out + (6 * y + x) * plane + at, line[x]);
    }
}

LANES_INLINE void filter_part(float *out, size_t plane, const void *taps, size_t tap_ld, int n,
                              int part, load_taps *load)
{
    for (size_t at = 0; at < (size_t)n * TB_GEMM_COLUMNS; at += LANES)
        filter_lanes(out, plane, taps, tap_ld, at, part, load);
}

/* Compiled for each part: its factors are constants. */
LANES_INLINE void filter(float *out, size_t plane, const void *taps, size_t tap_ld, int n, int part,
                         load_taps *load)
{
    if (part == 0)
        filter_part(out, plane, taps, tap_ld, n, 0, load);
    else if (part == 1)
        filter_part(out, plane, taps, tap_ld, n, 1, load);
    else
        filter_part(out, plane, taps, tap_ld, n, 2, load);
}

static void winograd_filter_f32(float *out, size_t plane, const float *taps, size_t tap_ld, int n,
                                int part)
{
    filter(out, plane, taps, tap_ld, n, part, load_taps_f32);
}

static void winograd_filter_f16(float *out, size_t plane, const uint16_t *taps, size_t tap_ld,
                                int n, int part)
{
    filter(out, plane, taps, tap_ld, n, part, load_taps_f16);
}

static void winograd_filter_bf16(float *out, size_t plane, const uint16_t *taps, size_t tap_ld,
                                 int n, int part)
{
    filter(out, plane, taps, tap_ld, n, part, load_taps_bf16);
}

/* Rows of A^T: 1 1 1 1 1 0; a -a b -b 0 0; their squares; their cubes and a last 1. */
LANES_INLINE void output_line(lanes out[4], const lanes m[6])
{
    const float a = POINT_A, b = POINT_B;
    lanes sum_a = lanes_add(m[0], m[1]), difference_a = lanes_sub(m[0], m[1]);
    lanes sum_b = lanes_add(m[2], m[3]), difference_b = lanes_sub(m[2], m[3]);
    out[0] = lanes_add(m[4], lanes_add(sum_a, sum_b));
    out[1] = lanes_fma(lanes_set(b), difference_b, lanes_mul(lanes_set(a), difference_a));
    out[2] = lanes_fma(lanes_set(b * b), sum_b, lanes_mul(lanes_set(a * a), sum_a));
    out[3] = lanes_fma(lanes_set(b * b * b), difference_b,
                       lanes_fma(lanes_set(a * a * a), difference_a, m[5]));
}

LANES_INLINE void output_pixel(const tb_winograd_output *o, int pixel, lanes y, lanes bias,
                               size_t c, size_t part)
{
    if (o->out[pixel] == NULL)
        return;
    if (o->bias != NULL)
        y = lanes_add(y, bias);
    if (o->residual != NULL) {
        const float *residual = o->residual[pixel] + c;
        y = lanes_add(y, part > 0 ? load_part(residual, part) : lanes_load(residual));
    }
    if (part > 0)
        store_part(o->out[pixel] + c, y, part);
    else
        lanes_store(o->out[pixel] + c, y);
}

LANES_INLINE void output_lanes(const tb_winograd_output *o, size_t c, size_t part)
{
    lanes line[6], column[4], half[4 * 6], bias = lanes_set(0);
    if (o->bias != NULL)
        bias = part > 0 ? load_part(o->bias + c, part) : lanes_load(o->bias + c);
    for (int x = 0; x < 6; x++) {
        for (int y = 0; y < 6; y++) {
            const float *at = o->sums + (size_t)(6 * y + x) * o->plane + c;
            line[y] = part > 0 ? load_part(at, part) : lanes_load(at);
        }
        output_line(column, line);
        for (int y = 0; y < 4; y++)
            half[6 * y + x] = column[y];
    }
    for (int y = 0; y < 4; y++) {
        output_line(column, half + 6 * y);
        for (int x = 0; x < 4; x++)
            output_pixel(o, 4 * y + x, column[x], bias, c, part);
    }
}

static void winograd_output(const tb_winograd_output *o)
{
    size_t c = 0, n = (size_t)o->n;
    for (; c + LANES <= n; c += LANES)
        output_lanes(o, c, 0);
    if (c < n)
        output_lanes(o, c, n - c);
}

#define WINOGRAD_KERNELS                                                                           \
    {                                                                                              \
        .input = winograd_input, .filter_f32 = winograd_filter_f32,                                \
        .filter_f16 = winograd_filter_f16, .filter_bf16 = winograd_filter_bf16,                    \
        .output = winograd_output,                                                                 \
    }

#endif
