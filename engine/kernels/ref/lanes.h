/* Eight floats in plain C: what `lanes` means. */
#ifndef TB_KERNELS_REF_LANES_H
#define TB_KERNELS_REF_LANES_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define LANES_INLINE static inline /* for what is written over lanes */

#define TILE_ROWS   6 /* of the matrix product: 12 accumulators */
#define TILE_PANELS 1

enum { LANES = 8 };

typedef struct lanes {
    float v[8];
} lanes;

#define LANES_MAP(expression)                                                                      \
    lanes out;                                                                                     \
    for (int i = 0; i < 8; i++)                                                                    \
        out.v[i] = (expression);                                                                   \
    return out

static inline lanes lanes_load(const float *p)
{
    lanes out;
    memcpy(out.v, p, sizeof out.v);
    return out;
}

static inline void lanes_store(float *p, lanes a)
{
    memcpy(p, a.v, sizeof a.v);
}

static inline lanes lanes_set(float x)
{
    LANES_MAP(x);
}

static inline lanes lanes_add(lanes a, lanes b)
{
    LANES_MAP(a.v[i] + b.v[i]);
}

static inline lanes lanes_sub(lanes a, lanes b)
{
    LANES_MAP(a.v[i] - b.v[i]);
}

static inline lanes lanes_mul(lanes a, lanes b)
{
    LANES_MAP(a.v[i] * b.v[i]);
}

static inline lanes lanes_div(lanes a, lanes b)
{
    LANES_MAP(a.v[i] / b.v[i]);
}

static inline lanes lanes_sqrt(lanes a)
{
    LANES_MAP(sqrtf(a.v[i]));
}

/* a * b + c, rounded once */
static inline lanes lanes_fma(lanes a, lanes b, lanes c)
{
    LANES_MAP(fmaf(a.v[i], b.v[i], c.v[i]));
}

/* c - a * b, rounded once */
static inline lanes lanes_fnma(lanes a, lanes b, lanes c)
{
    LANES_MAP(fmaf(-a.v[i], b.v[i], c.v[i]));
}

/* v[i] lane k becomes v[k] lane i */
static inline void lanes_transpose(lanes v[8])
{
    lanes in[8];
    memcpy(in, v, sizeof in);
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < 8; k++)
            v[i].v[k] = in[k].v[i];
}

/* out[16] = a[0] b[0] a[1] b[1] ... */
static inline void lanes_store_interleaved(float *out, lanes a, lanes b)
{
    for (int i = 0; i < 8; i++) {
        out[2 * i] = a.v[i];
        out[2 * i + 1] = b.v[i];
    }
}

/* a * b + c for one number a, rounded once */
static inline lanes lanes_fma_one(float a, lanes b, lanes c)
{
    LANES_MAP(fmaf(a, b.v[i], c.v[i]));
}

/* The second where either is not a number, and of two zeros. */
static inline lanes lanes_max(lanes a, lanes b)
{
    LANES_MAP(a.v[i] > b.v[i] ? a.v[i] : b.v[i]);
}

static inline lanes lanes_min(lanes a, lanes b)
{
    LANES_MAP(a.v[i] < b.v[i] ? a.v[i] : b.v[i]);
}

static inline lanes lanes_abs(lanes a)
{
    LANES_MAP(fabsf(a.v[i]));
}

/* yes where a <= b; else, and where either is not a number, no */
static inline lanes lanes_select_le(lanes a, lanes b, lanes yes, lanes no)
{
    LANES_MAP(a.v[i] <= b.v[i] ? yes.v[i] : no.v[i]);
}

/* The second half is added to the first, again and again: 8 numbers, 4, 2, one. */
static inline float lanes_fold(lanes a)
{
    for (int half = 4; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a.v[i] += a.v[i + half];
    return a.v[0];
}

static inline float float_of_bits(uint32_t bits)
{
    float out;
    memcpy(&out, &bits, sizeof out);
    return out;
}

/* Adds the lowest 8 bits of n's representation to the exponent of a, modulo 2^8. */
static inline lanes lanes_add_exponent(lanes a, lanes n)
{
    uint32_t bits[8], power[8];
    memcpy(bits, a.v, sizeof bits);
    memcpy(power, n.v, sizeof power);
    LANES_MAP(float_of_bits(bits[i] + (power[i] << 23)));
}

static inline float float_of_half(uint32_t half)
{
    uint32_t sign = (half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 0x3ff;
    if (exponent == 31)
        return float_of_bits(sign | 0x7f800000 | fraction << 13);
    if (exponent == 0)
        return sign != 0 ? -0x1p-24f * (float)fraction : 0x1p-24f * (float)fraction;
    return float_of_bits(sign | (exponent + 127 - 15) << 23 | fraction << 13);
}

static inline lanes lanes_load_f16(const uint16_t *p)
{
    LANES_MAP(float_of_half(p[i]));
}

static inline lanes lanes_load_bf16(const uint16_t *p)
{
    LANES_MAP(float_of_bits((uint32_t)p[i] << 16));
}

#endif
