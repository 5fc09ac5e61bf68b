/* Eight floats in plain C: what `lanes` means. */
#ifndef TB_KERNELS_REF_LANES_H
#define TB_KERNELS_REF_LANES_H

#include <math.h>
#include <string.h>

#define LANES_INLINE static inline /* for what is written over lanes */

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

#endif
