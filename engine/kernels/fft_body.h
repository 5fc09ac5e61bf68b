/*
 * The passes of the Fourier transform and complex products, written once over `lanes`: a variant's
 * source file includes its lanes.h, then this.
 *
 * A butterfly is the forward DFT of a few numbers. The inverse is the forward one with real and
 * imaginary parts swapped, coming in and going out; so is a product with a conjugate factor.
 */
#ifndef TB_KERNELS_FFT_BODY_H
#define TB_KERNELS_FFT_BODY_H

#include "engine/kernels/table.h"

/* Which half of an element counts as the real part. */
enum { STRAIGHT = 0, SWAPPED = TB_LANES };

typedef struct complex_lanes {
    lanes re, im;
} complex_lanes;

LANES_INLINE complex_lanes complex_load(const float *p, int swap)
{
    return (complex_lanes){lanes_load(p + swap), lanes_load(p + TB_LANES - swap)};
}

LANES_INLINE void complex_store(float *p, int swap, complex_lanes a)
{
    lanes_store(p + swap, a.re);
    lanes_store(p + TB_LANES - swap, a.im);
}

LANES_INLINE complex_lanes complex_add(complex_lanes a, complex_lanes b)
{
    return (complex_lanes){lanes_add(a.re, b.re), lanes_add(a.im, b.im)};
}

LANES_INLINE complex_lanes complex_sub(complex_lanes a, complex_lanes b)
{
    return (complex_lanes){lanes_sub(a.re, b.re), lanes_sub(a.im, b.im)};
}

/* a + i b and a - i b */
LANES_INLINE complex_lanes complex_add_i(complex_lanes a, complex_lanes b)
{
    return (complex_lanes){lanes_sub(a.re, b.im), lanes_add(a.im, b.re)};
}

LANES_INLINE complex_lanes complex_sub_i(complex_lanes a, complex_lanes b)
{
    return (complex_lanes){lanes_add(a.re, b.im), lanes_sub(a.im, b.re)};
}

LANES_INLINE complex_lanes complex_mul(complex_lanes a, const float factor[2])
{
    lanes re = lanes_set(factor[0]), im = lanes_set(factor[1]);
    return (complex_lanes){lanes_fnma(a.im, im, lanes_mul(a.re, re)),
                           lanes_fma(a.im, re, lanes_mul(a.re, im))};
}

LANES_INLINE void butterfly_2(complex_lanes *x)
{
    complex_lanes difference = complex_sub(x[0], x[1]);
    x[0] = complex_add(x[0], x[1]);
    x[1] = difference;
}

LANES_INLINE void butterfly_4(complex_lanes *x)
{
    complex_lanes a = complex_add(x[0], x[2]), b = complex_sub(x[0], x[2]);
    complex_lanes c = complex_add(x[1], x[3]), d = complex_sub(x[1], x[3]);
    x[0] = complex_add(a, c);
    x[1] = complex_sub_i(b, d);
    x[2] = complex_sub(a, c);
    x[3] = complex_add_i(b, d);
}

/* sum[0] * cosines[0] + ... on top of x; the same without x for sines. */
LANES_INLINE complex_lanes weigh(complex_lanes x, const complex_lanes *sum, const float *cosines,
                                 int n)
{
    for (int q = 0; q < n; q++) {
        lanes c = lanes_set(cosines[q]);
        x = (complex_lanes){lanes_fma(c, sum[q].re, x.re), lanes_fma(c, sum[q].im, x.im)};
    }
    return x;
}

/*
 * Odd lengths: with s[q] = x[q] + x[n-q] and d[q] = x[q] - x[n-q],
 * outputs p and n-p are a -+ i b, a = x[0] + sum cos(2 pi p q / n) s[q], b = sum sin(...) d[q].
 */
LANES_INLINE void butterfly_odd(complex_lanes *x, int n, const float (*cosines)[3],
                                const float (*sines)[3])
{
    int half = n / 2;
    complex_lanes sum[3], difference[3], first = x[0];
    for (int q = 0; q < half; q++) {
        sum[q] = complex_add(x[1 + q], x[n - 1 - q]);
        difference[q] = complex_sub(x[1 + q], x[n - 1 - q]);
        x[0] = complex_add(x[0], sum[q]);
    }
    for (int p = 0; p < half; p++) {
        complex_lanes a = weigh(first, sum, cosines[p], half);
        lanes s = lanes_set(sines[p][0]);
        complex_lanes b = {lanes_mul(s, difference[0].re), lanes_mul(s, difference[0].im)};
        b = weigh(b, difference + 1, sines[p] + 1, half - 1);
        x[1 + p] = complex_sub_i(a, b);
        x[n - 1 - p] = complex_add_i(a, b);
    }
}

LANES_INLINE void butterfly_3(complex_lanes *x)
{
    static const float cosines[1][3] = {{-0.5f}}, sines[1][3] = {{0.866025403784438647f}};
    butterfly_odd(x, 3, cosines, sines);
}

#define COS_1_5 0.309016994374947424f    /* cos(2 pi / 5) */
#define COS_2_5 (-0.809016994374947424f) /* cos(4 pi / 5) */
#define SIN_1_5 0.951056516295153572f
#define SIN_2_5 0.587785252292473129f

LANES_INLINE void butterfly_5(complex_lanes *x)
{
    static const float cosines[2][3] = {{COS_1_5, COS_2_5}, {COS_2_5, COS_1_5}};
    static const float sines[2][3] = {{SIN_1_5, SIN_2_5}, {SIN_2_5, -SIN_1_5}};
    butterfly_odd(x, 5, cosines, sines);
}

#define COS_1_7 0.623489801858733530f    /* cos(2 pi / 7) */
#define COS_2_7 (-0.222520933956314404f) /* cos(4 pi / 7) */
#define COS_3_7 (-0.900968867902419126f) /* cos(6 pi / 7) */
#define SIN_1_7 0.781831482468029809f
#define SIN_2_7 0.974927912181823607f
#define SIN_3_7 0.433883739117558120f

LANES_INLINE void butterfly_7(complex_lanes *x)
{
    static const float cosines[3][3] = {
        {COS_1_7, COS_2_7, COS_3_7}, {COS_2_7, COS_3_7, COS_1_7}, {COS_3_7, COS_1_7, COS_2_7}};
    static const float sines[3][3] = {
        {SIN_1_7, SIN_2_7, SIN_3_7}, {SIN_2_7, -SIN_3_7, -SIN_1_7}, {SIN_3_7, -SIN_1_7, SIN_2_7}};
    butterfly_odd(x, 7, cosines, sines);
}

typedef void butterfly(complex_lanes *x);

/* One butterfly of elements m apart; twiddles [radix - 1][2], NULL: all 1. */
LANES_INLINE void forward_step(float *data, size_t m, const float *twiddles, int radix,
                               butterfly *run)
{
    complex_lanes x[TB_MAX_RADIX];
    for (int q = 0; q < radix; q++)
        x[q] = complex_load(data + (size_t)q * m * TB_ELEMENT_FLOATS, STRAIGHT);
    run(x);
    complex_store(data, STRAIGHT, x[0]);
    for (int p = 1; p < radix; p++) {
        complex_lanes y = twiddles != NULL ? complex_mul(x[p], twiddles + 2 * (p - 1)) : x[p];
        complex_store(data + (size_t)p * m * TB_ELEMENT_FLOATS, STRAIGHT, y);
    }
}

LANES_INLINE void inverse_step(float *data, size_t m, const float *twiddles, int radix,
                               butterfly *run)
{
    complex_lanes x[TB_MAX_RADIX];
    x[0] = complex_load(data, SWAPPED);
    for (int p = 1; p < radix; p++) {
        x[p] = complex_load(data + (size_t)p * m * TB_ELEMENT_FLOATS, SWAPPED);
        if (twiddles != NULL)
            x[p] = complex_mul(x[p], twiddles + 2 * (p - 1));
    }
    run(x);
    for (int q = 0; q < radix; q++)
        complex_store(data + (size_t)q * m * TB_ELEMENT_FLOATS, SWAPPED, x[q]);
}

/* forward_R and inverse_R: tb_fft_pass of radix R. */
#define DEFINE_PASS(direction, R)                                                                  \
    static void direction##_##R(float *data, int n_blocks, int m, const float *twiddles)           \
    {                                                                                              \
        for (int b = 0; b < n_blocks; b++) {                                                       \
            float *at = data + (size_t)b * (R) * (size_t)m * TB_ELEMENT_FLOATS;                    \
            const float *w = twiddles;                                                             \
            direction##_step(at, (size_t)m, NULL, R, butterfly_##R);                               \
            for (int j = 1; j < m; j++, w += 2 * ((R)-1)) {                                        \
                at += TB_ELEMENT_FLOATS;                                                           \
                direction##_step(at, (size_t)m, w, R, butterfly_##R);                              \
            }                                                                                      \
        }                                                                                          \
    }
#define DEFINE_PASSES(R)                                                                           \
    DEFINE_PASS(forward, R)                                                                        \
    DEFINE_PASS(inverse, R)

DEFINE_PASSES(2)
DEFINE_PASSES(3)
DEFINE_PASSES(4)
DEFINE_PASSES(5)
DEFINE_PASSES(7)

static void multiply(float *out, const float *in, const float *factors, int n)
{
    for (size_t j = 0; j < (size_t)n; j++) {
        complex_lanes x = complex_load(in + j * TB_ELEMENT_FLOATS, STRAIGHT);
        complex_store(out + j * TB_ELEMENT_FLOATS, STRAIGHT, complex_mul(x, factors + 2 * j));
    }
}

static void multiply_conj(float *out, const float *in, const float *factors, int n)
{
    for (size_t j = 0; j < (size_t)n; j++) {
        complex_lanes x = complex_load(in + j * TB_ELEMENT_FLOATS, SWAPPED);
        complex_store(out + j * TB_ELEMENT_FLOATS, SWAPPED, complex_mul(x, factors + 2 * j));
    }
}

static void multiply_conj_add(float *out, const float *in, const float *factors, int n)
{
    for (size_t j = 0; j < (size_t)n; j++) {
        complex_lanes x = complex_load(in + j * TB_ELEMENT_FLOATS, SWAPPED);
        complex_lanes sum = complex_load(out + j * TB_ELEMENT_FLOATS, SWAPPED);
        sum = complex_add(sum, complex_mul(x, factors + 2 * j));
        complex_store(out + j * TB_ELEMENT_FLOATS, SWAPPED, sum);
    }
}

#endif
